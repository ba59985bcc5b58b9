//! What a recipe is given: its seed, and where its numbers go.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use anabranch_core::Seed;

/// The run was asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// What happens while a recipe runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A seed has begun.
    Began {
        /// The seed.
        seed: u64,
    },
    /// A seed is at work.
    Progress {
        /// The seed.
        seed: u64,
        /// What it does.
        message: String,
        /// How much is done.
        done: u64,
        /// Of how much.
        total: u64,
    },
    /// A seed has ended, or has been given up.
    Ended {
        /// The seed.
        seed: u64,
        /// Wall-clock seconds that it took.
        seconds: f64,
        /// What went wrong, if anything.
        error: Option<String>,
    },
}

/// Claim -> key -> value, of one seed.
pub(crate) type Recorded = BTreeMap<String, BTreeMap<String, f64>>;

/// One seed of a recipe.
pub struct Context<'a> {
    seed: u64,
    quick: bool,
    stop: &'a AtomicBool,
    observer: &'a (dyn Fn(Event) + Sync),
    pub(crate) recorded: Recorded,
    /// What was wrong with the calls of [`record`](Self::record).
    pub(crate) mistakes: Vec<String>,
}

impl<'a> Context<'a> {
    /// For `seed`; `stop` asks it to end, `observer` is told how it goes.
    pub fn new(
        seed: u64,
        quick: bool,
        stop: &'a AtomicBool,
        observer: &'a (dyn Fn(Event) + Sync),
    ) -> Self {
        Self {
            seed,
            quick,
            stop,
            observer,
            recorded: Recorded::new(),
            mistakes: Vec::new(),
        }
    }

    /// The seed; every random value has to come from one of its streams.
    pub fn seed(&self) -> Seed {
        Seed::new(self.seed)
    }

    /// Whether this is only to see that everything works: the recipe takes below 20 s then and meets no
    /// criterion.
    pub fn quick(&self) -> bool {
        self.quick
    }

    /// `full`, or `small` in a quick run.
    pub fn scaled<T>(&self, full: T, small: T) -> T {
        if self.quick { small } else { full }
    }

    /// Notes one number of this seed under a claim.
    ///
    /// A claim that the recipe does not have and a key that came before under the same claim make the
    /// seed fail; NaN and infinities are noted, and the claim does not hold.
    pub fn record(&mut self, claim_id: &str, key: &str, value: f64) {
        let claim = self.recorded.entry(claim_id.to_owned()).or_default();
        if claim.insert(key.to_owned(), value).is_some() {
            self.mistakes
                .push(format!("{key} was recorded twice under {claim_id}"));
        }
    }

    /// The number noted under a claim, for a later one that compares with it.
    pub fn recorded(&self, claim_id: &str, key: &str) -> Option<f64> {
        self.recorded.get(claim_id)?.get(key).copied()
    }

    /// Says that `done` of `total` of `message` are done.
    ///
    /// # Errors
    /// [`Interrupted`] where the run was asked to stop: hand it on with `?`.
    pub fn progress(&self, message: &str, done: u64, total: u64) -> Result<(), Interrupted> {
        (self.observer)(Event::Progress {
            seed: self.seed,
            message: message.to_owned(),
            done,
            total,
        });
        if self.interrupted() {
            Err(Interrupted)
        } else {
            Ok(())
        }
    }

    /// Whether the run was asked to stop; return [`Interrupted`] then.
    pub fn interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
