//! `gfn scores`.

use std::fs;
use std::path::Path;

use anabranch_oracles::{Answer, Callable, FailureKind, Fates, Scorer, Store, StoreSettings};

use crate::place::Place;

/// A store as a run leaves it: two columns, one failure.
fn fill(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let store = Store::open(&StoreSettings {
        path: folder.join("scores.sqlite"),
        ..StoreSettings::default()
    });
    let columns = vec!["docking".to_owned(), "kind".to_owned()];
    let oracle = Callable::with_answers(columns, "v1", |objects| {
        let answer = |object: &String| match object.as_str() {
            "bad, \"very\"" => Answer::failed(FailureKind::Error, "cannot dock"),
            other => Answer::Scores(vec![other.len() as f64, 0.5]),
        };
        Ok(objects.iter().map(answer).collect())
    });
    let scorer = Scorer::new(Box::new(oracle.unwrap()), store.unwrap(), Fates::default()).unwrap();
    let objects = ["CCO", "C", "bad, \"very\"", "CC"].map(str::to_owned);
    scorer.score(&objects).unwrap();
}

#[test]
fn scores_are_shown_and_exported() {
    let place = Place::new();
    fill(&place.path("run"));
    let shown = place.ok(&["scores", "show", "run", "-n", "2"]);
    for part in [
        "4 objects, 1 sources",
        "\"version\":\"v1\"",
        "best by docking",
        "CCO",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let best: Vec<&str> = shown
        .lines()
        .filter(|l| l.ends_with('C') || l.ends_with("CCO"))
        .collect();
    assert_eq!(best.len(), 2, "{shown}");
    assert!(
        best[0].ends_with("CCO") && best[1].ends_with("CC"),
        "{shown}"
    );

    place.ok(&["scores", "export", "run"]);
    let csv = fs::read_to_string(place.path("run/scores.csv")).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(
        lines[0],
        "object,source,kind,docking,oracle_kind,attempts,seconds,time"
    );
    assert!(lines[1].starts_with("C,1,scores,1.0,0.5,1.0,"), "{csv}");
    assert_eq!(lines.len(), 4);

    place.ok(&[
        "scores",
        "export",
        "run/scores.sqlite",
        "-o",
        "all.jsonl",
        "--failures",
    ]);
    let rows: Vec<serde_json::Value> = fs::read_to_string(place.path("all.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 4);
    let bad = rows.iter().find(|r| r["kind"] == "error").unwrap();
    assert_eq!(
        (bad["object"].as_str(), bad["message"].as_str()),
        (Some("bad, \"very\""), Some("cannot dock"))
    );
    assert!(bad["docking"].is_null());

    let told = place.ok(&["scores", "export", "run", "-o", "all.parquet", "--failures"]);
    assert!(told.contains("4 objects in all.parquet"), "{told}");
    let bytes = fs::read(place.path("all.parquet")).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
}

#[test]
fn what_cannot_be_exported_is_refused() {
    let place = Place::new();
    fill(&place.path("run"));
    fs::write(place.path("mine.csv"), "mine").unwrap();
    place.refused(
        &["scores", "export", "run", "-o", "mine.csv"],
        &["mine.csv", "exists"],
    );
    assert_eq!(fs::read_to_string(place.path("mine.csv")).unwrap(), "mine");
    place.refused(
        &["scores", "export", "run", "-o", "x.txt"],
        &[".csv .parquet .jsonl"],
    );
    place.refused(
        &["scores", "export", "run", "-o", "no/x.csv"],
        &["no folder no"],
    );
    place.refused(
        &["scores", "export", "run", "--source", "9"],
        &["no source 9"],
    );
    fs::create_dir(place.path("empty")).unwrap();
    place.refused(&["scores", "show", "empty"], &["has no scores.sqlite"]);
    place.refused(&["scores", "show", "nowhere"], &["nowhere", "no such file"]);
    place.refused(
        &["scores", "show", "mine.csv"],
        &["mine.csv", "no store of scores"],
    );
}
