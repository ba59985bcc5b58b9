//! The only crate that trains: policies, rollouts, gradients, optimisers and runs.

pub mod error;
pub mod optim;
pub mod params;
pub mod policy;
pub mod rollout;
pub mod run;
pub mod schedule;
pub mod score;
pub mod segment;
pub mod step;

pub use error::{LearnError, Result};
