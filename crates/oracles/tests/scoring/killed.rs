//! kill -9 of the process that asks.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anabranch_oracles::{CommandSettings, Fates, OracleError, Scorer, StoreReader, Verdict};

use super::{inline, lines, numbered, python, scorer, store_in};

/// Set for the process that is to be killed.
const FOLDER: &str = "ANABRANCH_TEST_KILLED";
const OBJECTS: usize = 2000;

const SLOW: &str = r#"
import json, os, sys, time
log = os.open(os.environ["ANSWERED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
for line in sys.stdin:
    q = json.loads(line)
    time.sleep(0.002)
    print(json.dumps({"id": q["id"], "score": len(q["smiles"])}), flush=True)
    os.write(log, (q["smiles"] + "\n").encode())
"#;

fn slow(python: &str, log: &Path) -> CommandSettings {
    let program = SLOW.replace(
        "os.environ[\"ANSWERED\"]",
        &format!("{:?}", log.display().to_string()),
    );
    CommandSettings {
        workers: 2,
        in_flight: 2,
        ..inline(python, &program)
    }
}

fn asker(python: &str, folder: &Path) -> Scorer {
    let log = folder.join("answered.log");
    scorer(slow(python, &log), &store_in(folder), Fates::default())
}

/// Not a test of its own: what the next one starts and kills.
#[test]
fn the_asker() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let python = python().unwrap();
    asker(&python, Path::new(&folder))
        .score(&numbered(0..OBJECTS))
        .unwrap();
}

fn stored(folder: &Path) -> HashSet<String> {
    let mut out = HashSet::new();
    StoreReader::open(&store_in(folder).path)
        .unwrap()
        .each(|row| {
            assert!(out.insert(row.object));
            Ok::<(), OracleError>(())
        })
        .unwrap();
    out
}

#[test]
fn a_killed_session_loses_nothing_that_it_stored() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let log: PathBuf = folder.path().join("answered.log");
    let (mut before, mut last) = (0, HashSet::new());
    for kill in 1..=3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["killed::the_asker", "--exact"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let start = Instant::now();
        while lines(&log).len() < before + 250 {
            assert!(start.elapsed() < Duration::from_secs(60), "no answers");
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // The workers notice that their input has ended.
        let mut size = 0;
        while lines(&log).len() != size {
            size = lines(&log).len();
            std::thread::sleep(Duration::from_millis(300));
        }
        let now = stored(folder.path());
        assert!(last.is_subset(&now), "kill {kill}");
        assert!(now.len() > last.len() + 200, "kill {kill}: {}", now.len());
        // Nothing that was stored was asked again.
        let asked: Vec<String> = lines(&log).split_off(before);
        assert!(
            asked.iter().all(|object| !last.contains(object)),
            "kill {kill}"
        );
        before = size;
        last = now;
    }
    let scorer = asker(&python, folder.path());
    let lost = scorer.store().lost();
    assert!(lost > 0, "claims of the killed session are reported");
    let verdicts = scorer.score(&numbered(0..OBJECTS)).unwrap();
    let counts = scorer.counts();
    assert_eq!(counts.known, last.len() as u64);
    assert_eq!(counts.asked, (OBJECTS - last.len()) as u64);
    let asked: Vec<String> = lines(&log).split_off(before);
    assert!(asked.iter().all(|object| !last.contains(object)));
    for (object, verdict) in numbered(0..OBJECTS).iter().zip(verdicts) {
        assert_eq!(verdict, Verdict::Scores(vec![object.len() as f64]));
    }
    // What was answered and not stored is what was under way at a kill: in a pipe or on its way to the disk.
    let all = lines(&log);
    println!("{} answers for {OBJECTS} objects over 3 kills", all.len());
    assert!(all.len() - OBJECTS <= 3 * 40, "{} answers", all.len());
    // No lock of a killed session stays behind.
    drop(scorer);
    let names = std::fs::read_dir(folder.path()).unwrap();
    let names: Vec<String> = names
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(!names.iter().any(|n| n.contains("session")), "{names:?}");
}
