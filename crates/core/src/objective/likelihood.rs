//! Maximum likelihood of trajectories: of P_F on those of the target, of P_B on those of P_F.

use serde::{Deserialize, Serialize};

use super::balance;
use super::log_partition_variance::importance_weights;
use crate::error::CoreError;
use crate::terms::{Given, Loss, Terms, TermsGrad};

/// How much each trajectory counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LikelihoodWeights {
    /// All alike: for trajectories drawn backward from data or from the target.
    #[default]
    Uniform,
    /// In proportion to R P_B / P_behaviour, which the batch's sum normalises: for trajectories of a
    /// policy. The behaviour is `given.log_pf_behaviour`, or P_F where that is missing.
    Importance,
}

/// Maximum likelihood, the forward KL, the wake phase: minus the weighted mean of `sum log P_F`.
///
/// Minimises KL(target || P_F) where the trajectories come from the target: x in proportion to R(x),
/// then backward with P_B. On other trajectories only importance weights make it so. Weights are
/// constants. `per_trajectory` is scaled so that its mean is the value.
///
/// # Errors
/// Where the batch is empty or a term is not finite.
pub fn maximum_likelihood(
    terms: &Terms,
    given: &Given,
    weights: LikelihoodWeights,
) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    let count = terms.len() as f64;
    let weights = match weights {
        LikelihoodWeights::Uniform => vec![count.recip(); terms.len()],
        LikelihoodWeights::Importance => {
            importance_weights(terms, given, 1.0, "importance-weighted likelihood")?
        }
    };
    let mut grad = TermsGrad::zeros(terms);
    let mut per_trajectory = terms.sum_log_pf();
    for (index, weight) in weights.iter().enumerate() {
        per_trajectory[index] *= -weight * count;
        grad.log_pf[terms.range(index)].fill(-weight);
    }
    Ok(Loss {
        value: per_trajectory.iter().sum::<f64>() / count,
        grad,
        per_trajectory,
    })
}

/// Likelihood of trajectories under the backward policy: minus the mean of `sum log P_B`.
///
/// On trajectories of the present P_F this is trajectory likelihood maximisation (Gritsaev et al. 2024,
/// arXiv 2410.15474), a step of its own before or after that of P_F; on those of a small buffer of
/// recent batches it is the pessimistic backward policy (Jang et al. 2024, arXiv 2405.16012), which
/// draws flow to the ways already gone. Only P_B gets gradient.
///
/// # Errors
/// Where the batch is empty or a term is not finite.
pub fn backward_likelihood(terms: &Terms) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    let count = terms.len() as f64;
    let mut grad = TermsGrad::zeros(terms);
    grad.log_pb.fill(-count.recip());
    let mut per_trajectory = terms.sum_log_pb();
    per_trajectory.iter_mut().for_each(|v| *v = -*v);
    Ok(Loss {
        value: per_trajectory.iter().sum::<f64>() / count,
        grad,
        per_trajectory,
    })
}
