//! One process that scores.

use std::collections::VecDeque;
use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, SyncSender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::stream::{LONGEST, Line, Log, Tail, read_lines};
use crate::error::OracleError;

/// What a worker's threads report, with the number of the process it is about.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) process: u64,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// Lines of standard output.
    Lines(Vec<Line>),
    /// Standard output ended; every line of it was reported before.
    Closed,
    /// Standard input is closed: nothing more can be asked. Holds what was not delivered.
    Deaf(Vec<u64>),
}

/// An object that a worker was given.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) id: u64,
    pub(super) sent: Instant,
}

/// A running process, in a process group of its own. Dropping it kills the group.
#[derive(Debug)]
pub(super) struct Worker {
    /// Number of the process in this session.
    pub(super) process: u64,
    child: Child,
    group: Option<Pid>,
    reaped: bool,
    input: Option<Sender<(u64, Vec<u8>)>>,
    tail: Arc<Mutex<Tail>>,
    /// What it was asked and has not answered, oldest first.
    pub(super) pending: VecDeque<Pending>,
    /// When the oldest pending object became the oldest.
    pub(super) since: Instant,
    /// Whether this process has answered anything.
    pub(super) answered: bool,
    /// Whether it is given nothing more: it is deaf, out of step or killed.
    pub(super) closed: bool,
    /// Whether it is busy with an object that has to be alone.
    pub(super) exclusive: bool,
    /// When it was killed for taking too long, and the object that it was killed for.
    pub(super) killed: Option<(Instant, u64)>,
}

impl Worker {
    /// Starts `command`. Lines of standard output go to `reports`, standard error to the log.
    pub(super) fn start(
        mut command: Command,
        name: &str,
        process: u64,
        reports: &SyncSender<Report>,
        log: Option<Log>,
    ) -> Result<Self, OracleError> {
        let failed = |source: std::io::Error| OracleError::Start {
            command: name.to_owned(),
            remedy: match source.kind() {
                std::io::ErrorKind::NotFound => {
                    "there is no such program (or folder to run it in); give a path, or check PATH"
                }
                std::io::ErrorKind::PermissionDenied => {
                    "it may not be executed: chmod +x, or name its interpreter first"
                }
                _ => "try it by hand",
            },
            source,
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Of its own: Ctrl-C is ours to answer, and killing it takes what it started along.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (input, questions) = channel::<(u64, Vec<u8>)>();
        let tail = Arc::new(Mutex::new(Tail::default()));
        let worker = Self {
            process,
            child,
            group,
            reaped: false,
            input: Some(input),
            tail: Arc::clone(&tail),
            pending: VecDeque::new(),
            since: Instant::now(),
            answered: false,
            closed: false,
            exclusive: false,
            killed: None,
        };
        let thread_failed = |source| OracleError::Io {
            what: "cannot start a thread for the oracle's worker".into(),
            source,
        };
        if let Some(mut stdin) = stdin {
            let reports = reports.clone();
            spawn("oracle-input", move || {
                let mut undelivered = Vec::new();
                while let Ok((id, line)) = questions.recv() {
                    if stdin.write_all(&line).is_err() {
                        undelivered.push(id);
                        break;
                    }
                }
                drop(stdin);
                if !undelivered.is_empty() {
                    undelivered.extend(questions.try_iter().map(|(id, _)| id));
                    let what = What::Deaf(undelivered);
                    let _ = reports.send(Report { process, what });
                }
            })
            .map_err(thread_failed)?;
        }
        if let Some(stdout) = stdout {
            let reports = reports.clone();
            spawn("oracle-output", move || {
                read_lines(stdout, LONGEST, |lines| {
                    let what = What::Lines(lines);
                    reports.send(Report { process, what }).is_ok()
                });
                let what = What::Closed;
                let _ = reports.send(Report { process, what });
            })
            .map_err(thread_failed)?;
        }
        if let Some(stderr) = stderr {
            spawn("oracle-errors", move || keep_errors(stderr, log, &tail))
                .map_err(thread_failed)?;
        }
        Ok(worker)
    }

    /// Hands over a question.
    pub(super) fn ask(&mut self, id: u64, line: Vec<u8>) {
        let now = Instant::now();
        if self.pending.is_empty() {
            self.since = now;
        }
        self.pending.push_back(Pending { id, sent: now });
        if let Some(input) = &self.input {
            // Where the thread has ended it has reported that the worker is deaf.
            let _ = input.send((id, line));
        }
    }

    /// Takes a pending object off, with the seconds since it was sent.
    pub(super) fn settle(&mut self, id: u64) -> Option<f64> {
        let place = self.pending.iter().position(|p| p.id == id)?;
        let pending = self.pending.remove(place)?;
        if place == 0 {
            self.since = Instant::now();
        }
        self.exclusive = false;
        Some(pending.sent.elapsed().as_secs_f64())
    }

    /// Kills the group; the end of its output is reported as usual.
    pub(super) fn kill(&mut self) {
        // First the signal: at the end of its input it might yet answer, and then seem to keep up.
        self.signal(Signal::KILL);
        self.input = None;
        self.closed = true;
    }

    /// Asks the group to end: end of input and SIGTERM.
    pub(super) fn dismiss(&mut self) {
        self.input = None;
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // A group that has ended already is what is wanted.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Whether the process has ended; it is not reaped, so that its number stays taken.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        match self.group {
            Some(pid) => !matches!(waitid(WaitId::Pid(pid), options), Ok(None)),
            None => true,
        }
    }

    /// Waits until it has ended, at most `patience`.
    pub(super) fn await_end(&self, patience: Duration) -> bool {
        let start = Instant::now();
        while !self.has_ended() {
            if start.elapsed() > patience {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// Ends the whole group and says how the process ended by itself, where it did.
    pub(super) fn bury(mut self) -> (String, String) {
        // A process that has closed its output is usually about to end: its own status says more than
        // that we killed it.
        let by_itself = self.killed.is_some() || self.await_end(Duration::from_millis(200));
        self.input = None;
        self.signal(Signal::KILL);
        let ending = match self.reap() {
            _ if !by_itself => "closed its standard output and did not end".into(),
            Some(status) => ending(status),
            None => "did not end when it was killed".into(),
        };
        (ending, self.last_words())
    }

    /// The last lines of standard error.
    fn last_words(&self) -> String {
        let tail = || self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let start = Instant::now();
        while !tail().ended && start.elapsed() < Duration::from_millis(100) {
            thread::sleep(Duration::from_millis(1));
        }
        tail().text()
    }

    /// The status of the killed process. One that even SIGKILL does not end (it hangs in a system call) is
    /// left behind.
    fn reap(&mut self) -> Option<ExitStatus> {
        self.reaped = true;
        if self.await_end(Duration::from_secs(2)) {
            self.child.wait().ok()
        } else {
            None
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Once reaped, its number may belong to somebody else.
        if !self.reaped {
            self.signal(Signal::KILL);
            self.reap();
        }
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    thread::Builder::new()
        .name(name.into())
        .stack_size(256 << 10)
        .spawn(body)
        .map(drop)
}

fn keep_errors(mut stderr: impl std::io::Read, mut log: Option<Log>, tail: &Mutex<Tail>) {
    let tail = || tail.lock().unwrap_or_else(PoisonError::into_inner);
    let mut buffer = [0; 8192];
    loop {
        match stderr.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                if let Some(log) = &mut log {
                    log.write(&buffer[..n]);
                }
                tail().push(&buffer[..n]);
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    tail().ended = true;
}

fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => format!("ended: {status}"),
    }
}
