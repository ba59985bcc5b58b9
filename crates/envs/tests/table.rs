//! Tables of sequences: the real ones where they are at hand, and what is no table.

use std::path::PathBuf;

use anabranch_core::Reward;
use anabranch_core::data::data_file;
use anabranch_core::logspace::log_sum_exp;
use anabranch_envs::sequence::Letters;
use anabranch_envs::table::{DNA, QM9_BLOCKS, SequenceTable};

/// log R of the first sequence, and log Z; literals from the evaluation named at their tests.
const TFBIND8_FIRST: f64 = 0.36808236239452535;
const TFBIND8_LOG_Z: f64 = 11.462147130398236;
const QM9_FIRST: f64 = 1.0845812548751217;
const QM9_LOG_Z: f64 = 11.926703393006989;

/// The file in the data folder or next to the repository.
fn real(relative: &str) -> Option<PathBuf> {
    let shared = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let found = data_file(relative).unwrap_or_else(|_| PathBuf::from(shared).join(relative));
    if found.is_file() {
        return Some(found);
    }
    println!("SKIPPED: {relative} is not at hand; set GFN_DATA to a folder that holds it");
    None
}

/// Least and greatest E-score as `min -0.47907, max 0.49105` in the notes on the data; 328 modes as in
/// the list of arXiv 2305.07170. Log Z and the reward of AAAAAAAA by an independent evaluation (Python).
#[test]
fn tfbind8() {
    let Some(path) = real("tfbind8/six6_ref_r1.csv.gz") else {
        return;
    };
    let table = SequenceTable::tfbind8(&path).unwrap();
    assert_eq!(table.scores().len(), 65_536);
    let extremes = |values: &[f64]| {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        (
            low,
            values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        )
    };
    assert_eq!(extremes(table.scores()), (-0.47907, 0.49105));
    assert_eq!(extremes(table.rewards()), (1e-3, 10.0));
    let first = Letters::from_text("AAAAAAAA", DNA).unwrap();
    let score = table.log_reward(&[first]).unwrap()[0];
    assert!((score - TFBIND8_FIRST).abs() < 1e-10, "{score}");
    let logs: Vec<f64> = table.rewards().iter().map(|r| r.ln()).collect();
    let log_z = log_sum_exp(&logs);
    assert!((log_z - TFBIND8_LOG_Z).abs() < 1e-8, "{log_z}");
    let modes = table.modes();
    assert_eq!(modes.len(), 328);
    let best = table.log_reward(&modes).unwrap();
    assert!(best.is_sorted_by(|a, b| a >= b));
    println!("tfbind8: log Z {log_z}, best {}", modes[0].text(DNA));
}

/// 805 modes as in the list of arXiv 2305.07170. Log Z and rewards by an independent evaluation (Python).
#[test]
fn qm9_blocks5() {
    let Some(path) = real("qm9/qm9_blocks5.csv.gz") else {
        return;
    };
    let table = SequenceTable::qm9_blocks5(&path).unwrap();
    assert_eq!(table.scores().len(), 161_051);
    let first = Letters::from_text("00000", QM9_BLOCKS).unwrap();
    let score = table.log_reward(&[first]).unwrap()[0];
    assert!((score - QM9_FIRST).abs() < 1e-10, "{score}");
    let logs: Vec<f64> = table.rewards().iter().map(|r| r.ln()).collect();
    let log_z = log_sum_exp(&logs);
    assert!((log_z - QM9_LOG_Z).abs() < 1e-8, "{log_z}");
    let least = logs.iter().copied().fold(f64::INFINITY, f64::min);
    assert!((least + 44.2).abs() < 0.1, "{least}");
    let modes = table.modes();
    assert_eq!(modes.len(), 805);
    let best = table.log_reward(&modes).unwrap();
    assert!((best[0] - 100_f64.ln()).abs() < 1e-12);
    for number in [0, 10, 11, 161_050] {
        let sequence = table.sequence(number).unwrap();
        assert_eq!(table.number(&sequence), Some(number));
    }
    assert!(table.sequence(161_051).is_none());
    println!("qm9: log Z {log_z}, best {}", modes[0].text(QM9_BLOCKS));
}

fn read(name: &str, text: &str) -> Result<SequenceTable, String> {
    let folder = std::env::temp_dir().join(format!("anabranch-table-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{name}.csv"));
    std::fs::write(&path, text).unwrap();
    let table = SequenceTable::read(&path, "AB", 2, |scores| {
        scores.iter().map(|s| s.exp()).collect()
    });
    std::fs::remove_file(&path).unwrap();
    table.map_err(|error| error.to_string())
}

#[test]
fn small_tables() {
    // In any order of lines.
    let table = read("whole", "s,y\nBA,0.5\nAA,-1\nAB,2\nBB,0\n").unwrap();
    assert_eq!(table.scores(), [-1.0, 2.0, 0.5, 0.0]);
    let string = |text| Letters::from_text(text, "AB").unwrap();
    let scores = table.log_reward(&[string("BA"), string("AB")]).unwrap();
    assert!((scores[0] - 0.5).abs() < 1e-12 && (scores[1] - 2.0).abs() < 1e-12);
    assert!(table.log_reward(&[string("A")]).is_err());
    for (name, text, line, says) in [
        ("letter", "s,y\nAA,1\nAC,1\n", 3, "\"AC\" is not"),
        ("length", "s,y\nAA,1\nABA,1\n", 3, "2 letters"),
        ("nan", "s,y\nAA,nan\n", 2, "\"nan\"; it must be a finite"),
        (
            "word",
            "s,y\nAA,1\nAB,high\n",
            3,
            "\"high\"; it must be a finite",
        ),
        ("twice", "s,y\nAA,1\nAB,2\nAA,1\n", 4, "AA is there twice"),
        (
            "missing",
            "s,y\nAA,1\nAB,2\nBB,2\n",
            4,
            "3 of 4 sequences, BA being",
        ),
        ("empty", "", 1, "0 of 4 sequences"),
        ("fields", "s,y\nAA,1\nAB,1,7\n", 3, "3 fields"),
        ("one", "s\nAA\n", 2, "1 fields"),
    ] {
        let error = read(name, text).unwrap_err();
        let place = format!("{name}.csv, line {line}: ");
        assert!(
            error.contains(&place) && error.contains(says),
            "{name}: {error}"
        );
    }
    // e^1000 is no reward.
    let error = read("reward", "s,y\nAA,1\nAB,2\nBB,2\nBA,1000\n").unwrap_err();
    assert!(error.contains("inf for BA"), "{error}");
}

#[test]
fn files_that_are_not_there_or_not_packed() {
    let nowhere = PathBuf::from("/nowhere/six6.csv.gz");
    let error = SequenceTable::tfbind8(&nowhere).unwrap_err().to_string();
    assert!(
        error.contains("/nowhere/six6.csv.gz cannot be read"),
        "{error}"
    );
    let path = std::env::temp_dir().join(format!("anabranch-plain-{}.gz", std::process::id()));
    std::fs::write(&path, "s,y\nAA,1\n").unwrap();
    let error = SequenceTable::tfbind8(&path).unwrap_err().to_string();
    std::fs::remove_file(&path).unwrap();
    assert!(error.contains("cannot be read"), "{error}");
}
