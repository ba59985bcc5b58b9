//! Rewards that were computed before.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::error::Result;
use crate::task::{Scored, State, Task};

/// Objects that are remembered; a generation is half of them.
const REMEMBERED: usize = 200_000;

/// Scores objects of a task, each once as long as it is remembered.
///
/// A score depends on the object alone, so what is remembered changes no result: neither the number of
/// threads nor an interruption can be seen in one.
#[derive(Default)]
pub struct Rewards {
    known: Mutex<Generations>,
}

/// When the young generation is full it becomes the old one, and the old one is forgotten.
#[derive(Default)]
struct Generations {
    young: HashMap<u128, Scored>,
    old: HashMap<u128, Scored>,
}

impl Generations {
    fn insert(&mut self, key: u128, scored: Scored) {
        if self.young.len() >= REMEMBERED / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, scored);
    }

    /// What is asked for stays young.
    fn get(&mut self, key: u128) -> Option<Scored> {
        if let Some(scored) = self.young.get(&key) {
            return Some(scored.clone());
        }
        let scored = self.old.remove(&key)?;
        self.insert(key, scored.clone());
        Some(scored)
    }
}

impl Rewards {
    /// The scores of `[N]` objects; None where a trajectory is to be left out.
    ///
    /// # Errors
    /// Where an object has no score in a way that is to stop the run.
    pub fn score_all<T: Task>(
        &self,
        task: &T,
        objects: &[State<T>],
    ) -> Result<Vec<Option<Scored>>> {
        if task.asks() {
            return task.score_all(objects);
        }
        let scored = objects.par_iter().map(|object| self.score(task, object));
        scored.map(|scored| scored.map(Some)).collect()
    }

    /// The score of `object`.
    ///
    /// # Errors
    /// Where the object has no score; that is not remembered.
    pub fn score<T: Task>(&self, task: &T, object: &State<T>) -> Result<Scored> {
        let Some(key) = task.key(object) else {
            return task.score(object);
        };
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(scored) = known().get(key) {
            return Ok(scored);
        }
        let scored = task.score(object)?;
        known().insert(key, scored.clone());
        Ok(scored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worth(log_reward: f64) -> Scored {
        Scored {
            log_reward,
            log_multiplicity: 0.0,
            values: Vec::new(),
        }
    }

    #[test]
    fn what_is_asked_for_outlives_what_is_not() {
        let mut known = Generations::default();
        let half = REMEMBERED as u128 / 2;
        known.insert(0, worth(0.5));
        for key in 1..=half {
            known.insert(key, worth(1.0));
        }
        assert_eq!(known.get(0), Some(worth(0.5)));
        for key in half + 1..2 * half {
            known.insert(key, worth(1.0));
        }
        assert_eq!(known.get(0), Some(worth(0.5)), "young again");
        assert_eq!(known.get(1), None, "forgotten");
        assert!(known.young.len() + known.old.len() <= REMEMBERED);
    }
}
