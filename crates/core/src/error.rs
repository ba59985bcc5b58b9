//! What can go wrong in this crate.

/// An error with the offending values and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CoreError {
    /// An objective was asked for the loss of nothing.
    #[error("the batch has no trajectories; an objective needs at least one")]
    EmptyBatch,
    /// A NaN or an infinity reached an objective.
    #[error("{name} is {value} in trajectory {trajectory} of the batch; it must be finite")]
    NotFinite {
        /// Which term.
        name: &'static str,
        /// The value found.
        value: f64,
        /// Index of the trajectory in the batch.
        trajectory: usize,
    },
    /// A trajectory has no edges; even one that stops at once has the edge to the sink.
    #[error("trajectory {trajectory} of the batch has no edges; a complete one ends with stopping")]
    EmptyTrajectory {
        /// Index of the trajectory in the batch.
        trajectory: usize,
    },
    /// A finished object's reward is not a number that can be ranked or trained on.
    #[error("the reward of {object} is {value}; it must be finite, so leave the object out")]
    RewardNotFinite {
        /// The object, as a person would write it.
        object: String,
        /// The value found.
        value: f64,
    },
    /// The objective needs log F(s) and the model has no flow head.
    #[error("{objective} needs log F(s); use a model with a flow head")]
    MissingFlow {
        /// The objective that was asked for.
        objective: &'static str,
    },
    /// An objective needs numbers that nobody gave.
    #[error("{objective} needs {name}; fill it in beside the terms of the batch")]
    Missing {
        /// The objective that was asked for.
        objective: &'static str,
        /// The field that is empty.
        name: &'static str,
    },
    /// Two lists that belong together differ in length.
    #[error("{name} has {got} entries; it must have {expected}")]
    WrongLength {
        /// Which list.
        name: &'static str,
        /// Its length.
        got: usize,
        /// The length of what it belongs to.
        expected: usize,
    },
    /// A NaN or an infinity reached an objective over states.
    #[error("{name} is {value} at entry {state} of the batch; it must be finite")]
    StateNotFinite {
        /// Which term.
        name: &'static str,
        /// The value found.
        value: f64,
        /// Index of the state in the batch.
        state: usize,
    },
    /// A constant is out of its range.
    #[error("{name} is {value}; it must be {expected}")]
    BadConstant {
        /// Which constant.
        name: &'static str,
        /// The value given.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// The environment broke its contract.
    #[error("the environment breaks its contract: {0}")]
    Conformance(String),
    /// A buffer file cannot be written or read back.
    #[error("the replay buffer cannot be saved or loaded: {0}")]
    Buffer(String),
    /// A data file is in none of the data folders.
    #[error(
        "{file} was not found in {tried}; run gfn data fetch <name> with the set that holds it (gfn data list), or \
         set GFN_DATA to a folder that has {file}"
    )]
    NoData {
        /// The file, relative to a data folder.
        file: String,
        /// The folders that were looked at.
        tried: String,
    },
}
