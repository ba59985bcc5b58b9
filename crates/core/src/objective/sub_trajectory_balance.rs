//! Sub-trajectory balance.

use serde::{Deserialize, Serialize};

use super::pairs::{self, Lengths};
use super::residual::Residual;
use super::{balance, forward_looking};
use crate::error::CoreError;
use crate::terms::{Given, Loss, Terms, TermsGrad};

/// How the sub-trajectories of a batch are weighted; the weights of a batch sum to one. In brackets
/// torchgfn's names.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubTrajectoryWeighting {
    /// Single transitions, all of the batch alike ("DB").
    Transitions,
    /// Single transitions, alike within a trajectory; trajectories alike ("ModifiedDB", which is not
    /// modified detailed balance).
    TransitionsWithin,
    /// Whole trajectories only, with log F(s_0) for log Z ("TB").
    Whole,
    /// The mean over all sub-trajectories of length n, weighted by lambda^(n - 1) ("geometric").
    Geometric {
        /// At least 0.
        #[serde(default = "default_lambda")]
        lambda: f64,
    },
    /// lambda^(n - 1) within a trajectory; trajectories alike ("geometric_within"): the paper's.
    GeometricWithin {
        /// At least 0.
        #[serde(default = "default_lambda")]
        lambda: f64,
    },
    /// All sub-trajectories of the batch alike ("equal").
    Equal,
    /// All sub-trajectories of a trajectory alike; trajectories alike ("equal_within").
    EqualWithin,
}

pub(super) fn default_lambda() -> f64 {
    0.9
}

impl Default for SubTrajectoryWeighting {
    fn default() -> Self {
        Self::GeometricWithin {
            lambda: default_lambda(),
        }
    }
}

/// Sub-trajectory balance: for every pair i < j of a trajectory's states, sink included, the square of
/// `log F(s_i) + sum log P_F - log F(s_j) - sum log P_B`, weighted by lambda^(j - i - 1), the weights
/// of one trajectory summing to one; mean over trajectories.
///
/// Madan et al. 2022, arXiv 2209.12782, equation 12. With lambda = 0 the weight of a single transition
/// is 1 and all others 0 (torchgfn's convention; lambda^(j - i) would be 0/0).
///
/// # Complexity
/// Linear in the length: the weights are a geometric recurrence in j.
///
/// # Errors
/// Where the batch is empty, a term is not finite, the model has no flows, or lambda is negative or
/// not finite.
pub fn sub_trajectory_balance(terms: &Terms, lambda: f64) -> Result<Loss, CoreError> {
    let weighting = SubTrajectoryWeighting::GeometricWithin { lambda };
    sub_trajectory_balance_with(terms, weighting, Residual::Squared)
}

/// [`sub_trajectory_balance`] with another weighting and another cost of the residual.
/// `per_trajectory` is scaled so that its mean is the value.
///
/// # Complexity
/// Linear in the length for transitions and whole trajectories, and for squared residuals but
/// [`Geometric`](SubTrajectoryWeighting::Geometric); otherwise quadratic.
///
/// # Errors
/// Those of [`sub_trajectory_balance`], and of the residual's constants.
pub fn sub_trajectory_balance_with(
    terms: &Terms,
    weighting: SubTrajectoryWeighting,
    residual: Residual,
) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    let flows = balance::flows(terms, "sub-trajectory balance")?;
    sub_trajectories(terms, flows, weighting, residual)
}

/// Forward-looking sub-trajectory balance: the flow of a state is `log_flow + log_reward_at`.
///
/// Pan et al. 2023, arXiv 2302.01687. The reward of the object itself enters at the sink.
///
/// # Errors
/// Those of [`sub_trajectory_balance_with`]; where `given.log_reward_at` is missing.
pub fn forward_looking_sub_trajectory_balance(
    terms: &Terms,
    given: &Given,
    weighting: SubTrajectoryWeighting,
    residual: Residual,
) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    let name = "forward-looking sub-trajectory balance";
    let flows = forward_looking(terms, given, name)?;
    sub_trajectories(terms, &flows, weighting, residual)
}

pub(super) fn sub_trajectories(
    terms: &Terms,
    flows: &[f64],
    weighting: SubTrajectoryWeighting,
    residual: Residual,
) -> Result<Loss, CoreError> {
    residual.check()?;
    if let SubTrajectoryWeighting::Geometric { lambda }
    | SubTrajectoryWeighting::GeometricWithin { lambda } = weighting
    {
        balance::not_negative("lambda", lambda)?;
    }
    let lengths = Lengths::new((0..terms.len()).map(|b| terms.range(b).len()));
    let count = terms.len() as f64;
    let mut grad = TermsGrad::zeros(terms);
    let mut per_trajectory = Vec::with_capacity(terms.len());
    let (mut u, mut du) = (Vec::new(), Vec::new());
    for index in 0..terms.len() {
        balance::potentials(terms, flows, index, &mut u);
        let value = pairs::weighted(&mut u, weighting, &lengths, residual, &mut du);
        per_trajectory.push(value);
        du.iter_mut().for_each(|slope| *slope /= count);
        balance::pull_back(terms, index, &du, &mut grad);
    }
    Ok(Loss {
        value: per_trajectory.iter().sum::<f64>() / count,
        grad,
        per_trajectory,
    })
}
