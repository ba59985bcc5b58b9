//! Hands objects to workers, takes their answers, watches the clock, and starts workers again.

use std::collections::{HashSet, VecDeque};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::settings::{CommandSettings, Protocol};
use super::stream::{Line, Log};
use super::worker::{Report, What, Worker};
use crate::error::OracleError;
use crate::oracle::{Answer, Event, FailureKind, Heard, Listener, excerpt};
use crate::reply::{self, Reply};

/// Reports that may wait; a worker that writes faster than it is read waits in turn.
const REPORTS: usize = 256;
/// How often the wish to stop is looked at.
const GLANCE: Duration = Duration::from_millis(50);
/// How long the output of a killed process is waited for.
const DRAIN: Duration = Duration::from_secs(1);
/// How long a command may be silent at its start before the user hears of it.
const SILENCE: Duration = Duration::from_secs(15);

/// A place for a worker.
#[derive(Debug, Default)]
struct Slot {
    worker: Option<Worker>,
    /// Ends in a row without an answer.
    ends: u32,
    /// When a worker may be started again.
    not_before: Option<Instant>,
    /// Whether the last worker ended when nobody asked it to.
    restart: bool,
}

/// All workers, from one batch to the next.
#[derive(Debug)]
pub(super) struct Desk {
    slots: Vec<Slot>,
    reports: Receiver<Report>,
    sender: SyncSender<Report>,
    next_id: u64,
    next_process: u64,
    /// Whether any worker has ever answered anything.
    proven: bool,
    /// Failures in a row without an answer.
    failures: u32,
    /// Objects that have failed by crash or time-out; a second time says nothing new of the command.
    suspects: HashSet<String>,
    /// Whether the user knows that a command is silent from its start.
    warned: bool,
}

impl Desk {
    pub(super) fn new(workers: usize) -> Self {
        let (sender, reports) = sync_channel(REPORTS);
        Self {
            slots: (0..workers).map(|_| Slot::default()).collect(),
            reports,
            sender,
            next_id: 0,
            next_process: 0,
            proven: false,
            failures: 0,
            suspects: HashSet::new(),
            warned: false,
        }
    }

    /// [`Oracle::ask`](crate::Oracle::ask).
    pub(super) fn ask(
        &mut self,
        settings: &CommandSettings,
        objects: &[String],
        should_stop: &(dyn Fn() -> bool + Sync),
        heard: &mut Listener<'_>,
    ) -> Result<(), OracleError> {
        let base = self.next_id;
        self.next_id += objects.len() as u64;
        let mut round = Round {
            settings,
            objects,
            base,
            answered: vec![false; objects.len()],
            left: objects.len(),
            queue: (0..objects.len()).collect(),
            alone: VecDeque::new(),
            news: Vec::new(),
        };
        let ended = self.run(&mut round, should_stop, heard);
        if ended.is_err() {
            // They are busy with what nobody waits for any more.
            for slot in &mut self.slots {
                if slot.worker.as_ref().is_some_and(|w| !w.pending.is_empty()) {
                    slot.worker = None;
                }
            }
        }
        ended
    }

    fn run(
        &mut self,
        round: &mut Round<'_>,
        should_stop: &(dyn Fn() -> bool + Sync),
        heard: &mut Listener<'_>,
    ) -> Result<(), OracleError> {
        while round.left > 0 {
            if should_stop() {
                return Err(OracleError::Interrupted);
            }
            self.hand_out(round)?;
            // Only ever late: the desk holds a sender, so the channel is never closed.
            let patience = self.patience(round.settings);
            let mut report = self.reports.recv_timeout(patience).ok();
            // Not more than was waiting, so that a flood does not keep the clock from being looked at.
            let mut ended = Ok(());
            for _ in 0..REPORTS {
                let Some(now) = report.take() else { break };
                ended = self.take(round, now);
                if ended.is_err() {
                    break;
                }
                report = self.reports.try_recv().ok();
            }
            if ended.is_ok() {
                ended = self.watch(round);
            }
            // What was answered is told even where something else is wrong.
            if !round.news.is_empty() {
                heard(std::mem::take(&mut round.news))?;
            }
            ended?;
        }
        Ok(())
    }

    /// How long nothing needs to be done unless somebody reports.
    fn patience(&self, settings: &CommandSettings) -> Duration {
        let now = Instant::now();
        let mut patience = GLANCE;
        for slot in &self.slots {
            let until = match &slot.worker {
                Some(worker) => deadline(worker, settings),
                None => slot.not_before,
            };
            if let Some(until) = until {
                patience = patience.min(until.saturating_duration_since(now));
            }
        }
        patience.max(Duration::from_millis(1))
    }

    /// Gives each worker what it can take, evenly, and starts workers where there is more to do.
    fn hand_out(&mut self, round: &mut Round<'_>) -> Result<(), OracleError> {
        for level in 0..round.settings.in_flight {
            for slot in 0..self.slots.len() {
                if round.queue.is_empty() && round.alone.is_empty() {
                    return Ok(());
                }
                if self.slots[slot].worker.is_none() && level == 0 {
                    self.start(slot, round)?;
                }
                if let Some(worker) = &mut self.slots[slot].worker
                    && !worker.closed
                    && !worker.exclusive
                    && worker.pending.len() == level
                {
                    round.give(worker);
                }
            }
        }
        Ok(())
    }

    fn start(&mut self, place: usize, round: &mut Round<'_>) -> Result<(), OracleError> {
        let slot = &mut self.slots[place];
        if slot.not_before.is_some_and(|t| Instant::now() < t) {
            return Ok(());
        }
        let settings = round.settings;
        let log = match &settings.log_folder {
            None => None,
            Some(folder) => {
                let path = folder.join(format!("oracle-stderr-{place}.log"));
                let log = Log::open(path.clone(), settings.log_bytes);
                Some(log.map_err(|source| OracleError::Io {
                    what: format!("{} cannot be written", path.display()),
                    source,
                })?)
            }
        };
        let name = settings.command.line();
        let (command, process) = (settings.command(place), self.next_process);
        self.next_process += 1;
        slot.worker = Some(Worker::start(command, &name, process, &self.sender, log)?);
        if std::mem::take(&mut slot.restart) {
            round.event(Event::Restart, String::new());
        }
        Ok(())
    }

    fn take(&mut self, round: &mut Round<'_>, report: Report) -> Result<(), OracleError> {
        let place = self.slots.iter().position(|s| {
            s.worker
                .as_ref()
                .is_some_and(|w| w.process == report.process)
        });
        match report.what {
            What::Lines(lines) => {
                for line in lines {
                    self.line(round, place, line);
                }
                Ok(())
            }
            What::Deaf(ids) => {
                if let Some(worker) = place.and_then(|p| self.slots[p].worker.as_mut()) {
                    worker.closed = true;
                    for id in ids {
                        if worker.settle(id).is_some() {
                            round.resend(id, false);
                        }
                    }
                }
                Ok(())
            }
            What::Closed => match place {
                Some(place) => self.conclude(round, place),
                None => Ok(()),
            },
        }
    }

    fn line(&mut self, round: &mut Round<'_>, place: Option<usize>, line: Line) {
        let lines = round.settings.protocol == Protocol::Lines;
        let text = match line {
            Line::Whole(text) => text,
            // A number that is cut off is another number; a JSON object that is cut off is none.
            Line::Partial(text) if !lines => text,
            Line::Partial(text) | Line::Unreadable(text) => {
                return round.event(Event::Garbage, excerpt(&text, 200));
            }
        };
        let reply = if lines {
            match plain(&text, &round.settings.columns) {
                None => return round.event(Event::Garbage, excerpt(&text, 200)),
                Some(answer) => {
                    let worker = place.and_then(|p| self.slots[p].worker.as_mut());
                    // Plain lines say nothing of whom they are for: those of a former process are for nobody.
                    let Some(worker) = worker else {
                        return round.event(Event::Unknown, excerpt(&text, 200));
                    };
                    match worker.pending.front() {
                        Some(pending) => Reply::Answer(pending.id, answer),
                        None => {
                            // Out of step: what it says next would be taken for the answer to something else.
                            worker.kill();
                            return round.event(Event::Unknown, excerpt(&text, 200));
                        }
                    }
                }
            }
        } else {
            reply::read(&text, &round.settings.columns)
        };
        match reply {
            Reply::Garbage(text) => round.event(Event::Garbage, text),
            Reply::Unknown(text) => round.event(Event::Unknown, text),
            Reply::Answer(id, _) if id >= self.next_id => {
                round.event(Event::Unknown, id.to_string());
            }
            Reply::Answer(id, answer) => match round.index(id) {
                Some(index) if !round.answered[index] => {
                    // Whoever was asked last waits for it; usually the one who answers.
                    let slots = self.slots.iter_mut().filter_map(|s| s.worker.as_mut());
                    let mut seconds = 0.0;
                    for worker in slots {
                        if let Some(s) = worker.settle(id) {
                            seconds = s;
                        }
                    }
                    if let Some(slot) = place.map(|p| &mut self.slots[p]) {
                        slot.ends = 0;
                        if let Some(worker) = &mut slot.worker {
                            worker.answered = true;
                        }
                    }
                    self.proven = true;
                    self.failures = 0;
                    round.settle(index, answer, seconds);
                }
                _ => round.event(Event::Duplicate, excerpt(&text, 200)),
            },
        }
    }

    /// Looks at the clock.
    fn watch(&mut self, round: &mut Round<'_>) -> Result<(), OracleError> {
        let now = Instant::now();
        for place in 0..self.slots.len() {
            let Some(worker) = &mut self.slots[place].worker else {
                continue;
            };
            if let Some((when, _)) = worker.killed {
                // Something that it started has left the group and holds its output open.
                if now.duration_since(when) > DRAIN {
                    self.conclude(round, place)?;
                }
                continue;
            }
            let waited = now.saturating_duration_since(worker.since);
            if !self.proven && !self.warned && !worker.pending.is_empty() && waited > SILENCE {
                self.warned = true;
                tracing::warn!(
                    "the oracle's command `{}` has not answered in {} s and is waited for up to {} s \
                     (oracle.startup_timeout); if it is not still starting, it keeps its answers back: it must \
                     flush its output after each line",
                    round.settings.command.line(),
                    SILENCE.as_secs(),
                    allowed(false, round.settings)
                );
            }
            if deadline(worker, round.settings).is_some_and(|d| d <= now) {
                if let Some(id) = worker.pending.front().map(|p| p.id) {
                    worker.kill();
                    worker.killed = Some((now, id));
                }
            } else if worker.closed && worker.pending.is_empty() {
                worker.kill();
                self.conclude(round, place)?;
            }
        }
        Ok(())
    }

    /// A worker has ended, or is taken to have.
    fn conclude(&mut self, round: &mut Round<'_>, place: usize) -> Result<(), OracleError> {
        let slot = &mut self.slots[place];
        let Some(mut worker) = slot.worker.take() else {
            return Ok(());
        };
        let settings = round.settings;
        let mut pending: Vec<u64> = worker.pending.drain(..).map(|p| p.id).collect();
        let (killed, had_answered) = (worker.killed, worker.answered);
        let (mut ending, stderr) = worker.bury();
        let mut counts = true;
        if let Some((_, id)) = killed {
            let seconds = allowed(had_answered, settings);
            let limit = if had_answered {
                "timeout"
            } else {
                "startup_timeout"
            };
            ending = format!(
                "gave no answer in {seconds} s (oracle.{limit}; a command must flush its output after each \
                 line: print(..., flush=True) in Python, fflush() in awk, and mawk -W interactive) and was killed"
            );
            // An answer that came while it was being killed is as good as any.
            if let Some(at) = pending.iter().position(|p| *p == id) {
                pending.remove(at);
                counts = self.suspects.insert(round.object(id)) || !self.proven;
                round.fail(
                    id,
                    FailureKind::Timeout,
                    format!("the worker {ending}"),
                    seconds,
                );
            }
        } else if self.proven && pending.len() == 1 {
            for id in pending.drain(..) {
                counts = self.suspects.insert(round.object(id));
                let message = format!("the worker {ending}");
                round.fail(id, FailureKind::Crash, message, 0.0);
            }
        }
        // With several objects at hand nobody knows which one it was: each is asked alone. Before any answer
        // it is the command that is to blame, not the object.
        let alone = self.proven && killed.is_none();
        for id in pending {
            round.resend(id, alone);
        }
        let slot = &mut self.slots[place];
        slot.restart = true;
        slot.ends = slot.ends.saturating_add(1);
        slot.not_before = Some(Instant::now() + backoff(settings, slot.ends));
        if counts {
            self.failures = self.failures.saturating_add(1);
        }
        let most = if self.proven {
            settings.failures_in_a_row
        } else {
            settings.attempts
        };
        if self.failures >= most {
            let failures = std::mem::take(&mut self.failures);
            return Err(OracleError::Dies {
                command: settings.command.line(),
                failures,
                ending,
                stderr,
            });
        }
        Ok(())
    }

    /// Ends all workers: end of input and SIGTERM, and SIGKILL for those that are still there after `patience`.
    pub(super) fn dismiss(&mut self, patience: Duration) {
        let start = Instant::now();
        let mut workers: Vec<Worker> = self
            .slots
            .iter_mut()
            .filter_map(|s| s.worker.take())
            .collect();
        for worker in &mut workers {
            worker.dismiss();
        }
        for worker in &workers {
            worker.await_end(patience.saturating_sub(start.elapsed()));
        }
    }
}

fn allowed(answered: bool, settings: &CommandSettings) -> f64 {
    if answered {
        settings.timeout
    } else {
        settings.timeout.max(settings.startup_timeout)
    }
}

fn deadline(worker: &Worker, settings: &CommandSettings) -> Option<Instant> {
    if worker.pending.is_empty() {
        return None;
    }
    let seconds = allowed(worker.answered, settings);
    worker.since.checked_add(Duration::from_secs_f64(seconds))
}

fn backoff(settings: &CommandSettings, ends: u32) -> Duration {
    let doublings = i32::try_from(ends.saturating_sub(1))
        .unwrap_or(i32::MAX)
        .min(60);
    let seconds = settings.backoff * 2.0_f64.powi(doublings);
    Duration::from_secs_f64(seconds.min(settings.longest_backoff))
}

/// A plain line: numbers, null or an error.
fn plain(text: &str, columns: &[String]) -> Option<Answer> {
    let text = text.trim();
    if text.is_empty() || text.eq_ignore_ascii_case("null") {
        return Some(Answer::failed(FailureKind::Null, ""));
    }
    if let Some(message) = text.strip_prefix("error") {
        let message = message.trim_start_matches([':', ' ']);
        return Some(Answer::failed(FailureKind::Error, message));
    }
    let numbers: Option<Vec<f64>> = text
        .split([',', ' ', '\t'])
        .filter(|word| !word.is_empty())
        .map(|word| word.parse().ok())
        .collect();
    let numbers = numbers.filter(|n| !n.is_empty())?;
    if numbers.len() == columns.len() {
        Some(Answer::of_values(columns, numbers))
    } else {
        let message = format!("{} numbers for {} columns", numbers.len(), columns.len());
        Some(Answer::failed(FailureKind::MissingColumn, message))
    }
}

/// One batch.
struct Round<'a> {
    settings: &'a CommandSettings,
    objects: &'a [String],
    base: u64,
    answered: Vec<bool>,
    left: usize,
    queue: VecDeque<usize>,
    /// Those that may have ended a worker: each is given to one that has nothing else.
    alone: VecDeque<usize>,
    news: Vec<Heard>,
}

impl Round<'_> {
    fn index(&self, id: u64) -> Option<usize> {
        let index = usize::try_from(id.checked_sub(self.base)?).ok()?;
        (index < self.objects.len()).then_some(index)
    }

    fn object(&self, id: u64) -> String {
        let object = self.index(id).and_then(|i| self.objects.get(i));
        object.cloned().unwrap_or_default()
    }

    fn event(&mut self, event: Event, text: String) {
        self.news.push(Heard::Event { event, text });
    }

    fn settle(&mut self, index: usize, answer: Answer, seconds: f64) {
        if !std::mem::replace(&mut self.answered[index], true) {
            self.left -= 1;
            self.news.push(Heard::Answer {
                index,
                answer,
                seconds,
            });
        }
    }

    fn fail(&mut self, id: u64, kind: FailureKind, message: String, seconds: f64) {
        if let Some(index) = self.index(id) {
            self.settle(index, Answer::failed(kind, message), seconds);
        }
    }

    /// Puts an object back; at the end, so that one that ends every worker is not always the first.
    fn resend(&mut self, id: u64, alone: bool) {
        let Some(index) = self.index(id).filter(|i| !self.answered[*i]) else {
            return;
        };
        if alone {
            self.alone.push_back(index);
        } else {
            self.queue.push_back(index);
        }
        self.event(Event::Resent, String::new());
    }

    /// Gives the next object to a worker that can take one.
    fn give(&mut self, worker: &mut Worker) {
        loop {
            let alone = worker.pending.is_empty() && !self.alone.is_empty();
            let next = if alone {
                self.alone.pop_front()
            } else {
                self.queue.pop_front()
            };
            let Some(index) = next else { return };
            if self.answered[index] {
                continue;
            }
            let id = self.base + index as u64;
            match self.line_of(id, index) {
                Ok(line) => {
                    worker.ask(id, line);
                    if alone {
                        worker.exclusive = true;
                    }
                    return;
                }
                Err(message) => self.fail(id, FailureKind::Error, message, 0.0),
            }
        }
    }

    fn line_of(&self, id: u64, index: usize) -> Result<Vec<u8>, String> {
        let object = &self.objects[index];
        let mut line = match self.settings.protocol {
            Protocol::Json => {
                reply::question(id, &self.settings.field, object, self.settings.json_objects)?
            }
            Protocol::Lines if object.contains(['\n', '\r']) => {
                return Err("the object has a line break; plain lines cannot carry it".into());
            }
            Protocol::Lines => object.clone(),
        };
        line.push('\n');
        Ok(line.into_bytes())
    }
}
