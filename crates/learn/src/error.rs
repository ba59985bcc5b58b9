//! What can go wrong in training.

use std::path::PathBuf;

use anabranch_core::{CoreError, RewardError};

/// An error with the offending values and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LearnError {
    /// An objective refused its terms.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// The reward failed.
    #[error(transparent)]
    Reward(#[from] RewardError),
    /// A network produced a NaN or an infinity.
    #[error(
        "the policy's {what} became {value} at step {step} (seed {seed}); training stopped before it \
         could spoil the weights: lower optimizer.learning_rate or resume from the last checkpoint"
    )]
    NotFinite {
        /// Which output or gradient.
        what: String,
        /// The value found.
        value: f64,
        /// Training step.
        step: u64,
        /// Seed of the run.
        seed: u64,
    },
    /// Parameters do not fit the network.
    #[error("parameter {name}: {problem}")]
    Parameter {
        /// Name of the parameter.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A trajectory uses an edge that its environment does not list.
    #[error(
        "the environment does not list the edge {edge} of state {state}; run its conformance check"
    )]
    UnlistedEdge {
        /// The edge.
        edge: String,
        /// The state.
        state: String,
    },
    /// A file cannot be used.
    #[error("{path}: {problem}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
}

impl LearnError {
    /// A file error with its remedy.
    pub fn file(path: impl Into<PathBuf>, problem: impl std::fmt::Display) -> Self {
        Self::File {
            path: path.into(),
            problem: problem.to_string(),
        }
    }
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, LearnError>;
