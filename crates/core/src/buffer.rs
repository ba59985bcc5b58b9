//! A replay buffer of finished objects.
//!
//! Objects are kept, not trajectories: their ways of being built are drawn again with the present P_B.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use rand::RngExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::CoreError;
use crate::rng::Stream;

/// One object with what it is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry<X> {
    /// The object.
    pub object: X,
    /// log R(x) in nats, finite.
    pub log_reward: f64,
    /// The buffer holds at most one entry with each key, and any number without.
    pub key: Option<String>,
}

impl<X> Entry<X> {
    /// An entry without a key.
    pub fn new(object: X, log_reward: f64) -> Self {
        Self {
            object,
            log_reward,
            key: None,
        }
    }

    /// The same entry, kept once under `key` (a canonical string of the object).
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

/// Which entries are drawn more often, and which leave a full buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// First in, first out: all are drawn alike and the oldest leaves.
    Uniform,
    /// The lowest reward leaves. Of N entries the best is drawn with weight N, the next with N - 1, the
    /// last with 1.
    Rank,
    /// The lowest reward leaves. Entries are drawn in proportion to R(x).
    Reward,
    /// The lowest reward leaves. Half of each sample comes from the best tenth, half from the others,
    /// alike within each half: prioritised replay training (Shen et al. 2023, arXiv 2305.07170). The
    /// tenth is counted by place, so that equal rewards do not swell it.
    TopTenth,
}

/// Objects to learn from again, drawn with replacement.
///
/// Holds at most `capacity` entries. A batch goes in as a whole before anything leaves, so a batch
/// larger than the capacity leaves its own best (or latest) entries. An entry whose key is already
/// there replaces the older one, also if its reward is lower, and counts as new. Among equal rewards
/// the older entry stands before, and so the newer one leaves.
///
/// The order of the entries, and with it what a stream draws, depends only on what was put in.
///
/// ```
/// use anabranch_core::Seed;
/// use anabranch_core::buffer::{Entry, Priority, ReplayBuffer};
/// let mut buffer = ReplayBuffer::new(2, Priority::Reward)?;
/// buffer.extend([("a", 0.0), ("b", 2.0), ("c", 1.0)].map(|(x, r)| Entry::new(x, r)))?;
/// assert_eq!(buffer.iter().map(|e| e.object).collect::<String>(), "bc");
/// let drawn = buffer.sample(&mut Seed::new(0).stream("replay", &[]), 5);
/// assert_eq!(drawn.len(), 5);
/// # Ok::<(), anabranch_core::CoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayBuffer<X> {
    capacity: usize,
    priority: Priority,
    /// Oldest first with [`Priority::Uniform`], best first otherwise.
    entries: Vec<Entry<X>>,
}

impl<X> ReplayBuffer<X> {
    /// An empty buffer.
    ///
    /// # Errors
    /// [`CoreError::BadConstant`] if `capacity` is 0.
    pub fn new(capacity: usize, priority: Priority) -> Result<Self, CoreError> {
        if capacity == 0 {
            return Err(CoreError::BadConstant {
                name: "capacity",
                value: 0.0,
                expected: "at least 1",
            });
        }
        Ok(Self {
            capacity,
            priority,
            entries: Vec::new(),
        })
    }

    /// How many entries it can hold.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// What is drawn and what leaves.
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries: oldest first with [`Priority::Uniform`], best first otherwise.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Entry<X>> {
        self.entries.iter()
    }

    /// Puts a batch in, then lets go of what is too much.
    ///
    /// # Errors
    /// [`CoreError::RewardNotFinite`] where a reward is NaN or infinite; the buffer is then as it was.
    ///
    /// # Complexity
    /// Linear in the number of entries held, for each batch.
    pub fn extend(&mut self, batch: impl IntoIterator<Item = Entry<X>>) -> Result<(), CoreError> {
        let mut batch: Vec<Entry<X>> = batch.into_iter().collect();
        if let Some((place, bad)) = batch
            .iter()
            .enumerate()
            .find(|(_, e)| !e.log_reward.is_finite())
        {
            return Err(CoreError::RewardNotFinite {
                object: bad
                    .key
                    .clone()
                    .unwrap_or_else(|| format!("entry {place} of the batch")),
                value: bad.log_reward,
            });
        }
        keep_last_of_key(&mut batch);
        let new: BTreeSet<&str> = batch.iter().filter_map(|e| e.key.as_deref()).collect();
        if !new.is_empty() {
            let is_old = |entry: &Entry<X>| entry.key.as_deref().is_none_or(|k| !new.contains(k));
            self.entries.retain(is_old);
        }
        self.entries.extend(batch);
        match self.priority {
            Priority::Uniform => {
                let surplus = self.entries.len().saturating_sub(self.capacity);
                self.entries.drain(..surplus);
            }
            Priority::Rank | Priority::Reward | Priority::TopTenth => {
                // Stable, and quick on what is sorted already but for its end.
                self.entries.sort_by(|a, b| {
                    let order = b.log_reward.partial_cmp(&a.log_reward);
                    order.expect("rewards were checked to be finite when they came in")
                });
                self.entries.truncate(self.capacity);
            }
        }
        Ok(())
    }

    /// `[n]` entries drawn with replacement; none from an empty buffer.
    ///
    /// # Complexity
    /// Constant for each draw with [`Priority::Uniform`]; otherwise linear in the number of entries held
    /// and then logarithmic for each draw.
    pub fn sample(&self, stream: &mut Stream, n: usize) -> Vec<&Entry<X>> {
        let count = self.entries.len();
        if count == 0 {
            return Vec::new();
        }
        match self.priority {
            Priority::Uniform => {
                let draw = |_| &self.entries[stream.random_range(0..count)];
                (0..n).map(draw).collect()
            }
            Priority::Rank => self.sample_weighted(stream, n, |place| (count - place) as f64),
            Priority::Reward => {
                // The best stands first; relative to it nothing overflows.
                let best = self.entries[0].log_reward;
                self.sample_weighted(stream, n, |place| {
                    (self.entries[place].log_reward - best).exp()
                })
            }
            Priority::TopTenth => {
                let top = count.div_ceil(10);
                let draw = |i: usize| {
                    let places = if i < n.div_ceil(2) || top == count {
                        0..top
                    } else {
                        top..count
                    };
                    &self.entries[stream.random_range(places)]
                };
                (0..n).map(draw).collect()
            }
        }
    }

    fn sample_weighted(
        &self,
        stream: &mut Stream,
        n: usize,
        weight: impl Fn(usize) -> f64,
    ) -> Vec<&Entry<X>> {
        let mut total = 0.0;
        let mut up_to = Vec::with_capacity(self.entries.len());
        for place in 0..self.entries.len() {
            total += weight(place);
            up_to.push(total);
        }
        let draw = |_| {
            let target = stream.random::<f64>() * total;
            // Rounding can make the target equal to the total, one past the last entry.
            let place = up_to.partition_point(|&sum| sum <= target);
            &self.entries[place.min(self.entries.len() - 1)]
        };
        (0..n).map(draw).collect()
    }

    /// What [`extend`](Self::extend) would never leave behind.
    fn flaw(&self) -> Option<&'static str> {
        let by_reward = self.priority != Priority::Uniform;
        let rewards = || self.entries.iter().map(|entry| entry.log_reward);
        let mut keys = BTreeSet::new();
        let mut named = self.entries.iter().filter_map(|entry| entry.key.as_deref());
        if self.capacity == 0 {
            Some("its capacity is 0")
        } else if self.entries.len() > self.capacity {
            Some("it holds more entries than its capacity")
        } else if !rewards().all(f64::is_finite) {
            Some("a reward is not finite")
        } else if by_reward && !rewards().is_sorted_by(|a, b| a >= b) {
            Some("its entries do not stand best first")
        } else if !named.all(|key| keys.insert(key)) {
            Some("two entries have one key")
        } else {
            None
        }
    }
}

impl<X: Serialize> ReplayBuffer<X> {
    /// Writes the buffer as JSON; [`load`](Self::load) gives back an equal one, which draws the same.
    ///
    /// # Errors
    /// [`CoreError::Buffer`] where the writer or the object's serialisation fails.
    pub fn save(&self, writer: impl Write) -> Result<(), CoreError> {
        serde_json::to_writer(writer, self).map_err(unusable)
    }
}

impl<X: DeserializeOwned> ReplayBuffer<X> {
    /// Reads what [`save`](Self::save) wrote, and checks that a buffer can be in that state.
    ///
    /// # Errors
    /// [`CoreError::Buffer`] where it is not JSON of such a buffer, or has too many entries, entries
    /// out of order, or two with one key.
    pub fn load(reader: impl Read) -> Result<Self, CoreError> {
        let read: Self = serde_json::from_reader(reader).map_err(unusable)?;
        match read.flaw() {
            None => Ok(read),
            Some(flaw) => Err(unusable(flaw)),
        }
    }
}

fn unusable(reason: impl std::fmt::Display) -> CoreError {
    CoreError::Buffer(reason.to_string())
}

/// Of several entries with one key only the last, in its place.
fn keep_last_of_key<X>(batch: &mut Vec<Entry<X>>) {
    let mut last = BTreeMap::new();
    for (place, entry) in batch.iter().enumerate() {
        if let Some(key) = &entry.key {
            last.insert(key.clone(), place);
        }
    }
    let mut place = 0;
    batch.retain(|entry| {
        place += 1;
        entry.key.as_ref().is_none_or(|key| last[key] == place - 1)
    });
}
