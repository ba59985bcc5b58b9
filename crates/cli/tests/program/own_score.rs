//! A score of one's own, as docs/your-own-score.md says it goes.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::place::{Place, SMALL};

/// Whether the scripts of the page can run; says so where they cannot.
fn python() -> bool {
    let found = Command::new("python3").arg("--version").output().is_ok();
    if !found {
        eprintln!("SKIPPED: docs/your-own-score.md is not tried, since there is no python3");
    }
    found
}

/// A fenced block of the page: what stands behind its language, and its text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => open = Some((info.to_owned(), String::new())),
            (Some(_), Some(_)) => out.extend(open.take()),
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    out
}

/// Every file and every command of the page, in its order.
#[test]
fn the_page_is_true() {
    if !python() {
        return;
    }
    let place = Place::new();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/your-own-score.md");
    let page = fs::read_to_string(page).expect("the page");
    let blocks = blocks(&page);
    for (info, text) in &blocks {
        if let Some((_, name)) = info.split_once(" file=") {
            fs::write(place.path(name), text).expect("written");
        }
    }
    let gfn = std::path::Path::new(env!("CARGO_BIN_EXE_gfn"));
    let path = std::env::join_paths(
        gfn.parent()
            .map(std::path::Path::to_path_buf)
            .into_iter()
            .chain(std::env::split_paths(
                &std::env::var_os("PATH").unwrap_or_default(),
            )),
    );
    let path = path.expect("a search path");
    let mut commands = 0;
    for (_, text) in blocks.iter().filter(|(info, _)| info == "sh run") {
        let output = Command::new("sh")
            .args(["-e", "-c", text])
            .current_dir(place.path("."))
            .env("PATH", &path)
            .output()
            .expect("a shell");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}\n{said}");
        commands += text.lines().count();
    }
    assert!(commands >= 8, "{commands} commands");
    let samples = fs::read_to_string(place.path("runs/mine/samples.csv")).expect("samples");
    assert!(
        samples.starts_with("smiles,reward,log_reward,score,"),
        "{samples}"
    );
    let report = fs::read_to_string(place.path("runs/mine/report.html")).expect("a report");
    for part in [
        "the command python3 score.py",
        "Handed on",
        "null: smallest reward",
    ] {
        assert!(report.contains(part), "the report says {part}");
    }
    let scores = fs::read_to_string(place.path("scores.csv")).expect("scores");
    assert!(
        scores.lines().count() > 1000,
        "{} scores",
        scores.lines().count()
    );
    // The policy has learned what the script wants: the mean of the samples is far above a random policy's.
    let mean = mean_reward(&samples);
    assert!(mean > 0.6, "mean reward {mean}");
}

/// Mean of the second column.
fn mean_reward(samples: &str) -> f64 {
    let rewards: Vec<f64> = samples
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').nth(1)?.parse().ok())
        .collect();
    rewards.iter().sum::<f64>() / rewards.len() as f64
}

/// Writes down what it is asked before it answers.
const COUNTED: &str = r#"
import json, os, sys, time

log = os.open("asked.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
for line in sys.stdin:
    question = json.loads(line)
    os.write(log, (question["smiles"] + "\n").encode())
    time.sleep(0.01)
    score = min(1.0, len(question["smiles"]) / 40)
    print(json.dumps({"id": question["id"], "score": score}), flush=True)
"#;

fn counted(name: &str) -> Vec<&str> {
    let mut args = vec!["train", "fragments", "--name", name, "steps=25", "seed=5"];
    args.extend([
        r#"reward.command=["python3", "counted.py"]"#,
        "oracle.compare=5",
        "output.checkpoint_every=5",
    ]);
    args.extend(SMALL);
    args
}

/// What was asked, in its order.
fn asked(place: &Place) -> Vec<String> {
    let log = fs::read_to_string(place.path("asked.log")).unwrap_or_default();
    log.lines().map(str::to_owned).collect()
}

#[test]
fn a_killed_run_asks_for_nothing_twice_that_was_answered() {
    if !python() {
        return;
    }
    let whole = Place::new();
    fs::write(whole.path("counted.py"), COUNTED).expect("written");
    whole.ok(&counted("run"));
    let all = asked(&whole);
    let distinct: BTreeSet<&String> = all.iter().collect();
    assert_eq!(all.len(), distinct.len(), "each object once");
    assert!(all.len() > 50, "{} objects", all.len());

    let place = Place::new();
    fs::write(place.path("counted.py"), COUNTED).expect("written");
    let mut child = place.spawn(&counted("run"));
    let kills = 3;
    for kill in 1..=kills {
        let enough = kill * all.len() / (kills + 1);
        while asked(&place).len() < enough && child.try_wait().is_ok_and(|end| end.is_none()) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = child.kill();
        let _ = child.wait();
        child = place.spawn(&["resume", "runs/run"]);
    }
    let ended = child.wait().expect("it was started");
    assert!(ended.success(), "{ended}");
    let again = asked(&place);
    let distinct: BTreeSet<&String> = again.iter().collect();
    // What was being asked when a kill came, or was answered while earlier answers were being written, is
    // asked once more.
    let doubled = again.len() - distinct.len();
    assert!(
        doubled <= 2 * kills,
        "{doubled} of {} asked twice",
        again.len()
    );
    assert_eq!(distinct, all.iter().collect(), "the same objects");
    for file in ["metrics.jsonl", "samples.csv", "config.toml"] {
        let file = format!("runs/run/{file}");
        assert!(whole.read(&file) == place.read(&file), "{file} differs");
    }
}

#[test]
fn what_cannot_be_asked_is_said_before_a_run_begins() {
    let place = Place::new();
    for (settings, parts) in [
        (
            &["oracle.workers=2"][..],
            &["reward.command", "reward.url"][..],
        ),
        (
            &["reward.command=[]"],
            &["reward.command", "a list of words"],
        ),
        (
            &["reward.command=x", "oracle.on_null=maybe"],
            &["oracle.on_null", "retry 2 then floor"],
        ),
        (
            &["reward.command=x", "oracle.columns=[\"qed\"]"],
            &["qed", "my_qed"],
        ),
        (
            &["reward.command=x", "reward.url=http://localhost"],
            &["keep one"],
        ),
        (
            &["reward.command=x", "reward.scor=1"],
            &["reward.scor", "did you mean \"reward.score\""],
        ),
        (
            &["reward.command=x", "oracle.worker=1"],
            &["oracle.worker", "did you mean \"oracle.workers\""],
        ),
        (&["reward.url=ftp://x"], &["reward.url", "http"]),
    ] {
        let mut args = vec!["train", "fragments"];
        args.extend(settings);
        place.refused(&args, parts);
    }
    assert!(!place.path("runs").exists(), "no run was begun");
}
