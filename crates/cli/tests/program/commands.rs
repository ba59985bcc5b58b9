//! The commands together, on molecules.

use crate::place::{Place, SMALL};

#[test]
fn train_sample_evaluate_and_report_on_molecules() {
    let place = Place::new();
    let mut args = vec!["train", "fragments", "--name", "first", "steps=6"];
    args.extend(SMALL);
    let said = place.ok(&args);
    assert!(
        said.contains("runs/first/samples.csv") && said.contains("runs/first/report.html"),
        "{said}"
    );

    for extension in ["csv", "smi", "jsonl", "sdf", "parquet"] {
        let file = format!("hits.{extension}");
        place.ok(&["sample", "runs/first", "-n", "20", "-o", &file]);
        assert!(!place.read(&file).is_empty());
    }
    let smiles = crate::place::text(&place.read("hits.smi"));
    let distinct: std::collections::BTreeSet<&str> = smiles
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(distinct.len(), 20, "samples are unique by canonical SMILES");
    assert_eq!(
        crate::place::text(&place.read("hits.csv")).lines().count(),
        21
    );
    assert_eq!(
        crate::place::text(&place.read("hits.sdf"))
            .matches("$$$$")
            .count(),
        20
    );
    // The same request gives the same bytes.
    place.ok(&["sample", "runs/first", "-n", "20", "-o", "again.sdf"]);
    assert_eq!(place.read("again.sdf"), place.read("hits.sdf"));

    let json = place.ok(&[
        "eval",
        "runs/first",
        "--json",
        "-n",
        "40",
        "--held",
        "8",
        "--backward",
        "4",
    ]);
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(value["trained"]["molecules"]["valid"], 1.0);
    let table = place.ok(&[
        "eval",
        "runs/first",
        "-n",
        "40",
        "--held",
        "8",
        "--backward",
        "4",
    ]);
    assert!(
        table.contains("Mean reward") && table.contains("Modes"),
        "{table}"
    );

    place.ok(&["report", "runs/first", "-n", "30", "-o", "page.html"]);
    let page = crate::place::text(&place.read("page.html"));
    assert!(page.contains("<svg") && page.contains("gfn") && !page.contains("http://localhost"));
}

#[test]
fn a_dry_run_prints_settings_that_can_be_trained_from() {
    let place = Place::new();
    let toml = place.ok(&["train", "fragments", "--dry-run", "reward.qed=2", "seed=7"]);
    assert!(
        toml.contains("seed = 7") && toml.matches('#').count() > 20,
        "{toml}"
    );
    assert!(!place.path("runs").exists());
    std::fs::write(place.path("settings.toml"), &toml).expect("written");
    assert_eq!(place.ok(&["train", "settings.toml", "--dry-run"]), toml);
}

#[test]
fn events_are_what_tensorboard_reads() {
    let place = Place::new();
    place.ok(&[
        "train",
        "hypergrid",
        "--name",
        "grid",
        "steps=20",
        "policy.width=16",
        "output.samples=10",
    ]);
    let events = std::fs::read_dir(place.path("runs/grid"))
        .expect("the run folder")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.to_string_lossy().contains("tfevents"))
        .expect("an event file");
    let bytes = std::fs::read(events).expect("events");
    // TFRecord: 8 bytes of length, 4 of checksum, payload, 4 of checksum; the file version comes first.
    let mut at = 0;
    let mut records = 0;
    while at < bytes.len() {
        let length = u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes")) as usize;
        let payload = &bytes[at + 12..at + 12 + length];
        if records == 0 {
            assert!(payload.ends_with(b"brain.Event:2"));
        }
        at += length + 16;
        records += 1;
    }
    assert_eq!(at, bytes.len());
    assert_eq!(records, 3, "the version, step 10 and step 20");
}

#[test]
fn exact_total_variation_is_reported_for_the_grid() {
    let place = Place::new();
    for objective in [
        "trajectory_balance",
        "detailed_balance",
        "sub_trajectory_balance",
    ] {
        let name = format!("objective.name={objective}");
        place.ok(&[
            "train",
            "hypergrid",
            "--name",
            objective,
            "steps=1500",
            &name,
            "env.r0=0.01",
            "policy.width=64",
        ]);
        let run = format!("runs/{objective}");
        let json = place.ok(&["eval", &run, "--json", "-n", "100", "--held", "8"]);
        let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        let tv = value["exact"]["total_variation"]
            .as_f64()
            .expect("a number");
        assert!(tv < 0.2, "{objective}: exact total variation {tv}");
    }
}
