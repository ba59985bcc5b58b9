//! How many of what happened.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::oracle::{Event, FailureKind};

/// Counts of one session. Two sums hold at every time between calls that ended well:
/// `requested = scored + floored + dropped`, and `asked = answered + failed`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Objects in all batches, repetitions included.
    pub requested: u64,
    /// Of these, repetitions within their batch.
    pub repeated: u64,
    /// Of these, answered from the store.
    pub known: u64,
    /// Of these, answered by another session that was asking for them already.
    pub elsewhere: u64,
    /// Questions to the oracle, retries included.
    pub asked: u64,
    /// Of these, retries.
    pub retried: u64,
    /// Answers with scores.
    pub answered: u64,
    /// Answers without scores, by kind, retried ones included.
    pub failures: BTreeMap<FailureKind, u64>,
    /// Events by kind.
    pub events: BTreeMap<Event, u64>,
    /// Objects that were handed out with scores.
    pub scored: u64,
    /// Objects that were handed out with the floor.
    pub floored: u64,
    /// Objects that were handed out to be dropped.
    pub dropped: u64,
}

impl Counts {
    /// Adds the counts of another session.
    pub fn add(&mut self, other: &Self) {
        self.requested += other.requested;
        self.repeated += other.repeated;
        self.known += other.known;
        self.elsewhere += other.elsewhere;
        self.asked += other.asked;
        self.retried += other.retried;
        self.answered += other.answered;
        self.scored += other.scored;
        self.floored += other.floored;
        self.dropped += other.dropped;
        for (kind, count) in &other.failures {
            *self.failures.entry(*kind).or_default() += count;
        }
        for (event, count) in &other.events {
            *self.events.entry(*event).or_default() += count;
        }
    }

    /// Answers without scores.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// How many times an event happened.
    pub fn event(&self, event: Event) -> u64 {
        self.events.get(&event).copied().unwrap_or(0)
    }

    /// How many answers failed in one way.
    pub fn failure(&self, kind: FailureKind) -> u64 {
        self.failures.get(&kind).copied().unwrap_or(0)
    }
}
