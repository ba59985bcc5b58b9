//! Rewards of finished objects.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a reward cannot be given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RewardError {
    /// The reward is not a number that can be trained on.
    #[error("the reward of {object} is {value}; it must be finite and its logarithm too")]
    NotFinite {
        /// The object, as a person would write it.
        object: String,
        /// What was computed.
        value: f64,
    },
    /// The scorer failed.
    #[error("the reward of {object} failed: {reason}")]
    Failed {
        /// The object, as a person would write it.
        object: String,
        /// What the scorer said.
        reason: String,
    },
}

/// What finished objects are worth.
pub trait Reward<X>: Sync {
    /// `[B]` log R(x) of each object, in nats, before any inverse temperature.
    ///
    /// # Errors
    /// Where a reward cannot be computed or is not finite.
    fn log_reward(&self, objects: &[X]) -> Result<Vec<f64>, RewardError>;
}

/// A reward by a function of one object: the simplest kind.
pub struct FromFn<F>(pub F);

impl<X, F: Fn(&X) -> f64 + Sync> Reward<X> for FromFn<F> {
    fn log_reward(&self, objects: &[X]) -> Result<Vec<f64>, RewardError> {
        Ok(objects.iter().map(|x| (self.0)(x)).collect())
    }
}

/// R^beta, with one beta for all objects.
pub struct Tempered<R> {
    /// The reward to sharpen.
    pub reward: R,
    /// Inverse temperature; 1 leaves the reward as it is.
    pub beta: f64,
}

impl<X, R: Reward<X>> Reward<X> for Tempered<R> {
    fn log_reward(&self, objects: &[X]) -> Result<Vec<f64>, RewardError> {
        let mut out = self.reward.log_reward(objects)?;
        out.iter_mut().for_each(|r| *r *= self.beta);
        Ok(out)
    }
}

/// Counts how many objects were asked for.
pub struct Counted<R> {
    reward: R,
    calls: AtomicU64,
}

impl<R> Counted<R> {
    /// Counts from zero.
    pub fn new(reward: R) -> Self {
        Self {
            reward,
            calls: AtomicU64::new(0),
        }
    }

    /// Objects scored so far.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

impl<X, R: Reward<X>> Reward<X> for Counted<R> {
    fn log_reward(&self, objects: &[X]) -> Result<Vec<f64>, RewardError> {
        self.calls
            .fetch_add(objects.len() as u64, Ordering::Relaxed);
        self.reward.log_reward(objects)
    }
}
