//! A whole run that is scored by a program that does everything wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::place::Place;

/// Trained on, drawn at the end, drawn by a random policy.
const OBJECTS: usize = 10_000 + 100 + 50;

/// It crashes at every seventh call, sleeps, prints garbage, answers newest first, twice, for ids that nobody
/// asked about, with NaN, infinities, null and errors, and closes its input.
const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../oracles/tests/scoring/hostile.py"
);

fn train(command: &str) -> Vec<&str> {
    let mut args = vec!["train", "sequences", "--name", "hostile", command];
    args.extend([
        "seed=3",
        "steps=20",
        "batch=500",
        "policy.width=16",
        "env.alphabet=protein",
        "env.min_length=12",
        "env.max_length=12",
        "reward.score={direction=\"higher\", low=0, high=1500}",
        // Its log is a file among its arguments, which would make each session a new oracle.
        "oracle.version=hostile",
        "oracle.workers=8",
        "oracle.in_flight=4",
        "oracle.timeout=2",
        "oracle.startup_timeout=2",
        "oracle.on_timeout=retry 50 then stop",
        "oracle.on_crash=retry 50 then stop",
        "oracle.compare=50",
        "output.samples=100",
    ]);
    args
}

#[test]
fn the_run_ends_and_every_count_adds_up() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("SKIPPED: no hostile program scores a run, since there is no python3");
        return;
    }
    let place = Place::new();
    let command = format!(r#"reward.command=["python3", "-I", "-S", {SCRIPT:?}, "answered.log"]"#);
    place.ok(&train(&command));

    let diary = fs::read_to_string(place.path("runs/hostile/oracle.jsonl")).expect("a diary");
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for line in diary.lines() {
        let counts: Value = serde_json::from_str(line).expect("counts");
        for (name, count) in counts.as_object().expect("an object") {
            match count {
                Value::Object(kinds) => {
                    for (kind, count) in kinds {
                        let key = format!("{name}.{kind}");
                        *sums.entry(key).or_default() += count.as_u64().expect("a count");
                        *sums.entry(name.clone()).or_default() += count.as_u64().unwrap_or(0);
                    }
                }
                count => *sums.entry(name.clone()).or_default() += count.as_u64().expect("a count"),
            }
        }
    }
    println!("{sums:#?}");
    let sum = |name: &str| sums.get(name).copied().unwrap_or(0);
    let distinct = sum("asked") - sum("retried");
    assert_eq!(
        sum("requested"),
        sum("scored") + sum("floored") + sum("dropped")
    );
    assert_eq!(sum("asked"), sum("answered") + sum("failures"));
    assert_eq!(
        sum("requested"),
        distinct + sum("known") + sum("repeated"),
        "each object was asked for by itself, or known"
    );
    assert!(distinct >= 10_000, "{distinct} objects");
    assert!(sum("requested") >= OBJECTS as u64);
    for what in [
        "failures.crash",
        "failures.timeout",
        "failures.nan",
        "failures.null",
        "failures.error",
        "failures.infinity",
        "events.garbage",
        "events.duplicate",
        "events.unknown",
        "events.restart",
    ] {
        assert!(sum(what) > 0, "{what}");
    }

    // What the script has answered, it was asked once.
    let log = fs::read_to_string(place.path("answered.log")).expect("a log");
    let answered: BTreeSet<&str> = log.lines().collect();
    assert_eq!(
        answered.len(),
        log.lines().count(),
        "something was asked again once answered"
    );
    // All of it is in the store, and nothing else but for the moment between answering and logging.
    place.ok(&[
        "scores",
        "export",
        "runs/hostile",
        "--failures",
        "-o",
        "scores.csv",
    ]);
    let exported = fs::read_to_string(place.path("scores.csv")).expect("scores");
    let stored: BTreeSet<&str> = exported
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next())
        .collect();
    assert_eq!(stored.len() as u64, distinct);
    assert!(answered.is_subset(&stored));
    assert!(stored.len() - answered.len() < 50);

    // Trajectories without a score are left out, and counted in the metrics.
    let metrics = fs::read_to_string(place.path("runs/hostile/metrics.jsonl")).expect("metrics");
    let left_out: f64 = metrics
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok()?["left_out"].as_f64())
        .sum();
    assert_eq!(metrics.lines().count(), 20);
    assert!(
        left_out > 0.0 && left_out <= sum("dropped") as f64,
        "{left_out}"
    );
    let report = fs::read_to_string(place.path("runs/hostile/report.html")).expect("a report");
    for part in ["Oddities of the oracle", "crash", "garbage"] {
        assert!(report.contains(part), "the report says {part}");
    }

    // The end of the run once more asks for nothing.
    fs::remove_file(place.path("runs/hostile/samples.csv")).expect("removed");
    place.ok(&["resume", "runs/hostile"]);
    let again = fs::read_to_string(place.path("answered.log")).expect("a log");
    assert_eq!(again, log);
}
