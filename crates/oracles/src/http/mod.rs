//! An HTTP endpoint that scores.

mod endpoint;
mod settings;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::error::OracleError;
use crate::oracle::{Answer, Event, FailureKind, Heard, Listener, Oracle, excerpt};
use crate::reply::{self, Reply};

use endpoint::{Endpoint, Refusal};

pub use settings::HttpSettings;

/// An oracle that is an HTTP endpoint.
#[derive(Debug)]
pub struct HttpOracle {
    settings: HttpSettings,
    endpoint: Arc<Endpoint>,
    next_id: AtomicU64,
    /// Whether it has ever answered for an object.
    proven: AtomicBool,
}

/// How often the wish to stop is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// What a connection reports.
enum Report {
    Repeated(String),
    Done {
        range: Range<usize>,
        result: Result<String, Refusal>,
        seconds: f64,
    },
}

/// Requests that are yet to be sent.
type Jobs = Arc<Mutex<VecDeque<(Range<usize>, String)>>>;

impl HttpOracle {
    /// An oracle of an endpoint, which is not asked yet.
    ///
    /// # Errors
    /// Where a setting is impossible or the token's environment variable is not set.
    pub fn new(settings: HttpSettings) -> Result<Self, OracleError> {
        settings.check()?;
        Ok(Self {
            endpoint: Arc::new(Endpoint::new(&settings)?),
            settings,
            next_id: AtomicU64::new(0),
            proven: AtomicBool::new(false),
        })
    }

    /// The settings.
    pub fn settings(&self) -> &HttpSettings {
        &self.settings
    }

    /// The requests of a batch, and answers for what cannot be asked.
    fn jobs(
        &self,
        objects: &[String],
        base: u64,
    ) -> (VecDeque<(Range<usize>, String)>, Vec<Heard>) {
        let (mut jobs, mut news) = (VecDeque::new(), Vec::new());
        for start in (0..objects.len()).step_by(self.settings.batch) {
            let range = start..objects.len().min(start + self.settings.batch);
            let mut items = Vec::with_capacity(range.len());
            for index in range.clone() {
                let (field, json) = (&self.settings.field, self.settings.json_objects);
                match reply::question(base + index as u64, field, &objects[index], json) {
                    Ok(item) => items.push(item),
                    Err(message) => news.push(Heard::Answer {
                        index,
                        answer: Answer::failed(FailureKind::Error, message),
                        seconds: 0.0,
                    }),
                }
            }
            if !items.is_empty() {
                jobs.push_back((range, format!("{{\"items\":[{}]}}", items.join(","))));
            }
        }
        (jobs, news)
    }

    fn connect(
        &self,
        jobs: &Jobs,
        stop: &Arc<AtomicBool>,
        reports: &Sender<Report>,
    ) -> std::io::Result<()> {
        let (endpoint, jobs, stop) = (
            Arc::clone(&self.endpoint),
            Arc::clone(jobs),
            Arc::clone(stop),
        );
        let reports = reports.clone();
        // Not awaited: a request cannot be broken off, and whoever wants to stop does not wait for it.
        std::thread::Builder::new()
            .name("oracle-request".into())
            .spawn(move || {
                let next = || {
                    jobs.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .pop_front()
                };
                while let Some((range, body)) = next() {
                    let start = Instant::now();
                    let result = endpoint.post(&body, &stop, |why| {
                        let _ = reports.send(Report::Repeated(why));
                    });
                    let seconds = start.elapsed().as_secs_f64();
                    let done = Report::Done {
                        range,
                        result,
                        seconds,
                    };
                    if reports.send(done).is_err() || stop.load(Ordering::Relaxed) {
                        return;
                    }
                }
            })
            .map(drop)
    }

    /// What an answered request says of its objects.
    fn read(
        &self,
        text: &str,
        range: &Range<usize>,
        base: u64,
        seconds: f64,
        answered: &mut [bool],
        news: &mut Vec<Heard>,
    ) -> Result<(), OracleError> {
        let columns = &self.settings.columns;
        let event = |event, text: String| Heard::Event {
            event,
            text: self.endpoint.clean(&text),
        };
        let items = match reply::parse(text) {
            Some(Value::Array(items)) => Some(items),
            Some(Value::Object(mut fields)) => match fields.remove("items") {
                Some(Value::Array(items)) => Some(items),
                _ => None,
            },
            _ => None,
        };
        let quote = || self.endpoint.clean(&excerpt(text.trim(), 200));
        let Some(items) = items else {
            if !self.proven.load(Ordering::Relaxed) {
                return Err(self.problem(format!(
                    "answered what is no list of items: {:?}; check reward.url, and that it answers \
                     {{\"items\":[{{\"id\":1,\"score\":0.5}}]}}",
                    quote()
                )));
            }
            news.push(event(Event::Garbage, quote()));
            return Ok(());
        };
        for item in &items {
            match reply::of_value(item, columns) {
                Reply::Garbage(text) => news.push(event(Event::Garbage, text)),
                Reply::Unknown(text) => news.push(event(Event::Unknown, text)),
                Reply::Answer(id, answer) => {
                    let index = id.checked_sub(base).and_then(|i| usize::try_from(i).ok());
                    match index.filter(|i| range.contains(i)) {
                        None => news.push(event(Event::Unknown, id.to_string())),
                        Some(i) if std::mem::replace(&mut answered[i], true) => {
                            news.push(event(Event::Duplicate, item.to_string()));
                        }
                        Some(index) => {
                            self.proven.store(true, Ordering::Relaxed);
                            let answer = match answer {
                                Answer::Failed { kind, message } => {
                                    Answer::failed(kind, self.endpoint.clean(&message))
                                }
                                scores => scores,
                            };
                            news.push(Heard::Answer {
                                index,
                                answer,
                                seconds,
                            });
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn problem(&self, problem: String) -> OracleError {
        OracleError::Endpoint {
            url: self.endpoint.shown.clone(),
            problem,
        }
    }
}

impl Oracle for HttpOracle {
    fn columns(&self) -> &[String] {
        &self.settings.columns
    }

    fn source(&self) -> String {
        self.settings.source()
    }

    fn ask(
        &self,
        objects: &[String],
        should_stop: &(dyn Fn() -> bool + Sync),
        heard: &mut Listener<'_>,
    ) -> Result<(), OracleError> {
        let base = self
            .next_id
            .fetch_add(objects.len() as u64, Ordering::Relaxed);
        let (jobs, news) = self.jobs(objects, base);
        let mut answered = vec![false; objects.len()];
        for item in &news {
            if let Heard::Answer { index, .. } = item {
                answered[*index] = true;
            }
        }
        if !news.is_empty() {
            heard(news)?;
        }
        let mut left = jobs.len();
        let connections = self.settings.connections.min(left);
        let jobs = Arc::new(Mutex::new(jobs));
        let stop = Arc::new(AtomicBool::new(false));
        // However this ends, nobody goes on asking.
        let _end = SetOnDrop(Arc::clone(&stop));
        let (sender, reports) = channel();
        for _ in 0..connections {
            self.connect(&jobs, &stop, &sender)
                .map_err(|source| OracleError::Io {
                    what: "cannot start a thread for a request".into(),
                    source,
                })?;
        }
        while left > 0 {
            if should_stop() {
                return Err(OracleError::Interrupted);
            }
            let report = match reports.recv_timeout(GLANCE) {
                Ok(report) => report,
                // We hold a sender, so it is never disconnected.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => continue,
            };
            let mut news = Vec::new();
            match report {
                Report::Repeated(text) => news.push(Heard::Event {
                    event: Event::Repeated,
                    text,
                }),
                Report::Done {
                    range,
                    result,
                    seconds,
                } => {
                    left -= 1;
                    let (kind, message) = match result {
                        Ok(text) => {
                            self.read(&text, &range, base, seconds, &mut answered, &mut news)?;
                            (FailureKind::Unanswered, String::new())
                        }
                        Err(Refusal::Timeout(message)) => (FailureKind::Timeout, message),
                        Err(Refusal::Unreachable(message)) => (FailureKind::Unreachable, message),
                        Err(Refusal::Final(problem)) => return Err(self.problem(problem)),
                        Err(Refusal::Stopped) => return Err(OracleError::Interrupted),
                    };
                    for index in range {
                        if !std::mem::replace(&mut answered[index], true) {
                            news.push(Heard::Answer {
                                index,
                                answer: Answer::failed(kind, message.as_str()),
                                seconds,
                            });
                        }
                    }
                }
            }
            heard(news)?;
        }
        Ok(())
    }
}

struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
