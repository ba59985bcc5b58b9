//! Numbers that change over training.

use serde::{Deserialize, Serialize};

/// A value as a function of the step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// The same at every step.
    Constant(f64),
    /// `start * 2^(-step / half_life)`.
    HalfLife {
        /// Value at step 0.
        start: f64,
        /// Steps until it has halved.
        half_life: f64,
    },
    /// A straight line from `start` to `end` over `steps`, then `end`.
    Linear {
        /// Value at step 0.
        start: f64,
        /// Value from `steps` on.
        end: f64,
        /// Length of the line.
        steps: u64,
    },
}

impl Schedule {
    /// The value at `step`.
    pub fn at(&self, step: u64) -> f64 {
        match *self {
            Self::Constant(value) => value,
            Self::HalfLife { start, half_life } => start * (-(step as f64) / half_life).exp2(),
            Self::Linear { start, end, steps } => {
                let share = (step as f64 / steps.max(1) as f64).min(1.0);
                start + (end - start) * share
            }
        }
    }
}
