//! Ten thousand objects scored by a program that does everything wrong.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use anabranch_oracles::{
    Answer, CommandSettings, End, Event, FailureKind, Fate, Fates, OracleError, StoreReader,
    Verdict,
};

use super::{lines, numbered, python, scorer, script, store_in, words};

const OBJECTS: usize = 10_000;
const BATCH: usize = 500;

/// What the script says of an object; it goes by number.
fn expected(n: usize) -> Verdict {
    match n % 50 {
        3 => Verdict::Drop(FailureKind::Nan),
        7 => Verdict::Floor(FailureKind::Null),
        11 => Verdict::Floor(FailureKind::Error),
        13 => Verdict::Drop(FailureKind::Infinity),
        _ => Verdict::Scores(vec![n as f64 / 7.0]),
    }
}

#[test]
fn nothing_is_lost_or_asked_twice() {
    let Some(python) = python() else { return };
    let start = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("answered.log");
    let settings = CommandSettings {
        command: words(&[
            &python,
            "-I",
            "-S",
            &script("hostile.py"),
            &log.display().to_string(),
        ]),
        field: "object".into(),
        workers: 2,
        in_flight: 4,
        timeout: 0.8,
        startup_timeout: 0.8,
        backoff: 0.001,
        longest_backoff: 0.01,
        log_folder: Some(folder.path().to_path_buf()),
        log_bytes: 4096,
        // Its log is a file among its arguments, which would make each session a new oracle.
        version: Some("hostile".into()),
        ..CommandSettings::default()
    };
    let fates = Fates {
        timeout: Fate::after(50, End::Stop),
        crash: Fate::after(50, End::Stop),
        ..Fates::default()
    };
    let store = store_in(folder.path());
    let objects = numbered(0..OBJECTS);
    let mut verdicts = Vec::new();
    let counts = {
        let scorer = scorer(settings.clone(), &store, fates.clone());
        for batch in objects.chunks(BATCH) {
            // Each once more, which is no reason to ask.
            let twice: Vec<String> = batch.iter().chain(batch).cloned().collect();
            let mut found = scorer.score(&twice).unwrap();
            assert_eq!(found[..BATCH], found[BATCH..]);
            found.truncate(BATCH);
            verdicts.extend(found);
        }
        scorer.counts()
    };
    println!("{counts:#?}\n{:.1} s", start.elapsed().as_secs_f64());
    for (n, verdict) in verdicts.iter().enumerate() {
        assert_eq!(*verdict, expected(n), "object {n}");
    }

    // Every count adds up.
    let n = OBJECTS as u64;
    assert_eq!(
        (counts.requested, counts.repeated, counts.known),
        (2 * n, n, 0)
    );
    assert_eq!(counts.asked - counts.retried, n);
    assert_eq!(counts.asked, counts.answered + counts.failed());
    assert_eq!(
        counts.requested,
        counts.scored + counts.floored + counts.dropped
    );
    assert_eq!(counts.answered, n - n / 50 * 4);
    for kind in [
        FailureKind::Nan,
        FailureKind::Null,
        FailureKind::Error,
        FailureKind::Infinity,
    ] {
        assert_eq!(counts.failure(kind), n / 50, "{kind}");
    }
    let accidents = counts.failure(FailureKind::Timeout) + counts.failure(FailureKind::Crash);
    assert_eq!(counts.retried, accidents);
    assert!(counts.failure(FailureKind::Timeout) >= n / 1000);
    assert!(counts.failure(FailureKind::Crash) > 100);
    assert!(counts.event(Event::Restart) > n / 7);
    assert!(counts.event(Event::Resent) > 0);
    assert_eq!(counts.event(Event::Duplicate), n / 50);
    assert_eq!(counts.event(Event::Unknown), n / 50);
    assert!(counts.event(Event::Garbage) > n / 50 + n / 1000);

    // What the script has answered is in the store, once each.
    let answered = lines(&log);
    let distinct: HashSet<&String> = answered.iter().collect();
    assert_eq!(
        distinct.len(),
        answered.len(),
        "something was asked again once answered"
    );
    let mut stored = BTreeMap::new();
    let mut attempts = 0;
    StoreReader::open(&store.path)
        .unwrap()
        .each(|row| {
            attempts += row.attempts;
            stored.insert(row.object, row.answer);
            Ok::<(), OracleError>(())
        })
        .unwrap();
    assert_eq!(stored.len(), OBJECTS);
    assert_eq!(attempts, counts.asked);
    assert!(answered.iter().all(|object| stored.contains_key(object)));
    // Nothing is in the store that the script has not said, but for the moment between flushing and logging.
    assert!(
        stored.len() - distinct.len() < 20,
        "{} of {}",
        distinct.len(),
        stored.len()
    );
    for (n, object) in objects.iter().enumerate() {
        match (&stored[object], expected(n)) {
            (Answer::Scores(found), Verdict::Scores(expected)) => assert_eq!(*found, expected),
            (Answer::Failed { kind, .. }, Verdict::Floor(expected) | Verdict::Drop(expected)) => {
                assert_eq!(*kind, expected);
            }
            (found, expected) => panic!("{object}: {found:?}, not {expected:?}"),
        }
    }
    for worker in 0..2 {
        let stderr = folder.path().join(format!("oracle-stderr-{worker}.log"));
        assert!(stderr.metadata().unwrap().len() <= 4096);
    }

    // A new session asks nothing.
    let scorer = scorer(settings, &store, fates);
    assert_eq!(scorer.score(&objects).unwrap(), verdicts);
    let counts = scorer.counts();
    assert_eq!((counts.asked, counts.known), (0, n));
    assert_eq!(lines(&log).len(), answered.len());
}
