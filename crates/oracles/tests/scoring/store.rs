//! Files that are no store, stores that others use, and what is asked again when.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anabranch_oracles::{
    Answer, Callable, FailureKind, Fate, Fates, OracleError, Scorer, Store, StoreError,
    StoreReader, StoreSettings, Verdict,
};

use super::{numbered, store_in, texts};

/// A function that counts its calls for objects, and what it answers.
fn counting(
    answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
) -> (Callable, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let columns = texts(&["score"]);
    let oracle = Callable::with_answers(columns, "test", move |objects| {
        count.fetch_add(objects.len(), Ordering::Relaxed);
        Ok(objects.iter().map(|o| answer(o)).collect())
    });
    (oracle.unwrap(), asked)
}

fn length(object: &str) -> Answer {
    Answer::Scores(vec![object.len() as f64])
}

fn on(settings: &StoreSettings, oracle: Callable, fates: Fates) -> Scorer {
    Scorer::new(Box::new(oracle), Store::open(settings).unwrap(), fates).unwrap()
}

#[test]
fn functions_score() {
    let oracle = Callable::new("half", |objects| {
        Ok(objects
            .iter()
            .map(|o| (!o.is_empty()).then_some(0.5))
            .collect())
    })
    .with_batch(2);
    let scorer = Scorer::new(
        Box::new(oracle),
        Store::in_memory().unwrap(),
        Fates::default(),
    )
    .unwrap();
    let verdicts = scorer.score(&texts(&["a", "", "b", "a"])).unwrap();
    let half = Verdict::Scores(vec![0.5]);
    assert_eq!(
        verdicts,
        [
            half.clone(),
            Verdict::Floor(FailureKind::Null),
            half.clone(),
            half
        ]
    );
    assert_eq!(scorer.counts().asked, 3);
    assert!(scorer.score(&[]).unwrap().is_empty());
}

#[test]
fn a_function_that_fails_is_quoted_and_what_came_before_is_kept() {
    let oracle = Callable::new("picky", |objects: &[String]| {
        if objects[0] == "obj-2" {
            Err("ZeroDivisionError".into())
        } else {
            Ok(vec![Some(1.0)])
        }
    })
    .with_batch(1);
    let scorer = Scorer::new(
        Box::new(oracle),
        Store::in_memory().unwrap(),
        Fates::default(),
    )
    .unwrap();
    let error = scorer.score(&numbered(0..4)).unwrap_err();
    assert!(error.to_string().contains("ZeroDivisionError"));
    assert_eq!(scorer.score(&numbered(0..2)).unwrap().len(), 2);
    assert_eq!((scorer.counts().asked, scorer.counts().known), (2, 2));
    // Too few answers are an error, not a shift.
    let short = Callable::new("short", |_| Ok(vec![Some(1.0)]));
    let scorer = Scorer::new(
        Box::new(short),
        Store::in_memory().unwrap(),
        Fates::default(),
    )
    .unwrap();
    assert!(matches!(
        scorer.score(&numbered(0..2)),
        Err(OracleError::Callable { .. })
    ));
}

#[test]
fn answers_outlast_sessions_and_accidents_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let settings = store_in(folder.path());
    let answer = |object: &str| match object {
        "obj-0" => Answer::failed(FailureKind::Error, "bad"),
        "obj-1" => Answer::failed(FailureKind::Timeout, ""),
        "obj-2" => Answer::failed(FailureKind::MissingColumn, ""),
        other => length(other),
    };
    let fates = Fates {
        timeout: Fate::DROP,
        missing_column: Fate::DROP,
        ..Fates::default()
    };
    let ask = |settings: &StoreSettings, fates: &Fates| {
        let (oracle, asked) = counting(answer);
        let scorer = on(settings, oracle, fates.clone());
        let verdicts = scorer.score(&numbered(0..10));
        (verdicts, asked.load(Ordering::Relaxed))
    };
    let (first, asked) = ask(&settings, &fates);
    assert_eq!(asked, 10);
    let (second, asked) = ask(&settings, &fates);
    assert_eq!(asked, 1, "the time-out only");
    assert_eq!(first.unwrap(), second.unwrap());
    // What stops a run is asked again: its cause may have been mended.
    let (stopped, asked) = ask(
        &settings,
        &Fates {
            missing_column: Fate::STOP,
            ..fates.clone()
        },
    );
    assert_eq!(asked, 2);
    assert!(matches!(
        stopped,
        Err(OracleError::Stopped {
            kind: FailureKind::MissingColumn,
            ..
        })
    ));
    let forgetful = StoreSettings {
        forget_failures: true,
        ..settings.clone()
    };
    assert_eq!(ask(&forgetful, &fates).1, 3);
    // Another source is another oracle.
    let other = Callable::new("other", |objects| Ok(vec![Some(1.0); objects.len()]));
    let scorer = on(&settings, other, fates);
    scorer.score(&numbered(0..10)).unwrap();
    assert_eq!(scorer.counts().asked, 10);
    let sources = StoreReader::open(&settings.path)
        .unwrap()
        .sources()
        .unwrap();
    assert_eq!(sources.len(), 2);
    assert_eq!(sources[0].kinds["scores"], 7);
    assert_eq!(sources[0].attempts, 10 + 1 + 2 + 3);
}

#[test]
fn retries_are_counted_and_end() {
    let (oracle, asked) = counting(|_| Answer::failed(FailureKind::Error, "no"));
    let fates = Fates {
        error: "retry 3 then floor".parse().unwrap(),
        ..Fates::default()
    };
    let scorer = Scorer::new(Box::new(oracle), Store::in_memory().unwrap(), fates).unwrap();
    let verdicts = scorer.score(&texts(&["a"])).unwrap();
    assert_eq!(verdicts, [Verdict::Floor(FailureKind::Error)]);
    assert_eq!(asked.load(Ordering::Relaxed), 4);
    assert_eq!((scorer.counts().asked, scorer.counts().retried), (4, 3));
}

#[test]
fn every_bit_of_a_score_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let values = [
        0.1 + 0.2,
        -0.0,
        f64::MIN_POSITIVE / 3.0,
        f64::MAX,
        -1.0 / 3.0,
        1e-300,
    ];
    for _ in 0..2 {
        let (oracle, _) = counting(move |o| Answer::Scores(vec![values[o.len() - 1]]));
        let scorer = on(&store_in(folder.path()), oracle, Fates::default());
        let objects: Vec<String> = (1..=values.len()).map(|n| "x".repeat(n)).collect();
        for (verdict, value) in scorer.score(&objects).unwrap().iter().zip(values) {
            let Verdict::Scores(found) = verdict else {
                panic!("{verdict:?}")
            };
            assert_eq!(found[0].to_bits(), value.to_bits());
        }
    }
}

#[test]
fn two_sessions_at_once_ask_each_object_once() {
    let folder = tempfile::tempdir().unwrap();
    let settings = store_in(folder.path());
    let scorers = [(); 2].map(|()| {
        let (oracle, asked) = counting(|o| {
            std::thread::sleep(Duration::from_millis(3));
            length(o)
        });
        (on(&settings, oracle.with_batch(5), Fates::default()), asked)
    });
    std::thread::scope(|scope| {
        for (i, (scorer, _)) in scorers.iter().enumerate() {
            scope.spawn(move || {
                for batch in 0..4 {
                    // Overlapping by half.
                    let first = batch * 20 + i * 10;
                    let objects = numbered(first..first + 20);
                    let verdicts = scorer.score(&objects).unwrap();
                    for (object, verdict) in objects.iter().zip(verdicts) {
                        assert_eq!(verdict, Verdict::Scores(vec![object.len() as f64]));
                    }
                }
            });
        }
    });
    let asked: usize = scorers
        .iter()
        .map(|(_, asked)| asked.load(Ordering::Relaxed))
        .sum();
    assert_eq!(asked, 90);
    let counts = scorers.each_ref().map(|(scorer, _)| scorer.counts());
    let others: u64 = counts.iter().map(|c| c.known + c.elsewhere).sum();
    assert_eq!(others, 160 - 90);
}

#[test]
fn files_that_are_no_store_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| StoreSettings {
        path: folder.path().join(name),
        lock_timeout: 0.2,
        ..StoreSettings::default()
    };
    let text = "this is a text of somebody, and long enough to have a header of SQLite's size. "
        .repeat(20);
    std::fs::write(folder.path().join("text"), &text).unwrap();
    assert!(matches!(
        Store::open(&at("text")),
        Err(StoreError::NotAStore { .. })
    ));
    assert_eq!(
        std::fs::read_to_string(folder.path().join("text")).unwrap(),
        text
    );
    let foreign = rusqlite::Connection::open(folder.path().join("foreign")).unwrap();
    foreign
        .execute_batch("CREATE TABLE songs (title TEXT)")
        .unwrap();
    assert!(matches!(
        Store::open(&at("foreign")),
        Err(StoreError::Foreign { .. })
    ));
    assert!(matches!(
        Store::open(&at("no/such/folder")),
        Err(StoreError::CannotOpen { .. })
    ));
    drop(Store::open(&at("newer")).unwrap());
    let newer = rusqlite::Connection::open(folder.path().join("newer")).unwrap();
    newer.pragma_update(None, "user_version", 2).unwrap();
    let error = Store::open(&at("newer")).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Version {
                found: 2,
                expected: 1,
                ..
            }
        ),
        "{error}"
    );
    assert!(StoreReader::open(&folder.path().join("missing")).is_err());
}

#[test]
fn a_damaged_store_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let settings = store_in(folder.path());
    let (oracle, _) = counting(length);
    on(&settings, oracle, Fates::default())
        .score(&numbered(0..2000))
        .unwrap();
    let mut bytes = std::fs::read(&settings.path).unwrap();
    let end = bytes.len();
    bytes[4096..end].fill(0xAB);
    std::fs::write(&settings.path, bytes).unwrap();
    let (oracle, _) = counting(length);
    let found = Store::open(&settings)
        .map_err(OracleError::from)
        .and_then(|store| Scorer::new(Box::new(oracle), store, Fates::default()))
        .and_then(|scorer| scorer.score(&numbered(0..2000)));
    let error = found.unwrap_err();
    assert!(
        matches!(error, OracleError::Store(StoreError::Corrupt { .. })),
        "{error:?}"
    );
    assert!(error.to_string().contains("scores.sqlite"), "{error}");
}

#[test]
fn a_locked_store_is_told_and_a_short_lock_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let settings = StoreSettings {
        lock_timeout: 0.3,
        ..store_in(folder.path())
    };
    let (oracle, asked) = counting(length);
    let scorer = on(&settings, oracle, Fates::default());
    let other = rusqlite::Connection::open(&settings.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = scorer.score(&texts(&["a"])).unwrap_err();
    assert!(
        matches!(error, OracleError::Store(StoreError::Locked { .. })),
        "{error}"
    );
    assert!(matches!(
        Store::open(&settings),
        Err(StoreError::Locked { .. })
    ));
    assert_eq!(
        asked.load(Ordering::Relaxed),
        0,
        "nothing is asked that could not be kept"
    );
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| scorer.score(&texts(&["a"])));
        std::thread::sleep(Duration::from_millis(100));
        other.execute_batch("COMMIT").unwrap();
        assert!(waiting.join().unwrap().is_ok());
    });
}

/// Set for the process that may not write.
const READ_ONLY: &str = "ANABRANCH_TEST_READ_ONLY";

/// Not a test of its own: what the next one starts as another user.
#[test]
fn the_reader() {
    let Some(folder) = std::env::var_os(READ_ONLY) else {
        return;
    };
    let error = Store::open(&store_in(std::path::Path::new(&folder))).unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
}

#[test]
fn a_read_only_store_is_told() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let folder = tempfile::tempdir().unwrap();
    let settings = store_in(folder.path());
    let (oracle, _) = counting(length);
    on(&settings, oracle, Fates::default())
        .score(&texts(&["a"]))
        .unwrap();
    let allow = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    allow(folder.path(), 0o777);
    allow(&settings.path, 0o444);
    let mut reader = std::process::Command::new(std::env::current_exe().unwrap());
    reader
        .args(["store::the_reader", "--exact"])
        .env(READ_ONLY, folder.path());
    if std::fs::OpenOptions::new()
        .append(true)
        .open(&settings.path)
        .is_ok()
    {
        // Root writes to anything; nobody does not.
        reader.uid(65534);
    }
    match reader.output() {
        Ok(output) => assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        ),
        Err(error) => println!("SKIPPED: cannot be another user: {error}"),
    }
}
