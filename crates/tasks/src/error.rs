//! What can go wrong between a configuration and a sample.

use std::path::PathBuf;

use anabranch_chem::ChemError;
use anabranch_core::CoreError;
use anabranch_envs::EnvError;
use anabranch_learn::LearnError;
use anabranch_oracles::OracleError;

use crate::config::ConfigError;
use crate::output::OutputError;
use crate::report::ReportError;

/// An error with the offending values and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// The settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The environment cannot be set up or asked.
    #[error(transparent)]
    Env(#[from] EnvError),
    /// The chemistry failed.
    #[error(transparent)]
    Chem(#[from] ChemError),
    /// A score failed.
    #[error(transparent)]
    Oracle(#[from] OracleError),
    /// A metric or an objective failed.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// Training or a run folder failed.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// A file of samples failed.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The report failed.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A reward is not a number that can be trained on.
    #[error("step {step} (seed {seed}): the log-reward of {object} is {value}; it must be finite")]
    RewardNotFinite {
        /// The object.
        object: String,
        /// What was computed.
        value: f64,
        /// Training step.
        step: u64,
        /// Seed of the run.
        seed: u64,
    },
    /// An object of the replay buffer has lost its score.
    #[error(
        "step {step}: {object} is replayed, and the oracle no longer has a score for it; set \
         oracle.version anew where it answers differently now"
    )]
    RewardLost {
        /// The object.
        object: String,
        /// Training step.
        step: u64,
    },
    /// The network or an objective failed in a step.
    #[error("step {step} (seed {seed}): {source}")]
    Step {
        /// Training step.
        step: u64,
        /// Seed of the run.
        seed: u64,
        /// What failed.
        source: LearnError,
    },
    /// A file cannot be used.
    #[error("{path}: {problem}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A request cannot be met.
    #[error("{0}")]
    Request(String),
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, TaskError>;
