//! Bad input: a clear error, a code that is not 0, nothing lost.

use std::fs;

use crate::place::{Place, newest_checkpoint};

/// A finished small grid run called `grid`.
fn grid(place: &Place) {
    place.ok(&[
        "train",
        "hypergrid",
        "--name",
        "grid",
        "steps=20",
        "policy.width=16",
        "output.samples=20",
        "output.checkpoint_every=10",
    ]);
}

#[test]
fn settings() {
    let place = Place::new();
    fs::write(
        place.path("broken.toml"),
        "task = \"hypergrid\"\nsteps = = 3\n",
    )
    .expect("a file");
    place.refused(&["train", "broken.toml"], &["broken.toml", "2"]);
    fs::write(
        place.path("unknown.toml"),
        "task = \"hypergrid\"\n[optimizer]\nlearning_rat = 1e-3\n",
    )
    .expect("a file");
    place.refused(
        &["train", "unknown.toml"],
        &["unknown.toml:3", "learning_rate"],
    );
    place.refused(&["train", "hypergird"], &["hypergird", "hypergrid"]);
    place.refused(&["train", "hypergrid", "env.sides=8"], &["env.side"]);
    place.refused(&["train", "hypergrid", "steps=many"], &["steps"]);
    place.refused(
        &["train", "hypergrid", "optimizer.learning_rate=nan"],
        &["learning_rate"],
    );
    place.refused(
        &["train", "hypergrid", "optimizer.learning_rate=-1"],
        &["learning_rate"],
    );
    place.refused(&["train", "fragments", "reward.qedd=1"], &["reward.qed"]);
    place.refused(
        &["train", "fragments", "env.vocabulary=missing.json"],
        &["missing.json"],
    );
    place.refused(
        &[
            "train",
            "fragments",
            "reward.qed=0",
            "reward.sa=0",
            "reward.mw=0",
        ],
        &["weight"],
    );
    place.refused(
        &["train", "bit_sequence", "env.bits=120", "env.word=7"],
        &["7"],
    );
    place.refused(&["--threads", "0", "train", "hypergrid"], &["threads"]);
    assert!(
        !place.path("runs").exists(),
        "a refused run leaves no folder"
    );
}

#[test]
fn a_vocabulary_with_a_bad_smiles_is_refused_with_the_fragment() {
    let place = Place::new();
    let long = "C".repeat(10_000);
    for (smiles, part) in [("", "empty"), ("c1ccc", "c1ccc"), (long.as_str(), "10000")] {
        let vocabulary = format!(
            "[{{\"smiles\": \"C\", \"stems\": [0]}}, {{\"smiles\": {smiles:?}, \"stems\": [0]}}]"
        );
        fs::write(place.path("fragments.json"), vocabulary).expect("a file");
        place.refused(
            &["train", "fragments", "env.vocabulary=fragments.json"],
            &["fragments.json", part],
        );
    }
    fs::write(
        place.path("fragments.json"),
        "[{\"smiles\": \"C\", \"stems\": [4]}]",
    )
    .expect("a file");
    place.refused(
        &["train", "fragments", "env.vocabulary=fragments.json"],
        &["fragments.json", "4"],
    );
}

#[test]
fn runs_are_never_overwritten() {
    let place = Place::new();
    grid(&place);
    let before = place.read("runs/grid/metrics.jsonl");
    place.refused(
        &["train", "hypergrid", "--name", "grid", "steps=1"],
        &["grid", "never overwritten"],
    );
    assert_eq!(place.read("runs/grid/metrics.jsonl"), before);
    place.refused(
        &["train", "hypergrid", "--name", "../up", "steps=1"],
        &["--name"],
    );
    fs::write(place.path("mine.csv"), "precious").expect("a file");
    place.refused(
        &["sample", "runs/grid", "-n", "5", "-o", "mine.csv"],
        &["mine.csv"],
    );
    assert_eq!(place.read("mine.csv"), b"precious");
}

#[test]
fn damaged_checkpoints_are_named_with_the_way_out() {
    let place = Place::new();
    grid(&place);
    let newest = newest_checkpoint(&place.path("runs/grid"));
    let model = newest.join("model.safetensors");
    let whole = fs::read(&model).expect("weights");

    fs::write(&model, &whole[..whole.len() / 2]).expect("cut");
    for command in [
        &["eval", "runs/grid"][..],
        &["resume", "runs/grid"],
        &["sample", "runs/grid", "-o", "x.csv"],
    ] {
        place.refused(command, &["model.safetensors", "damaged", "--from 10"]);
    }
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x10;
    fs::write(&model, &flipped).expect("flipped");
    place.refused(&["resume", "runs/grid"], &["SHA-256", "--from 10"]);
    place.ok(&["eval", "runs/grid", "--from", "10", "-n", "10"]);
    place.refused(
        &["eval", "runs/grid", "--from", "11"],
        &["no checkpoint of step 11"],
    );

    fs::remove_file(newest.join("manifest.json")).expect("removed");
    place.refused(&["resume", "runs/grid"], &["manifest.json"]);
    // The one before is whole, the way out works, and the end is the same.
    let samples = place.read("runs/grid/samples.csv");
    place.ok(&["resume", "runs/grid", "--from", "10"]);
    assert_eq!(place.read("runs/grid/samples.csv"), samples);
}

#[test]
fn weights_that_are_not_numbers_are_refused() {
    let place = Place::new();
    grid(&place);
    let newest = newest_checkpoint(&place.path("runs/grid"));
    // A NaN in the first weight, with a manifest that vouches for it.
    let path = newest.join("model.safetensors");
    let mut bytes = fs::read(&path).expect("weights");
    let header = u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")) as usize;
    bytes[8 + header..12 + header].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&path, &bytes).expect("written");
    let sum = std::process::Command::new("sha256sum")
        .arg(&path)
        .output()
        .expect("sha256sum");
    let sum = crate::place::text(&sum.stdout)[..64].to_string();
    let manifest = newest.join("manifest.json");
    let mut value: serde_json::Value =
        serde_json::from_slice(&fs::read(&manifest).expect("a manifest")).expect("JSON");
    value["files"]["model.safetensors"]["sha256"] = sum.into();
    fs::write(&manifest, value.to_string()).expect("written");
    place.refused(&["eval", "runs/grid"], &["NaN"]);
    place.refused(&["resume", "runs/grid", "steps=30"], &["NaN"]);
}

#[test]
fn folders_of_another_version_or_of_something_else_are_refused() {
    let place = Place::new();
    grid(&place);
    let info = place.path("runs/grid/run.json");
    let text = fs::read_to_string(&info).expect("run.json");
    fs::write(&info, text.replace("\"format\": 1", "\"format\": 99")).expect("written");
    for command in [
        &["eval", "runs/grid"][..],
        &["resume", "runs/grid"],
        &["report", "runs/grid"],
    ] {
        place.refused(command, &["run.json", "99"]);
    }
    fs::write(&info, "{").expect("written");
    place.refused(&["eval", "runs/grid"], &["run.json"]);
    fs::create_dir(place.path("empty")).expect("a folder");
    place.refused(&["eval", "empty"], &["not a run folder"]);
    place.refused(&["eval", "nowhere"], &["nowhere"]);
}

#[test]
fn damaged_settings_and_metrics_of_a_run_are_named() {
    let place = Place::new();
    grid(&place);
    let config = place.path("runs/grid/config.toml");
    let text = fs::read_to_string(&config).expect("config.toml");
    fs::write(&config, text.replace("dims = 2", "dims = \"two\"")).expect("written");
    place.refused(&["eval", "runs/grid"], &["config.toml", "dims"]);
    fs::write(&config, text.replace("width = 16", "width = 32")).expect("written");
    place.refused(&["eval", "runs/grid"], &["policy", "another configuration"]);
    fs::write(&config, &text).expect("written");
    fs::write(place.path("runs/grid/metrics.jsonl"), "").expect("written");
    place.refused(
        &["resume", "runs/grid", "steps=30"],
        &["metrics.jsonl", "lines are missing"],
    );
}

#[test]
fn samples() {
    let place = Place::new();
    grid(&place);
    place.refused(
        &["sample", "runs/grid", "-o", "x.xlsx"],
        &["x.xlsx", ".csv"],
    );
    place.refused(&["sample", "runs/grid", "-n", "5", "-o", "x.sdf"], &["sdf"]);
    place.refused(
        &[
            "sample",
            "runs/grid",
            "-n",
            "5",
            "-o",
            "no/such/folder/x.csv",
        ],
        &["no/such/folder"],
    );
    // 64 cells can not give 65 distinct ones.
    place.refused(
        &["sample", "runs/grid", "-n", "65", "-o", "x.csv"],
        &["distinct", "--allow-duplicates"],
    );
    place.refused(
        &[
            "sample",
            "runs/grid",
            "-n",
            "5",
            "-o",
            "x.csv",
            "--beta",
            "3",
        ],
        &["reward.beta"],
    );
    assert!(!place.path("x.csv").exists());
    place.ok(&[
        "sample",
        "runs/grid",
        "-n",
        "65",
        "-o",
        "x.csv",
        "--allow-duplicates",
    ]);
}

/// A file system without space: /dev/full refuses every write. A read-only folder is one that root
/// cannot write to either, which only special file systems give.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_cannot_be_written_to() {
    let place = Place::new();
    place.refused(
        &["train", "hypergrid", "output.folder=/proc/no", "steps=1"],
        &["/proc/no"],
    );
    grid(&place);
    let before = place.read("runs/grid/metrics.jsonl");
    place.refused(
        &["sample", "runs/grid", "-n", "5", "-o", "/proc/x.csv"],
        &["/proc/x.csv"],
    );
    // Metrics that cannot be written stop the run; the checkpoint stays.
    fs::rename(place.path("runs/grid/timings.jsonl"), place.path("kept")).expect("moved");
    std::os::unix::fs::symlink("/dev/full", place.path("runs/grid/timings.jsonl")).expect("linked");
    place.refused(
        &["resume", "runs/grid", "steps=30"],
        &["timings.jsonl", "space"],
    );
    fs::remove_file(place.path("runs/grid/timings.jsonl")).expect("unlinked");
    place.ok(&["resume", "runs/grid", "steps=30"]);
    assert!(place.read("runs/grid/metrics.jsonl").starts_with(&before));
}

#[test]
fn settings_that_a_run_cannot_go_on_with_change_nothing() {
    let place = Place::new();
    grid(&place);
    let before = place.read("runs/grid/config.toml");
    place.refused(&["resume", "runs/grid", "steps=5"], &["steps is 5", "20"]);
    place.refused(
        &["resume", "runs/grid", "objective.name=detailed_balance"],
        &["another configuration"],
    );
    place.refused(
        &["resume", "runs/grid", "policy.width=32"],
        &["policy cannot change"],
    );
    assert_eq!(place.read("runs/grid/config.toml"), before);
    // What can change does: an average that was not there begins at the weights.
    place.ok(&[
        "resume",
        "runs/grid",
        "steps=30",
        "exploration.lag=0.9",
        "replay.kind=uniform",
    ]);
}
