//! Objectives: pure functions of [`Terms`] that return a value and its gradient, in f64.
//!
//! Every balance objective is a weighted set of sub-trajectories with residual `u_i - u_j`, where
//! `u_i = log F(s_i) - sum_{k<i} (log P_F - log P_B)` and `log F` of the sink is `log R(x)`:
//!
//! | objective | sub-trajectories |
//! |---|---|
//! | [`trajectory_balance`] | (first, sink), with log Z in place of log F(s_0) |
//! | [`detailed_balance`] | (i, i + 1) |
//! | [`sub_trajectory_balance`] | all pairs, weighted by lambda^(j - i - 1) |
//! | [`log_partition_variance`] | (first, sink), with the batch mean in place of log Z |

mod balance;
mod detailed_balance;
mod log_partition_variance;
mod sub_trajectory_balance;
mod trajectory_balance;

use serde::{Deserialize, Serialize};

pub use detailed_balance::{TransitionReduction, detailed_balance};
pub use log_partition_variance::{conditional_log_partition_variance, log_partition_variance};
pub use sub_trajectory_balance::sub_trajectory_balance;
pub use trajectory_balance::trajectory_balance;

use crate::error::CoreError;
use crate::terms::{Given, Loss, Terms};

/// An objective with its constants: what a configuration names.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// [`trajectory_balance`] (arXiv 2201.13259, equation 14).
    TrajectoryBalance,
    /// [`detailed_balance`] (arXiv 2111.09266), mean over transitions.
    DetailedBalance,
    /// [`sub_trajectory_balance`] (arXiv 2209.12782).
    SubTrajectoryBalance {
        /// Weight of a sub-trajectory of length n is lambda^(n - 1).
        lambda: f64,
    },
    /// [`log_partition_variance`] (arXiv 2302.05446).
    LogPartitionVariance,
    /// [`conditional_log_partition_variance`].
    ConditionalLogPartitionVariance,
}

impl Objective {
    /// Whether the model needs a state-flow head.
    pub fn needs_flow(&self) -> bool {
        matches!(
            self,
            Self::DetailedBalance | Self::SubTrajectoryBalance { .. }
        )
    }

    /// Whether log Z is a parameter of the loss.
    pub fn needs_log_z(&self) -> bool {
        matches!(self, Self::TrajectoryBalance)
    }

    /// Value and gradient of an objective that needs nothing beside the terms.
    ///
    /// # Errors
    /// Where the terms are empty, not finite, or lack what the objective needs.
    pub fn loss(&self, terms: &Terms) -> Result<Loss, CoreError> {
        self.loss_given(terms, &Given::default())
    }

    /// Value and gradient.
    ///
    /// # Errors
    /// Where the terms are empty, not finite, or lack what the objective needs, or `given` does.
    pub fn loss_given(&self, terms: &Terms, _given: &Given) -> Result<Loss, CoreError> {
        match *self {
            Self::TrajectoryBalance => trajectory_balance(terms),
            Self::DetailedBalance => detailed_balance(terms, TransitionReduction::Mean),
            Self::SubTrajectoryBalance { lambda } => sub_trajectory_balance(terms, lambda),
            Self::LogPartitionVariance => log_partition_variance(terms),
            Self::ConditionalLogPartitionVariance => conditional_log_partition_variance(terms),
        }
    }
}
