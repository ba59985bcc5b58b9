//! The reward: how near a string is to a mode.

use anabranch_core::{Reward, RewardError};
use serde::{Deserialize, Serialize};

use super::Bits;
use crate::EnvError;

/// How far apart two sequences are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Distance {
    /// Number of differing places; what re-implementations use.
    Hamming,
    /// Levenshtein distance; what the paper says. Some hundred times the work.
    Edit,
}

/// log R(x) = -rate * min over modes of distance(x, mode).
///
/// Two rates are in use and differ by much: see the constructors.
#[derive(Clone, Debug)]
pub struct NearestMode {
    modes: Vec<Bits>,
    distance: Distance,
    rate: f64,
}

impl NearestMode {
    /// R(x) = exp(-min distance), the paper's (arXiv 2201.13259, section 5.3): a rate of 1.
    ///
    /// # Errors
    /// No modes.
    pub fn exponential(modes: Vec<Bits>, distance: Distance) -> Result<Self, EnvError> {
        Self::with_rate(modes, distance, 1.0)
    }

    /// log R(x) = -beta * min distance / n, the re-implementations' (beta 3): a rate of beta / n, and
    /// with beta = n the same as [`exponential`](Self::exponential).
    ///
    /// # Errors
    /// No modes, or `beta` that is not positive and finite.
    pub fn normalised(modes: Vec<Bits>, distance: Distance, beta: f64) -> Result<Self, EnvError> {
        if !(beta.is_finite() && beta > 0.0) {
            return Err(EnvError::out_of_range("beta", beta, "positive and finite"));
        }
        let bits = modes.first().map_or(1, Bits::len).max(1);
        Self::with_rate(modes, distance, beta / bits as f64)
    }

    fn with_rate(modes: Vec<Bits>, distance: Distance, rate: f64) -> Result<Self, EnvError> {
        let bits = modes.first().ok_or(EnvError::NoModes)?.len();
        if let Some(odd) = modes.iter().find(|mode| mode.len() != bits) {
            return Err(EnvError::BadBits {
                text: odd.to_string(),
                bits,
            });
        }
        Ok(Self {
            modes,
            distance,
            rate,
        })
    }

    /// The modes.
    pub fn modes(&self) -> &[Bits] {
        &self.modes
    }

    /// The first of the nearest modes, by its place in the list, and its distance from `bits`.
    pub fn nearest(&self, bits: &Bits) -> (usize, usize) {
        let distance = |mode: &Bits| match self.distance {
            Distance::Hamming => bits.hamming(mode),
            Distance::Edit => bits.edit_distance(mode),
        };
        self.modes
            .iter()
            .map(distance)
            .enumerate()
            .min_by_key(|(_, distance)| *distance)
            .expect("the constructors refuse an empty list of modes")
    }
}

impl Reward<Bits> for NearestMode {
    fn log_reward(&self, objects: &[Bits]) -> Result<Vec<f64>, RewardError> {
        Ok(objects
            .iter()
            .map(|bits| -self.rate * self.nearest(bits).1 as f64)
            .collect())
    }
}
