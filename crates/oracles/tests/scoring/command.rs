//! One way of misbehaving at a time.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anabranch_oracles::{
    CommandLine, CommandOracle, CommandSettings, End, Event, EventFate, FailureKind, Fate, Fates,
    Oracle, OracleError, Protocol, Verdict,
};

use super::{inline, numbered, passing, python, texts, words};

fn lines_of(command: CommandLine) -> CommandSettings {
    CommandSettings {
        command,
        protocol: Protocol::Lines,
        backoff: 0.001,
        timeout: 10.0,
        startup_timeout: 10.0,
        ..CommandSettings::default()
    }
}

/// A program for the system's awk, whichever it is: mawk reads its input in blocks unless told not to.
fn awk(program: &str) -> CommandLine {
    let about = std::process::Command::new("awk")
        .args(["-W", "version"])
        .output();
    let mawk = about.is_ok_and(|o| [o.stdout, o.stderr].concat().starts_with(b"mawk"));
    if mawk {
        words(&["awk", "-W", "interactive", program])
    } else {
        words(&["awk", program])
    }
}

fn scores(values: &[f64]) -> Vec<Verdict> {
    values.iter().map(|v| Verdict::Scores(vec![*v])).collect()
}

#[test]
fn awk_scores_plain_lines() {
    let program = "{ if ($0 == \"x\") print \"null\"; else if ($0 == \"y\") print \"error: bad\"; \
               else print length($0); fflush() }";
    let scorer = passing(lines_of(awk(program)), Fates::default());
    let verdicts = scorer
        .score(&texts(&["CCO", "x", "C", "y", "CCO"]))
        .unwrap();
    assert_eq!(
        verdicts,
        [
            Verdict::Scores(vec![3.0]),
            Verdict::Floor(FailureKind::Null),
            Verdict::Scores(vec![1.0]),
            Verdict::Floor(FailureKind::Error),
            Verdict::Scores(vec![3.0]),
        ]
    );
}

#[test]
fn a_shell_line_with_several_columns() {
    let settings = CommandSettings {
        columns: texts(&["length", "half"]),
        ..lines_of(CommandLine::Shell(
            "while read -r text; do echo \"${#text}, 0.5\"; done".into(),
        ))
    };
    let scorer = passing(settings, Fates::default());
    let verdicts = scorer.score(&texts(&["CCO"])).unwrap();
    assert_eq!(verdicts, [Verdict::Scores(vec![3.0, 0.5])]);
    // A line break would be two questions.
    let verdicts = scorer.score(&texts(&["C\nO"])).unwrap();
    assert_eq!(verdicts, [Verdict::Floor(FailureKind::Error)]);
}

#[test]
fn plain_lines_never_slip() {
    // A banner, a second number after each answer, and a number that is cut off by the end.
    let program = "echo 'model 3 loaded'; n=0; while read -r text; do n=$((n+1)); \
                   if [ $n = 3 ]; then printf 7; exit 1; fi; printf '%s\\n99\\n' \"${#text}\"; sleep 0.02; done";
    let fates = Fates {
        crash: Fate::after(5, End::Stop),
        ..Fates::default()
    };
    let scorer = passing(lines_of(CommandLine::Shell(program.into())), fates);
    // One at a time, so that each is asked when what came too much has arrived.
    for text in ["a", "bb", "ccc", "dddd", "eeeee"] {
        std::thread::sleep(Duration::from_millis(30));
        let verdicts = scorer.score(&texts(&[text])).unwrap();
        assert_eq!(verdicts, scores(&[text.len() as f64]), "{text}");
    }
    assert!(scorer.counts().event(Event::Garbage) >= 1);
    assert!(scorer.counts().event(Event::Unknown) >= 1);
}

#[test]
fn awk_that_does_not_flush_is_told_how() {
    let settings = CommandSettings {
        timeout: 0.3,
        startup_timeout: 0.3,
        attempts: 2,
        ..lines_of(words(&["awk", "{ print length($0) }"]))
    };
    let fates = Fates {
        timeout: Fate::after(9, End::Drop),
        ..Fates::default()
    };
    let error = passing(settings, fates)
        .score(&texts(&["C"]))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("flush") && error.contains("fflush()"),
        "{error}"
    );
    assert!(
        error.contains("awk") && error.contains("2 times"),
        "{error}"
    );
}

#[test]
fn a_time_out_has_its_fate_and_hurts_nobody_else() {
    let Some(python) = python() else { return };
    let program = "import sys, json, time\nfor l in sys.stdin:\n q = json.loads(l)\n \
                   if q['smiles'] == 'slow': time.sleep(60)\n print(json.dumps({'id': q['id'], 'score': 1}))";
    let settings = CommandSettings {
        timeout: 0.4,
        startup_timeout: 2.0,
        in_flight: 3,
        ..inline(&python, program)
    };
    let scorer = passing(settings, Fates::default());
    let start = Instant::now();
    let objects = texts(&["a", "slow", "b", "c", "d"]);
    let verdicts = scorer.score(&objects).unwrap();
    assert_eq!(verdicts[1], Verdict::Drop(FailureKind::Timeout));
    assert_eq!(
        verdicts
            .iter()
            .filter(|v| **v == Verdict::Scores(vec![1.0]))
            .count(),
        4
    );
    assert_eq!(
        scorer.counts().failure(FailureKind::Timeout),
        2,
        "one retry by default"
    );
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn only_garbage_does_not_hang() {
    let settings = CommandSettings {
        timeout: 0.3,
        startup_timeout: 0.3,
        attempts: 3,
        ..lines_of(CommandLine::Shell("yes garbage".into()))
    };
    let start = Instant::now();
    let scorer = passing(
        settings,
        Fates {
            timeout: Fate::after(9, End::Drop),
            ..Fates::default()
        },
    );
    let error = scorer.score(&texts(&["C"])).unwrap_err();
    assert!(
        matches!(error, OracleError::Dies { failures: 3, .. }),
        "{error}"
    );
    assert!(start.elapsed() < Duration::from_secs(20));
    assert!(scorer.counts().event(Event::Garbage) > 0);
}

#[test]
fn events_can_stop() {
    let program = "echo hello; while read -r text; do echo 1; done";
    let fates = Fates {
        garbage: EventFate::Stop,
        ..Fates::default()
    };
    let scorer = passing(lines_of(CommandLine::Shell(program.into())), fates);
    let error = scorer.score(&texts(&["C"])).unwrap_err();
    assert!(
        matches!(&error, OracleError::StoppedByEvent { event: Event::Garbage, text } if text == "hello")
    );
    assert!(error.to_string().contains("fates.garbage"), "{error}");
}

#[test]
fn a_command_that_dies_at_once_is_named() {
    let program = "echo 'ImportError: no module named vina' >&2; exit 7";
    let settings = CommandSettings {
        attempts: 4,
        ..lines_of(CommandLine::Shell(program.into()))
    };
    let scorer = passing(settings, Fates::default());
    let error = scorer.score(&texts(&["C", "CC"])).unwrap_err().to_string();
    for part in [
        "exit 7",
        "4 times",
        "exit status 7",
        "ImportError: no module named vina",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!(scorer.counts().event(Event::Restart), 3);
}

#[test]
fn restarts_wait_longer_and_longer() {
    let settings = CommandSettings {
        attempts: 4,
        backoff: 0.1,
        ..lines_of(CommandLine::Shell("exit 1".into()))
    };
    let start = Instant::now();
    assert!(
        passing(settings, Fates::default())
            .score(&texts(&["C"]))
            .is_err()
    );
    // 0.1 + 0.2 + 0.4 seconds.
    assert!(start.elapsed() >= Duration::from_millis(700));
}

#[test]
fn a_command_that_is_not_there_is_named() {
    let settings = lines_of(words(&["no-such-program-here", "--fast"]));
    let error = passing(settings, Fates::default())
        .score(&texts(&["C"]))
        .unwrap_err();
    assert!(matches!(error, OracleError::Start { .. }));
    let text = error.to_string();
    assert!(
        text.contains("no-such-program-here --fast") && text.contains("PATH"),
        "{text}"
    );
}

#[test]
fn a_poisonous_object_is_found_among_others() {
    let Some(python) = python() else { return };
    let program = "import sys, json, os\nfor l in sys.stdin:\n q = json.loads(l)\n \
                   if q['smiles'] == 'obj-13': os._exit(9)\n print(json.dumps({'id': q['id'], 'score': 1}))";
    let settings = CommandSettings {
        in_flight: 8,
        workers: 2,
        ..inline(&python, program)
    };
    let scorer = passing(settings, Fates::default());
    let verdicts = scorer.score(&numbered(0..40)).unwrap();
    for (i, verdict) in verdicts.iter().enumerate() {
        if i == 13 {
            assert_eq!(*verdict, Verdict::Drop(FailureKind::Crash));
        } else {
            assert_eq!(*verdict, Verdict::Scores(vec![1.0]), "object {i}");
        }
    }
    assert_eq!(
        scorer.counts().failure(FailureKind::Crash),
        3,
        "two retries by default"
    );
    // It is not asked again in this session.
    let asked = scorer.counts().asked;
    assert_eq!(
        scorer.score(&numbered(13..14)).unwrap(),
        [Verdict::Drop(FailureKind::Crash)]
    );
    assert_eq!(scorer.counts().asked, asked);
}

#[test]
fn a_missing_column_stops_and_says_which() {
    let Some(python) = python() else { return };
    let program = "import sys, json\nfor l in sys.stdin:\n q = json.loads(l)\n \
                   print(json.dumps({'id': q['id'], 'scores': {'a': 1}}))";
    let settings = CommandSettings {
        columns: texts(&["a", "b"]),
        ..inline(&python, program)
    };
    let error = passing(settings, Fates::default())
        .score(&texts(&["C"]))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("\"b\"") && error.contains("fates.missing_column"),
        "{error}"
    );
}

#[test]
fn graphs_go_in_as_json() {
    let Some(python) = python() else { return };
    let program = "import sys, json\nfor l in sys.stdin:\n q = json.loads(l)\n \
                   print(json.dumps({'id': q['id'], 'score': len(q['graph']['edges'])}))";
    let settings = CommandSettings {
        field: "graph".into(),
        json_objects: true,
        ..inline(&python, program)
    };
    let scorer = passing(settings, Fates::default());
    let objects = texts(&["{\"nodes\":3,\"edges\":[[0,1],[1,2]]}", "not json"]);
    assert_eq!(
        scorer.score(&objects).unwrap(),
        [
            Verdict::Scores(vec![2.0]),
            Verdict::Floor(FailureKind::Error)
        ]
    );
}

#[test]
fn an_interrupt_is_heeded_within_a_second() {
    let flag = Arc::new(AtomicBool::new(false));
    let settings = lines_of(CommandLine::Shell(
        "while read -r text; do [ \"$text\" = slow ] && sleep 60; echo 1; done".into(),
    ));
    let scorer = Arc::new(passing(settings, Fates::default()).with_stop(Arc::clone(&flag)));
    let waiting = [texts(&["quick", "slow"]), texts(&["other"])].map(|objects| {
        let scorer = Arc::clone(&scorer);
        std::thread::spawn(move || scorer.score(&objects))
    });
    std::thread::sleep(Duration::from_millis(500));
    let start = Instant::now();
    flag.store(true, Ordering::Relaxed);
    for thread in waiting {
        // Whoever came second may have been served first.
        if let Err(error) = thread.join().unwrap() {
            assert!(matches!(error, OracleError::Interrupted), "{error}");
        }
    }
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    flag.store(false, Ordering::Relaxed);
    // What was answered before is known.
    let known = scorer.counts().known;
    assert_eq!(scorer.score(&texts(&["quick"])).unwrap(), scores(&[1.0]));
    assert_eq!(scorer.counts().known, known + 1);
}

fn runs(pid: &str) -> bool {
    // A zombie has ended; whoever should reap it may be slow.
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
    stat.is_ok_and(|s| !s.contains(") Z "))
}

#[test]
fn dropping_ends_whole_process_groups() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pids");
    let program = format!(
        "trap '' TERM; sleep 300 & echo $$ $! > {}; while read -r text; do echo 1; done; sleep 300",
        file.display()
    );
    let settings = lines_of(CommandLine::Shell(program));
    let scorer = passing(settings, Fates::default());
    scorer.score(&texts(&["C"])).unwrap();
    let pids = std::fs::read_to_string(&file).unwrap();
    let pids: Vec<&str> = pids.split_whitespace().collect();
    assert_eq!(pids.len(), 2);
    if !Path::new("/proc/self/stat").exists() {
        return println!("SKIPPED: there is no /proc");
    }
    assert!(pids.iter().all(|p| runs(p)));
    drop(scorer);
    let start = Instant::now();
    while pids.iter().any(|p| runs(p)) {
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{pids:?} still run"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn several_threads_get_the_same_answers() {
    let settings = lines_of(awk("{ print length($0); fflush() }"));
    let scorer = passing(settings, Fates::default());
    let objects = numbered(0..300);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|i| {
                let (scorer, objects) = (&scorer, &objects);
                scope.spawn(move || {
                    let part = &objects[i * 50..i * 50 + 150];
                    (part.to_vec(), scorer.score(part).unwrap())
                })
            })
            .collect();
        for thread in threads {
            let (part, verdicts) = thread.join().unwrap();
            let expected: Vec<f64> = part.iter().map(|o| o.len() as f64).collect();
            assert_eq!(verdicts, scores(&expected));
        }
    });
    let counts = scorer.counts();
    assert_eq!(counts.asked, 300, "each object once");
    assert_eq!(counts.requested, 600);
    assert_eq!(counts.known + counts.asked, 600);
}

#[test]
fn a_changed_script_is_another_source() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("score.awk");
    let source = |version: Option<&str>| {
        let settings = CommandSettings {
            version: version.map(str::to_owned),
            ..lines_of(words(&["awk", "-f", &script.display().to_string()]))
        };
        CommandOracle::new(settings).unwrap().source()
    };
    std::fs::write(&script, "{ print 1 }").unwrap();
    let (old, named) = (source(None), source(Some("v1")));
    assert_eq!(source(None), old);
    std::fs::write(&script, "{ print 2 }").unwrap();
    assert_ne!(source(None), old);
    assert_eq!(source(Some("v1")), named);
}

#[test]
fn impossible_settings_are_refused() {
    let sound = || lines_of(words(&["awk"]));
    let wrong: [fn(&mut CommandSettings); 7] = [
        |s| s.command = CommandLine::Program(Vec::new()),
        |s| s.workers = 0,
        |s| s.timeout = f64::NAN,
        |s| s.backoff = -1.0,
        |s| s.columns = Vec::new(),
        |s| s.columns = texts(&["a", "a"]),
        |s| s.in_flight = 2,
    ];
    assert!(CommandOracle::new(sound()).is_ok());
    for (i, change) in wrong.iter().enumerate() {
        let mut settings = sound();
        change(&mut settings);
        assert!(CommandOracle::new(settings).is_err(), "change {i}");
    }
}
