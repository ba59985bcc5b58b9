//! What a GFlowNet is: environments, trajectories, objectives, rewards, exact solutions and metrics.
//!
//! No tensors and no chemistry stand here. A model is whatever fills in [`terms::Terms`] and takes
//! their gradient back; an [`objective`] is a pure function between the two.
//!
//! ```
//! use anabranch_core::objective::Objective;
//! use anabranch_core::{Ragged, Terms};
//!
//! // One trajectory of two edges; the second one stops.
//! let terms = Terms::new(
//!     Ragged::from_iter([vec![-0.7, -0.1]]),
//!     Ragged::from_iter([vec![-0.5, 0.0]]),
//!     vec![1.0],
//!     vec![0.2],
//! );
//! let loss = Objective::TrajectoryBalance.loss(&terms)?;
//! assert!((loss.value - 0.25).abs() < 1e-12); // (1.0 - 0.8 + 0.5 - 0.2)^2
//! # Ok::<(), anabranch_core::CoreError>(())
//! ```

pub mod buffer;
pub mod conformance;
pub mod data;
pub mod encode;
pub mod env;
pub mod error;
pub mod exact;
pub mod frontier;
pub mod logspace;
pub mod metric;
pub mod objective;
pub mod ragged;
pub mod reward;
pub mod rng;
pub mod terms;
pub mod trajectory;

pub use env::{Discrete, Enumerable, Environment, Move};
pub use error::CoreError;
pub use frontier::Frontier;
pub use ragged::Ragged;
pub use reward::{Reward, RewardError};
pub use rng::Seed;
pub use terms::{Given, Loss, Terms, TermsGrad};
pub use trajectory::Trajectories;

/// The example of the guide, so that it is tested.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/own-environment.md")]
struct _Guide;
