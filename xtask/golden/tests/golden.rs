//! The program on the golden files of this repository, and on files that are wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const MOLECULES: &str = "chem/tests/golden/molecules.jsonl";
const NASTY: &str = "chem/tests/golden/nasty.jsonl";
const OBJECTIVES: &str = "core/tests/golden/objectives.json";
const RNA: &str = "oracles/tests/golden/rna_duplex.csv";
const SEH: &str = "oracles/tests/golden/seh_proxy.csv";

/// A file of `crates`.
fn committed(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../crates")
        .join(file)
}

/// What the program came to: exit code, standard output, standard error.
fn golden(kind: &str, file: impl AsRef<Path>) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_golden"))
        .arg(kind)
        .arg(file.as_ref())
        .output()
        .expect("the program starts");
    (
        output.status.code(),
        String::from_utf8(output.stdout).expect("text"),
        String::from_utf8(output.stderr).expect("text"),
    )
}

/// A file with `text`, and the folder that keeps it alive.
fn file_with(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("reference");
    fs::write(&file, text).expect("the folder is writable");
    (folder, file)
}

/// `file` with `from` replaced, which has to be in it.
fn changed(file: &str, from: &str, to: &str) -> (TempDir, PathBuf) {
    let text = fs::read_to_string(committed(file)).expect("the file is in the repository");
    assert!(text.contains(from), "{from} is not in {file}");
    file_with(&text.replacen(from, to, 1))
}

#[track_caller]
fn fails(found: &(Option<i32>, String, String), code: i32, says: &[&str]) {
    let (exit, out, err) = found;
    assert_eq!(*exit, Some(code), "{out}{err}");
    for words in says {
        assert!(
            out.contains(words) || err.contains(words),
            "no {words:?} in:\n{out}{err}"
        );
    }
}

#[test]
fn the_committed_files_are_reproduced() {
    for (kind, file, says) in [
        ("molecules", MOLECULES, "122 molecules"),
        ("nasty", NASTY, "79 inputs"),
        ("objectives", OBJECTIVES, "6 trajectories"),
        ("rna", RNA, "30 strands"),
    ] {
        let (exit, out, err) = golden(kind, committed(file));
        assert_eq!(exit, Some(0), "{kind}: {out}{err}");
        assert!(out.contains(says), "{kind}: {out}");
    }
}

/// The weights are no part of the repository: the program uses those that it finds, or says where it
/// looked.
#[test]
fn the_committed_predictions_are_reproduced_or_the_weights_missed() {
    let (exit, out, err) = golden("seh", committed(SEH));
    if exit == Some(2) {
        println!("SKIPPED: {err}");
        assert!(
            err.contains("seh/seh_proxy.safetensors was not found in"),
            "{err}"
        );
    } else {
        assert_eq!(exit, Some(0), "{out}{err}");
        assert!(out.contains("47 molecules"), "{out}");
    }
}

#[test]
fn a_wrong_energy_is_told_with_its_strand() {
    let (_folder, file) = changed(RNA, ",-14.90,", ",-14.89,");
    fails(
        &golden("rna", file),
        1,
        &[
            "1 mismatches",
            "ACGCAUAGCCCUGA  expected -14.89, found -14.9",
        ],
    );
    let (_folder, file) = changed(RNA, "ACGCAUAGCCCUGA", "ACGCAUAGCCCUGN");
    fails(&golden("rna", file), 1, &["'N' at position 14"]);
}

#[test]
fn weights_are_for_the_proxy_alone() {
    let with_weights = |kind: &str, file: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_golden"))
            .args([kind, "--weights", "absent.safetensors"])
            .arg(committed(file))
            .output()
            .expect("the program starts");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    fails(
        &with_weights("seh", SEH),
        2,
        &["cannot read absent.safetensors"],
    );
    fails(
        &with_weights("rna", RNA),
        2,
        &["--weights belongs to the kind seh"],
    );
}

#[test]
fn a_wrong_number_is_told_with_its_molecule() {
    // log P of the first molecule, off by 1e-5.
    let (_folder, file) = changed(MOLECULES, "3.3666800000000023", "3.3666900000000023");
    fails(
        &golden("molecules", file),
        1,
        &[
            "logp           122 compared     1 mismatches",
            "ON=C(CC1=CC=CC=C1)[CH](C#N)C2=CC=CC=C2  expected 3.36669",
            "is not reproduced",
        ],
    );
}

#[test]
fn a_wrong_text_is_told_with_its_molecule() {
    let (_folder, file) = changed(MOLECULES, "C16H14N2O", "C16H14N2O2");
    fails(
        &golden("molecules", file),
        1,
        &["expected \"C16H14N2O2\", found \"C16H14N2O\""],
    );
}

#[test]
fn a_wrong_verdict_is_told_with_its_input() {
    let (_folder, file) = changed(NASTY, r#""ok":false"#, r#""ok":true"#);
    fails(
        &golden("nasty", file),
        1,
        &["1 mismatches", "c1c(cc(cc1Cl)Cs)Cl"],
    );
}

#[test]
fn a_wrong_loss_is_told_with_its_column() {
    // The first trajectory balance loss, off by 1e-7.
    let (_folder, file) = changed(OBJECTIVES, "0.0053120256151737355", "0.0053121256151737355");
    let found = golden("objectives", file);
    fails(&found, 1, &["OUT OF TOLERANCE", "is not reproduced"]);
    let wrong: Vec<&str> = found
        .1
        .lines()
        .filter(|line| line.contains("OUT OF"))
        .collect();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].trim_start().starts_with("tb_loss"), "{wrong:?}");
}

#[test]
fn an_unknown_kind_is_refused_with_those_there_are() {
    fails(
        &golden("molecule", committed(MOLECULES)),
        2,
        &["'molecule'", "molecules, nasty, objectives, rna, seh"],
    );
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for kind in ["molecules", "nasty", "objectives", "rna", "seh"] {
        let found = golden(kind, folder.path().join("absent.jsonl"));
        fails(&found, 2, &["error: cannot read", "absent.jsonl"]);
    }
}

#[test]
fn a_malformed_line_is_named_by_its_number() {
    let text = fs::read_to_string(committed(NASTY)).expect("the file is in the repository");
    let mut lines: Vec<&str> = text.lines().collect();
    lines[2] = r#"{"s":"CCO","ok":"#;
    let (_folder, file) = file_with(&lines.join("\n"));
    fails(&golden("nasty", &file), 2, &["reference:3: EOF"]);
    let (_folder, file) = file_with("smiles,seh_proxy\nC,-0.4\nCC,much\n");
    fails(&golden("seh", &file), 2, &["reference:3: "]);
    // The first line lacks what the kind needs.
    let (_folder, file) = file_with(r#"{"smiles":"CCO"}"#);
    fails(
        &golden("molecules", file),
        2,
        &["reference:1: missing field `s`"],
    );
}

#[test]
fn a_file_of_another_kind_is_refused() {
    fails(
        &golden("objectives", committed(MOLECULES)),
        2,
        &["molecules.jsonl is not an objectives file"],
    );
    fails(
        &golden("molecules", committed(OBJECTIVES)),
        2,
        &["objectives.json:1:"],
    );
}

#[test]
fn a_file_without_records_proves_nothing() {
    let (_folder, file) = file_with("\n\n");
    fails(&golden("molecules", &file), 2, &["holds no records"]);
    fails(&golden("nasty", &file), 2, &["holds no records"]);
    let (_folder, file) = file_with("smiles,seh_proxy\n");
    fails(&golden("seh", &file), 2, &["holds no records"]);
    let (_folder, file) = file_with(r#"{"trajectories": [], "vargrad_loss": 0.0}"#);
    let (exit, out, err) = golden("objectives", file);
    assert!(exit.is_some_and(|code| code > 0), "{out}{err}");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let (_folder, file) = file_with("");
    fs::write(&file, [0x1f, 0x8b, 0, 1, 2]).expect("the folder is writable");
    fails(&golden("molecules", &file), 2, &["is not gzipped UTF-8"]);
    fs::write(&file, [0xff, 0xfe, b'C']).expect("the folder is writable");
    fails(&golden("objectives", &file), 2, &["is not UTF-8 text"]);
}
