//! A run that is killed again and again ends with the bytes of one that never was.

use std::time::Duration;

use crate::place::{Place, SMALL, newest_checkpoint};
use anabranch_core::Seed;
use rand::RngExt;

/// Kills of the test; `GFN_TEST_KILLS` asks for more.
fn kills() -> usize {
    std::env::var("GFN_TEST_KILLS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(4)
}

fn train(name: &str) -> Vec<&str> {
    let mut args = vec!["train", "fragments", "--name", name, "steps=40", "seed=3"];
    args.extend([
        "output.checkpoint_every=5",
        "replay.kind=prioritised",
        "replay.warmup=16",
    ]);
    args.extend(["replay.batch=4", "reward.beta={uniform=[1,8]}"]);
    args.extend(SMALL);
    args
}

#[test]
fn killed_runs_end_with_the_same_bytes_with_one_thread_and_with_two() {
    let place = Place::new();
    let mut reference = train("whole");
    reference.extend(["--threads", "1"]);
    let begun = std::time::Instant::now();
    place.ok(&reference);
    let whole = begun.elapsed();

    let mut rng = Seed::new(11).stream("kills", &[]);
    let mut child = place.spawn(&train("killed"));
    for kill in 0..kills() {
        let share: f64 = rng.random();
        // Spread over the run; the later ones begin from a checkpoint and have less to do.
        let wait = whole.mul_f64(share * 0.6) + Duration::from_millis(30);
        std::thread::sleep(wait);
        // A kill that comes after the end does no harm.
        let _ = child.kill();
        let _ = child.wait();
        if !place.path("runs/killed/run.json").exists() {
            // Killed before there was a run: nothing to resume, so begin it.
            child = place.spawn(&train("killed"));
            continue;
        }
        let threads = if kill % 2 == 0 { "2" } else { "1" };
        child = place.spawn(&["resume", "runs/killed", "--threads", threads]);
    }
    let _ = child.wait();
    place.ok(&["resume", "runs/killed", "--threads", "2"]);

    for file in ["metrics.jsonl", "samples.csv", "samples.sdf", "config.toml"] {
        assert!(
            place.read(&format!("runs/whole/{file}")) == place.read(&format!("runs/killed/{file}")),
            "{file} differs"
        );
    }
    for file in [
        "model.safetensors",
        "state.safetensors",
        "state.json",
        "manifest.json",
    ] {
        let bytes = |run: &str| {
            std::fs::read(newest_checkpoint(&place.path(run)).join(file)).expect("a checkpoint")
        };
        assert!(
            bytes("runs/whole") == bytes("runs/killed"),
            "{file} differs"
        );
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_says_how_to_go_on() {
    let place = Place::new();
    let mut args = vec![
        "train",
        "hypergrid",
        "--name",
        "grid",
        "steps=1000000",
        "policy.width=16",
    ];
    args.push("output.checkpoint_every=1000000");
    let child = place.command(&args).spawn().expect("the program starts");
    let log = place.path("runs/grid/metrics.jsonl");
    while !log.exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(300));
    let pid = child.id().to_string();
    let status = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status()
        .expect("kill");
    assert!(status.success());
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(output.status.code(), Some(130));
    let said = crate::place::text(&output.stdout);
    assert!(said.contains("gfn resume runs/grid"), "{said}");
    newest_checkpoint(&place.path("runs/grid"));
}

#[test]
fn longer_training_keeps_the_earlier_samples() {
    let place = Place::new();
    place.ok(&[
        "train",
        "hypergrid",
        "--name",
        "grid",
        "steps=20",
        "policy.width=16",
        "optimizer.learning_rate=0.01",
        "output.samples=50",
    ]);
    let first = place.read("runs/grid/samples.csv");
    place.ok(&["resume", "runs/grid", "steps=100"]);
    assert_eq!(place.read("runs/grid/samples-step20.csv"), first);
    assert!(
        place.read("runs/grid/samples.csv") != first,
        "twenty more steps change the samples"
    );
    // And the metrics are those of a run that was 40 steps long from the start.
    place.ok(&[
        "train",
        "hypergrid",
        "--name",
        "whole",
        "steps=100",
        "policy.width=16",
        "optimizer.learning_rate=0.01",
        "output.samples=50",
    ]);
    assert_eq!(
        place.read("runs/grid/metrics.jsonl"),
        place.read("runs/whole/metrics.jsonl")
    );
    assert_eq!(
        place.read("runs/grid/samples.csv"),
        place.read("runs/whole/samples.csv")
    );
}
