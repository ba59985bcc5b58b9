//! Asks an oracle through a store: nothing twice, nothing lost, every failure with its fate.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use crate::counts::Counts;
use crate::error::OracleError;
use crate::fates::{End, EventFate, Fates};
use crate::oracle::{Answer, FailureKind, Heard, Oracle};
use crate::store::{Arrived, Claim, Store, StoreError, Stored};

/// What became of an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// `[K]` finite values, one for each column of the oracle.
    Scores(Vec<f64>),
    /// It gets the floor reward.
    Floor(FailureKind),
    /// Its trajectory is left out.
    Drop(FailureKind),
}

/// How often a wait looks at the wish to stop and at what others have done.
const GLANCE: Duration = Duration::from_millis(50);

type ShouldStop = Box<dyn Fn() -> bool + Send + Sync>;

/// An oracle with a store, fates and counts.
///
/// Every answer is committed to the store before [`score`](Self::score) hands it out, and no object is asked
/// twice once it is answered: within a batch, between threads, between sessions, and between processes that
/// share the store.
pub struct Scorer {
    oracle: Box<dyn Oracle>,
    store: Store,
    fates: Fates,
    source: i64,
    should_stop: ShouldStop,
    counts: Mutex<Counts>,
    /// Held by whoever asks.
    asking: Mutex<()>,
}

impl fmt::Debug for Scorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scorer")
            .field("source", &self.oracle.source())
            .field("store", &self.store)
            .field("fates", &self.fates)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

impl Scorer {
    /// A scorer that nobody can interrupt.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn new(oracle: Box<dyn Oracle>, store: Store, fates: Fates) -> Result<Self, OracleError> {
        let source = store.source(&oracle.source(), oracle.columns())?;
        Ok(Self {
            oracle,
            store,
            fates,
            source,
            should_stop: Box::new(|| false),
            counts: Mutex::new(Counts::default()),
            asking: Mutex::new(()),
        })
    }

    /// With a function that says whether to stop; it is called several times a second while scores are awaited.
    #[must_use]
    pub fn with_should_stop(self, should_stop: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self {
            should_stop: Box::new(should_stop),
            ..self
        }
    }

    /// With a flag that says whether to stop.
    #[must_use]
    pub fn with_stop(self, flag: Arc<AtomicBool>) -> Self {
        self.with_should_stop(move || flag.load(Ordering::Relaxed))
    }

    /// `[K]` names of the values of [`Verdict::Scores`].
    pub fn columns(&self) -> &[String] {
        self.oracle.columns()
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// How many answers the store holds of other sources: an older script, another model. They are not used;
    /// where nothing is known of this source, somebody may want to be told.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn stored_by_others(&self) -> Result<u64, OracleError> {
        Ok(self.store.count_others(self.source)?)
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        self.tally().clone()
    }

    fn tally(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What becomes of each object, `[N]` in the order given. Objects are canonical texts: two texts are two
    /// objects. Several threads may call this; one asks at a time.
    ///
    /// # Errors
    /// Where a fate is to stop, the oracle or the store fails, or somebody asked to stop. What was answered
    /// until then is stored.
    pub fn score(&self, objects: &[String]) -> Result<Vec<Verdict>, OracleError> {
        let mut places: HashMap<&str, usize> = HashMap::with_capacity(objects.len());
        let mut distinct: Vec<String> = Vec::with_capacity(objects.len());
        let order: Vec<usize> = objects
            .iter()
            .map(|object| {
                *places.entry(object).or_insert_with(|| {
                    distinct.push(object.clone());
                    distinct.len() - 1
                })
            })
            .collect();
        let mut batch = Batch {
            found: vec![None; distinct.len()],
            known: 0,
            elsewhere: 0,
        };
        let stored = self.store.find(self.source, &distinct)?;
        for (found, stored) in batch.found.iter_mut().zip(stored) {
            if let Some(stored) = stored.filter(|s| self.is_known(s)) {
                *found = Some(stored.answer);
                batch.known += 1;
            }
        }
        if batch.found.iter().any(Option::is_none) {
            let _asking = self.wait_to_ask()?;
            let obtained = self.obtain(&distinct, &mut batch);
            // Also where it failed: what is not asked any more is for others to ask.
            let released = self.store.release();
            obtained?;
            released?;
        }
        let mut ends = Vec::with_capacity(distinct.len());
        for (object, found) in distinct.iter().zip(&batch.found) {
            ends.push(match found {
                Some(answer) => self.verdict(object, answer)?,
                None => Verdict::Drop(FailureKind::Unanswered),
            });
        }
        let verdicts: Vec<Verdict> = order.iter().map(|place| ends[*place].clone()).collect();
        let mut counts = self.tally();
        counts.requested += objects.len() as u64;
        counts.repeated += (objects.len() - distinct.len()) as u64;
        counts.known += batch.known;
        counts.elsewhere += batch.elsewhere;
        for verdict in &verdicts {
            match verdict {
                Verdict::Scores(_) => counts.scored += 1,
                Verdict::Floor(_) => counts.floored += 1,
                Verdict::Drop(_) => counts.dropped += 1,
            }
        }
        Ok(verdicts)
    }

    fn verdict(&self, object: &str, answer: &Answer) -> Result<Verdict, OracleError> {
        match answer {
            Answer::Scores(values) => Ok(Verdict::Scores(values.clone())),
            Answer::Failed { kind, message } => match self.fates.of(*kind).end {
                End::Floor => Ok(Verdict::Floor(*kind)),
                End::Drop => Ok(Verdict::Drop(*kind)),
                End::Stop => Err(OracleError::Stopped {
                    object: object.to_owned(),
                    kind: *kind,
                    message: message.clone(),
                }),
            },
        }
    }

    /// Whether what is stored is reason not to ask.
    fn is_known(&self, stored: &Stored) -> bool {
        match &stored.answer {
            Answer::Scores(_) => true,
            // Its retries are over, whatever it was.
            Answer::Failed { .. } if stored.session == self.store.session() => true,
            // A run that was stopped by it goes on once its cause is mended.
            Answer::Failed { kind, .. } => {
                kind.is_answer()
                    && self.fates.of(*kind).end != End::Stop
                    && (!self.store.forgets_failures() || stored.session > self.store.session())
            }
        }
    }

    fn wait_to_ask(&self) -> Result<MutexGuard<'_, ()>, OracleError> {
        loop {
            match self.asking.try_lock() {
                Ok(guard) => return Ok(guard),
                Err(TryLockError::Poisoned(e)) => return Ok(e.into_inner()),
                Err(TryLockError::WouldBlock) => self.wait()?,
            }
        }
    }

    fn wait(&self) -> Result<(), OracleError> {
        if (self.should_stop)() {
            return Err(OracleError::Interrupted);
        }
        std::thread::sleep(GLANCE / 10);
        Ok(())
    }

    /// Finds an answer for each object that has none: by asking, or by waiting for whoever asks already.
    fn obtain(&self, distinct: &[String], batch: &mut Batch) -> Result<(), OracleError> {
        let mut awaited = vec![false; distinct.len()];
        loop {
            let open: Vec<usize> = (0..distinct.len())
                .filter(|i| batch.found[*i].is_none())
                .collect();
            if open.is_empty() {
                return Ok(());
            }
            let objects: Vec<&str> = open.iter().map(|i| distinct[*i].as_str()).collect();
            let claims = self
                .store
                .claim(self.source, &objects, |s| self.is_known(s))?;
            let mut ours = Vec::new();
            for (place, claim) in open.into_iter().zip(claims) {
                match claim {
                    Claim::Known(stored) => {
                        batch.found[place] = Some(stored.answer);
                        if awaited[place] {
                            batch.elsewhere += 1;
                        } else {
                            batch.known += 1;
                        }
                    }
                    Claim::Ours => ours.push(place),
                    Claim::Elsewhere => awaited[place] = true,
                }
            }
            if !ours.is_empty() {
                self.ask(distinct, ours, &mut batch.found)?;
            } else if batch.found.iter().any(Option::is_none) {
                for _ in 0..10 {
                    self.wait()?;
                }
            }
        }
    }

    /// Asks for `ours`, and again for what is to be retried.
    fn ask(
        &self,
        distinct: &[String],
        ours: Vec<usize>,
        found: &mut [Option<Answer>],
    ) -> Result<(), OracleError> {
        let (mut todo, mut round) = (ours, 0);
        while !todo.is_empty() {
            let objects: Vec<String> = todo.iter().map(|i| distinct[*i].clone()).collect();
            {
                let mut counts = self.tally();
                counts.asked += objects.len() as u64;
                if round > 0 {
                    counts.retried += objects.len() as u64;
                }
            }
            let (answers, ended) = self.ask_once(&objects, round);
            let mut again = Vec::new();
            let mut unanswered = 0;
            for (place, answer) in todo.into_iter().zip(answers) {
                match answer {
                    Some(answer) if self.is_again(&answer, round) => again.push(place),
                    Some(answer) => found[place] = Some(answer),
                    None => unanswered += 1,
                }
            }
            if unanswered > 0 {
                // Only where it was broken off: these were not asked to the end.
                let mut counts = self.tally();
                counts.asked -= unanswered;
                if round > 0 {
                    counts.retried -= unanswered;
                }
            }
            ended?;
            todo = again;
            round += 1;
        }
        Ok(())
    }

    fn is_again(&self, answer: &Answer, round: u32) -> bool {
        match answer {
            Answer::Scores(_) => false,
            Answer::Failed { kind, .. } => self.fates.of(*kind).retries > round,
        }
    }

    /// Asks once for each; the answers are those that are in the store.
    fn ask_once(
        &self,
        objects: &[String],
        round: u32,
    ) -> (Vec<Option<Answer>>, Result<(), OracleError>) {
        let (sender, receiver) = channel();
        let failed = AtomicBool::new(false);
        let mut seen = vec![false; objects.len()];
        let (mut answers, asked, committed) = std::thread::scope(|scope| {
            let failed = &failed;
            // Beside the asking, so that the oracle has work while the disk has.
            let committer = scope.spawn(move || {
                let (answers, committed) = self.commit_all(objects, &receiver);
                failed.store(committed.is_err(), Ordering::Relaxed);
                (answers, committed)
            });
            let should_stop = || failed.load(Ordering::Relaxed) || (self.should_stop)();
            let asked = self.oracle.ask(objects, &should_stop, &mut |news| {
                let (answers, fatal) = self.hear(news, &mut seen, round);
                // Where nobody receives, the committer has failed, and its error is the one to report.
                if !answers.is_empty() && sender.send(answers).is_err() {
                    return Err(OracleError::Interrupted);
                }
                fatal.map_or(Ok(()), Err)
            });
            if asked.is_ok() {
                let left = seen.iter().enumerate().filter(|(_, seen)| !**seen);
                let news = left.map(|(index, _)| Heard::Answer {
                    index,
                    answer: Answer::failed(FailureKind::Unanswered, ""),
                    seconds: 0.0,
                });
                let news: Vec<Heard> = news.collect();
                let (answers, _) = self.hear(news, &mut seen, round);
                let _ = sender.send(answers);
            }
            drop(sender);
            match committer.join() {
                Ok((answers, committed)) => (answers, asked, committed),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        });
        answers.resize(objects.len(), None);
        let ended = match committed {
            Err(error) => Err(error.into()),
            Ok(()) => asked,
        };
        (answers, ended)
    }

    /// Counts what was heard; the answers of it, and the error if it is one that stops.
    fn hear(
        &self,
        news: Vec<Heard>,
        seen: &mut [bool],
        round: u32,
    ) -> (Vec<Arrived>, Option<OracleError>) {
        let (mut answers, mut fatal) = (Vec::new(), None);
        let mut counts = self.tally();
        for item in news {
            match item {
                Heard::Event { event, text } => {
                    *counts.events.entry(event).or_default() += 1;
                    if fatal.is_none() && self.fates.of_event(event) == EventFate::Stop {
                        fatal = Some(OracleError::StoppedByEvent { event, text });
                    }
                }
                Heard::Answer {
                    index,
                    answer,
                    seconds,
                } => {
                    // An oracle that breaks its contract does not double a count.
                    if seen.get(index).is_none_or(|seen| *seen) {
                        continue;
                    }
                    seen[index] = true;
                    match &answer {
                        Answer::Scores(_) => counts.answered += 1,
                        Answer::Failed { kind, .. } => {
                            *counts.failures.entry(*kind).or_default() += 1;
                        }
                    }
                    answers.push(Arrived {
                        again: self.is_again(&answer, round),
                        index,
                        answer,
                        seconds,
                    });
                }
            }
        }
        (answers, fatal)
    }

    /// Commits what arrives until nobody sends any more; what arrived together, or during the commit before,
    /// is one commit.
    fn commit_all(
        &self,
        objects: &[String],
        arrivals: &Receiver<Vec<Arrived>>,
    ) -> (Vec<Option<Answer>>, Result<(), StoreError>) {
        let mut answers = vec![None; objects.len()];
        while let Ok(mut group) = arrivals.recv() {
            while let Ok(more) = arrivals.try_recv() {
                group.extend(more);
            }
            if let Err(error) = self.store.commit(self.source, objects, &group) {
                return (answers, Err(error));
            }
            for arrived in group {
                answers[arrived.index] = Some(arrived.answer);
            }
        }
        (answers, Ok(()))
    }
}

/// The distinct objects of one call.
struct Batch {
    found: Vec<Option<Answer>>,
    known: u64,
    elsewhere: u64,
}
