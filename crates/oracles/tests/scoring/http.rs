//! Endpoints, played by a few lines on a socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anabranch_oracles::{
    Event, FailureKind, Fates, HttpOracle, HttpSettings, Oracle, OracleError, Scorer, Store,
    Verdict,
};
use serde_json::{Value, json};

use super::{numbered, store_in, texts};

/// What a request was: its head, and the JSON that came with it.
type Request = (String, Value);

/// An endpoint that answers each request with what `answer` makes of it and of its number: status line,
/// further headers, body.
fn serve(
    answer: impl Fn(usize, &Value) -> (&'static str, String, String) + Send + 'static,
) -> (String, Arc<Mutex<Vec<Request>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/score", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let Some(request) = receive(&stream) else {
                continue;
            };
            let (status, headers, body) = {
                let mut log = log.lock().unwrap();
                log.push(request.clone());
                answer(log.len() - 1, &request.1)
            };
            if status == "hang up" {
                continue;
            }
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n",
                body.len()
            );
            let mut stream = stream;
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(body.as_bytes());
        }
    });
    (url, seen)
}

fn receive(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 || line == "\r\n" {
            break;
        }
        if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
            length = n.trim().parse().ok()?;
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, serde_json::from_slice(&body).ok()?))
}

/// Each object is worth its length.
fn lengths(request: &Value) -> String {
    let items = request["items"].as_array().unwrap().iter();
    let items: Vec<Value> = items
        .map(|i| json!({"id": i["id"], "score": i["smiles"].as_str().unwrap().len()}))
        .collect();
    json!({"items": items}).to_string()
}

fn settings(url: String) -> HttpSettings {
    HttpSettings {
        url,
        batch: 4,
        timeout: 5.0,
        backoff: 0.01,
        ..HttpSettings::default()
    }
}

fn scorer(settings: HttpSettings) -> Scorer {
    let oracle = HttpOracle::new(settings).unwrap();
    Scorer::new(
        Box::new(oracle),
        Store::in_memory().unwrap(),
        Fates::default(),
    )
    .unwrap()
}

fn fine(_: usize, request: &Value) -> (&'static str, String, String) {
    ("200 OK", String::new(), lengths(request))
}

#[test]
fn batches_are_posted() {
    let (url, seen) = serve(fine);
    let scorer = scorer(HttpSettings {
        connections: 2,
        ..settings(url)
    });
    let objects = numbered(0..12);
    let verdicts = scorer.score(&objects).unwrap();
    for (object, verdict) in objects.iter().zip(verdicts) {
        assert_eq!(verdict, Verdict::Scores(vec![object.len() as f64]));
    }
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 3);
    assert!(
        seen.iter()
            .all(|(head, _)| head.starts_with("POST /score "))
    );
    assert_eq!(scorer.counts().answered, 12);
}

#[test]
fn refusals_that_may_pass_are_repeated() {
    let (url, seen) = serve(|n, request| match n {
        0 => (
            "429 Too Many Requests",
            "Retry-After: 1\r\n".into(),
            String::new(),
        ),
        1 => ("500 Internal Server Error", String::new(), "oops".into()),
        2 => ("hang up", String::new(), String::new()),
        _ => fine(n, request),
    });
    let scorer = scorer(settings(url));
    let start = Instant::now();
    assert_eq!(
        scorer.score(&texts(&["CC"])).unwrap(),
        [Verdict::Scores(vec![2.0])]
    );
    assert!(
        start.elapsed() >= Duration::from_secs(1),
        "Retry-After is respected"
    );
    assert_eq!(scorer.counts().event(Event::Repeated), 3);
    assert_eq!(seen.lock().unwrap().len(), 4);
}

#[test]
fn an_endpoint_that_is_away_stops_the_run() {
    let (url, seen) = serve(|_, _| ("503 Service Unavailable", String::new(), "down".into()));
    let scorer = scorer(HttpSettings {
        retries: 2,
        ..settings(url)
    });
    let error = scorer.score(&texts(&["CC"])).unwrap_err();
    assert!(
        matches!(
            &error,
            OracleError::Stopped {
                kind: FailureKind::Unreachable,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("503"), "{error}");
    assert_eq!(seen.lock().unwrap().len(), 3);
    // Nobody listens at all: the same.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let scorer = self::scorer(HttpSettings {
        retries: 1,
        ..settings(url)
    });
    let error = scorer.score(&texts(&["CC"])).unwrap_err().to_string();
    assert!(error.contains("fates.unreachable"), "{error}");
}

#[test]
fn a_slow_endpoint_is_a_time_out() {
    let (url, _) = serve(|n, request| {
        if n == 0 {
            std::thread::sleep(Duration::from_millis(700));
        }
        fine(n, request)
    });
    let scorer = scorer(HttpSettings {
        timeout: 0.3,
        ..settings(url)
    });
    // The retry waits behind the first request, since the endpoint serves one at a time.
    let verdicts = scorer.score(&texts(&["CC"])).unwrap();
    assert!(scorer.counts().failure(FailureKind::Timeout) >= 1);
    assert!(
        matches!(
            verdicts[0],
            Verdict::Scores(_) | Verdict::Drop(FailureKind::Timeout)
        ),
        "{verdicts:?}"
    );
}

#[test]
fn what_is_no_answer_is_told() {
    let (url, _) = serve(|_, _| ("200 OK", String::new(), "<html>welcome</html>".into()));
    let error = scorer(settings(url))
        .score(&texts(&["CC"]))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("<html>") && error.contains("reward.url"),
        "{error}"
    );
    // Once it has answered, one wrong answer is an accident.
    let (url, _) = serve(|n, request| match n {
        1 => ("200 OK", String::new(), "{\"items\": 3}".into()),
        _ => fine(n, request),
    });
    let scorer = scorer(settings(url));
    let verdicts = scorer.score(&numbered(0..8)).unwrap();
    assert!(verdicts.iter().all(|v| *v == Verdict::Scores(vec![5.0])));
    assert_eq!(scorer.counts().event(Event::Garbage), 1);
    assert_eq!(scorer.counts().failure(FailureKind::Unanswered), 4);
}

#[test]
fn every_item_has_its_own_fate() {
    let (url, _) = serve(|n, request| {
        let id = |i: usize| request["items"][i]["id"].clone();
        let body = if n == 0 {
            // A list alone is fine, too; the last one is left out.
            format!(
                "[{},{},{{\"id\":{},\"score\":NaN}},{},{},7]",
                json!({"id": id(0), "score": null}),
                json!({"id": id(1), "error": "bad"}),
                id(2),
                json!({"id": id(1), "score": 1}),
                json!({"id": 12345, "score": 1}),
            )
        } else {
            lengths(request)
        };
        ("200 OK", String::new(), body)
    });
    let scorer = scorer(settings(url));
    assert_eq!(
        scorer.score(&texts(&["a", "b", "c", "dd"])).unwrap(),
        [
            Verdict::Floor(FailureKind::Null),
            Verdict::Floor(FailureKind::Error),
            Verdict::Drop(FailureKind::Nan),
            Verdict::Scores(vec![2.0]),
        ]
    );
    let counts = scorer.counts();
    for event in [Event::Duplicate, Event::Unknown, Event::Garbage] {
        assert_eq!(counts.event(event), 1, "{event}");
    }
    assert_eq!(counts.failure(FailureKind::Unanswered), 1);
}

/// The token in this test's environment: a variable that cargo sets for every test, so that none has to be
/// set, which would not be safe beside other threads.
const VARIABLE: &str = "CARGO_MANIFEST_DIR";

#[test]
fn the_token_is_sent_and_never_shown() {
    let token = std::env::var(VARIABLE).unwrap();
    // An endpoint that sends back what it was given, as a careless one does.
    let echo = token.clone();
    let (url, seen) = serve(move |n, request| match n {
        0 => (
            "500 Internal Server Error",
            String::new(),
            format!("token {echo}"),
        ),
        1 => fine(n, request),
        2 => {
            let id = &request["items"][0]["id"];
            let body = json!([{"id": id, "error": format!("no quota for {echo}")}]);
            ("200 OK", String::new(), body.to_string())
        }
        _ => (
            "403 Forbidden",
            String::new(),
            format!("token {echo} is spent"),
        ),
    });
    let folder = tempfile::tempdir().unwrap();
    let settings = HttpSettings {
        token_env: Some(VARIABLE.into()),
        ..settings(url)
    };
    let oracle = HttpOracle::new(settings.clone()).unwrap();
    assert!(!format!("{oracle:?}").contains(&token), "{oracle:?}");
    assert!(!oracle.source().contains(&token));
    assert!(!serde_json::to_string(&settings).unwrap().contains(&token));
    let store = Store::open(&store_in(folder.path())).unwrap();
    let scorer = Scorer::new(Box::new(oracle), store, Fates::default()).unwrap();
    scorer.score(&texts(&["CC"])).unwrap();
    scorer.score(&texts(&["CCC"])).unwrap();
    let error = scorer.score(&texts(&["C"])).unwrap_err();
    assert!(
        error.to_string().contains("403") && error.to_string().contains("***"),
        "{error}"
    );
    assert!(!format!("{error} {error:?} {scorer:?}").contains(&token));
    assert!(seen.lock().unwrap().iter().all(|(head, _)| {
        let head = head.to_lowercase();
        head.contains(&format!("authorization: bearer {}", token.to_lowercase()))
    }));
    drop(scorer);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(token.len()).any(|w| w == token.as_bytes()));
    }
}

#[test]
fn addresses_and_tokens_that_cannot_be_are_refused() {
    for url in [
        "",
        "example.org/score",
        "ftp://example.org",
        "http://me:secret@example.org/",
    ] {
        let error = HttpOracle::new(settings(url.into()))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("reward.url") && !error.contains("secret"),
            "{error}"
        );
    }
    let settings = HttpSettings {
        token_env: Some("NO_SUCH_VARIABLE_IS_SET".into()),
        ..settings("http://localhost/".into())
    };
    let error = HttpOracle::new(settings).unwrap_err().to_string();
    assert!(
        error.contains("NO_SUCH_VARIABLE_IS_SET is not set"),
        "{error}"
    );
}

#[test]
fn an_interrupt_does_not_wait_for_the_endpoint() {
    let (url, _) = serve(|n, request| {
        std::thread::sleep(Duration::from_secs(5));
        fine(n, request)
    });
    let flag = Arc::new(AtomicBool::new(false));
    let scorer = scorer(HttpSettings {
        timeout: 20.0,
        ..settings(url)
    })
    .with_stop(Arc::clone(&flag));
    let thread = std::thread::spawn(move || scorer.score(&texts(&["C"])));
    std::thread::sleep(Duration::from_millis(200));
    let start = Instant::now();
    flag.store(true, Ordering::Relaxed);
    assert!(matches!(
        thread.join().unwrap(),
        Err(OracleError::Interrupted)
    ));
    assert!(start.elapsed() < Duration::from_secs(1));
}
