//! Learning log n(s), the number of ways to build a state, where it cannot be computed.

use serde::{Deserialize, Serialize};

use super::balance;
use super::pairs::{self, Lengths};
use super::residual::Residual;
use super::sub_trajectory_balance::SubTrajectoryWeighting as Weighting;
use crate::error::CoreError;
use crate::terms::{Loss, Terms, TermsGrad};

/// Which sub-trajectories the path counts balance over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathCountLoss {
    /// Single moves ("Transition").
    #[default]
    Transition,
    /// All sub-trajectories alike ("SubTB1").
    SubTrajectory,
    /// All that begin at the source ("StartTB1").
    FromSource,
    /// The whole trajectory ("TB").
    Trajectory,
}

/// Balance of path counts: `g(l(s_j) + sum log P_N - l(s_i))`, with l = `log_flow`, l(s_0) = 0 whatever
/// stands there, and P_N = `log_pb`; mean within a trajectory, then over trajectories. Zero where
/// l = log n and P_N(s | s') = n(s) / n(s'), the backward policy of maximal entropy.
///
/// Mohammadpour et al. 2023, arXiv 2312.14331: detailed balance of the reversed process with no reward.
/// Stopping is no move here: the last edge of a trajectory does not enter, and a trajectory that stops
/// at once costs 0. When P_N is also the P_B of a GFlowNet loss, that one must not send gradient to it.
///
/// # Errors
/// Where the batch is empty, a term is not finite, or the model has no `log_flow`.
pub fn path_count_balance(
    terms: &Terms,
    over: PathCountLoss,
    residual: Residual,
) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    residual.check()?;
    let log_n = balance::flows(terms, "balance of path counts")?;
    let count = terms.len() as f64;
    let lengths = Lengths::new((0..terms.len()).map(|b| terms.range(b).len() - 1));
    let mut grad = TermsGrad::zeros(terms);
    let mut per_trajectory = Vec::with_capacity(terms.len());
    let (mut u, mut du) = (Vec::new(), Vec::new());
    for index in 0..terms.len() {
        let range = terms.range(index);
        // u_t = -(l(s_t) + sum of log P_N before t), so that u_i - u_j is the residual.
        u.clear();
        let mut passed = 0.0;
        for edge in range.clone() {
            let own = if edge == range.start {
                0.0
            } else {
                log_n[edge]
            };
            u.push(-own - passed);
            passed += terms.log_pb[edge];
        }
        let weighting = match over {
            PathCountLoss::Transition => Some(Weighting::TransitionsWithin),
            PathCountLoss::SubTrajectory => Some(Weighting::EqualWithin),
            PathCountLoss::Trajectory => Some(Weighting::Whole),
            PathCountLoss::FromSource => None,
        };
        let value = match weighting {
            Some(weighting) => pairs::weighted(&mut u, weighting, &lengths, residual, &mut du),
            None => from_source(&u, residual, &mut du),
        };
        per_trajectory.push(value);
        du.iter_mut().for_each(|slope| *slope /= count);
        let mut after: f64 = du.iter().sum();
        for (t, edge) in range.enumerate() {
            after -= du[t];
            if t > 0 {
                grad.log_flow[edge] = -du[t];
            }
            grad.log_pb[edge] = -after;
        }
    }
    Ok(Loss {
        value: per_trajectory.iter().sum::<f64>() / count,
        grad,
        per_trajectory,
    })
}

/// Mean over j > 0 of g(u_0 - u_j), and its gradient over `du`.
fn from_source(u: &[f64], g: Residual, du: &mut Vec<f64>) -> f64 {
    du.clear();
    du.resize(u.len(), 0.0);
    let weight = 1.0 / (u.len() - 1).max(1) as f64;
    let mut value = 0.0;
    for j in 1..u.len() {
        let d = u[0] - u[j];
        value += weight * g.value(d);
        let slope = weight * g.slope(d);
        du[0] += slope;
        du[j] -= slope;
    }
    value
}
