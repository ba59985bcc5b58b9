//! The only crate that trains: policies, rollouts, gradients, optimisers and runs.
//!
//! There is no trainer. A loop samples trajectories, asks what their objects are worth and takes a
//! gradient step; whoever wants it otherwise writes another loop.
//!
//! ```
//! use anabranch_core::Seed;
//! use anabranch_core::objective::Objective;
//! use anabranch_envs::hypergrid::{Hypergrid, Terminal};
//! use anabranch_learn::optim::{Adam, AdamConfig};
//! use anabranch_learn::policy::{Adapt, Model, Tabular};
//! use anabranch_learn::step::{sample, train_step};
//!
//! let grid = Hypergrid::new(2, 4, Terminal::All)?;
//! let reward = grid.corners(0.1)?;
//! let mut model = Tabular::new(&grid);
//! let mut adam = Adam::new(AdamConfig::with_rates(0.03, 0.1), model.params());
//! for step in 0..200 {
//!     let explorer = (&model).epsilon(0.05);
//!     let trajectories = sample(&grid, &explorer, &[], 16, (Seed::new(0), "rollout", step))?;
//!     let log_reward: Vec<f64> =
//!         trajectories.objects().iter().map(|cell| reward.reward(cell).ln()).collect();
//!     let objective = Objective::TrajectoryBalance;
//!     train_step(&grid, &mut model, &mut adam, |t| objective.loss(t), &trajectories, &log_reward)?;
//! }
//! assert!((model.log_z(&[], 1)?[0] - reward_total(&grid, &reward).ln()).abs() < 0.5);
//!
//! # use anabranch_core::Enumerable;
//! # fn reward_total(grid: &Hypergrid, reward: &anabranch_envs::hypergrid::Corners) -> f64 {
//! #     grid.states().iter().map(|cell| reward.reward(cell)).sum()
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod error;
pub mod guide;
pub mod onnx;
pub mod optim;
pub mod params;
pub mod policy;
pub mod rollout;
pub mod run;
pub mod schedule;
pub mod score;
pub mod segment;
mod simd;
pub mod step;
pub mod thompson;

pub use error::{LearnError, Result};
