//! Detailed balance, and its forms where rewards of unfinished states are known.

use serde::{Deserialize, Serialize};

use super::residual::Residual;
use super::{balance, forward_looking};
use crate::error::CoreError;
use crate::terms::{Given, Loss, Terms, TermsGrad};

/// How the costs of single transitions become one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransitionReduction {
    /// Mean over all transitions of the batch (torchgfn, alexhernandezgarcia/gflownet).
    #[default]
    Mean,
    /// Half the mean over all transitions (gfnx).
    HalfMean,
    /// Sum over a trajectory's transitions, mean over trajectories (recursionpharma/gflownet).
    TrajectorySum,
}

impl TransitionReduction {
    /// What the sum over all transitions is multiplied by.
    pub(super) fn scale(self, transitions: usize, trajectories: usize) -> f64 {
        match self {
            Self::Mean => 1.0 / transitions.max(1) as f64,
            Self::HalfMean => 0.5 / transitions.max(1) as f64,
            Self::TrajectorySum => 1.0 / trajectories as f64,
        }
    }
}

/// Detailed balance: squares of `log F(s) + log P_F - log F(s') - log P_B` over all transitions, where
/// the flow of the sink is R(x).
///
/// Bengio et al. 2021, arXiv 2111.09266, section 3.
///
/// # Errors
/// Where the batch is empty, a term is not finite, or the model has no flows.
pub fn detailed_balance(terms: &Terms, reduction: TransitionReduction) -> Result<Loss, CoreError> {
    detailed_balance_with(terms, reduction, Residual::Squared)
}

/// [`detailed_balance`] with another cost of the residual.
///
/// # Errors
/// Those of [`detailed_balance`], and of the residual's constants.
pub fn detailed_balance_with(
    terms: &Terms,
    reduction: TransitionReduction,
    residual: Residual,
) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    residual.check()?;
    let flows = balance::flows(terms, "detailed balance")?;
    Ok(transitions(terms, flows, reduction, residual))
}

/// Forward-looking detailed balance: [`detailed_balance_with`] where the flow of a state is
/// `log_flow + log_reward_at`, so that the model learns only what the reward known so far leaves open.
///
/// Pan et al. 2023, arXiv 2302.01687, equation 7. The reward of the object itself enters at the sink.
///
/// # Errors
/// Those of [`detailed_balance_with`]; where `given.log_reward_at` is missing.
pub fn forward_looking_detailed_balance(
    terms: &Terms,
    given: &Given,
    reduction: TransitionReduction,
    residual: Residual,
) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    residual.check()?;
    let flows = forward_looking(terms, given, "forward-looking detailed balance")?;
    Ok(transitions(terms, &flows, reduction, residual))
}

fn transitions(terms: &Terms, flows: &[f64], by: TransitionReduction, g: Residual) -> Loss {
    let scale = by.scale(terms.log_pf.len(), terms.len());
    let mut grad = TermsGrad::zeros(terms);
    let mut per_trajectory = Vec::with_capacity(terms.len());
    let (mut u, mut du) = (Vec::new(), Vec::new());
    for index in 0..terms.len() {
        balance::potentials(terms, flows, index, &mut u);
        du.clear();
        du.resize(u.len(), 0.0);
        let mut sum = 0.0;
        for t in 0..u.len() - 1 {
            let d = u[t] - u[t + 1];
            sum += g.value(d);
            let slope = scale * g.slope(d);
            du[t] += slope;
            du[t + 1] -= slope;
        }
        per_trajectory.push(sum);
        balance::pull_back(terms, index, &du, &mut grad);
    }
    Loss {
        value: per_trajectory.iter().sum::<f64>() * scale,
        grad,
        per_trajectory,
    }
}

/// Modified detailed balance, where every state is a complete object: `R(s) = F(s) P_F(stop | s)` takes
/// the place of a flow, so the residual of a move s -> s' is `log R(s) - log P_F(stop | s) + log P_F -
/// log R(s') + log P_F(stop | s') - log P_B`.
///
/// Deleu et al. 2022, arXiv 2202.13903, equation 10, with the sign of this module: forward minus
/// backward. Stopping itself holds by construction and is no transition here; a batch that only stops
/// at once costs 0. The reward of a state is `given.log_reward_at`, stopping is `terms.log_stop`.
/// `per_trajectory` holds sums over transitions.
///
/// # Errors
/// Where the batch is empty, a term is not finite, as log_stop where a state is no object, or
/// `log_stop` or `given.log_reward_at` is missing.
pub fn modified_detailed_balance(
    terms: &Terms,
    given: &Given,
    reduction: TransitionReduction,
    residual: Residual,
) -> Result<Loss, CoreError> {
    let name = "modified detailed balance";
    balance::check(terms)?;
    residual.check()?;
    let stop = balance::edges(terms, &terms.log_stop, "log_stop", name)?;
    let reward = balance::edges(terms, &given.log_reward_at, "log_reward_at", name)?;
    let moves = terms.log_pf.len() - terms.len();
    let scale = reduction.scale(moves, terms.len());
    let mut grad = TermsGrad::zeros(terms);
    let mut per_trajectory = Vec::with_capacity(terms.len());
    for index in 0..terms.len() {
        let range = terms.range(index);
        let mut sum = 0.0;
        for edge in range.start..range.end - 1 {
            let d = reward[edge] - stop[edge] + terms.log_pf[edge] - reward[edge + 1]
                + stop[edge + 1]
                - terms.log_pb[edge];
            sum += residual.value(d);
            let slope = scale * residual.slope(d);
            grad.log_pf[edge] += slope;
            grad.log_pb[edge] -= slope;
            grad.log_stop[edge] -= slope;
            grad.log_stop[edge + 1] += slope;
        }
        per_trajectory.push(sum);
    }
    Ok(Loss {
        value: per_trajectory.iter().sum::<f64>() * scale,
        grad,
        per_trajectory,
    })
}
