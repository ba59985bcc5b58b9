//! Log-partition variance, also called VarGrad.

use super::balance;
use crate::error::CoreError;
use crate::terms::{Loss, Terms, TermsGrad};

/// Variance over the batch of `log R(x) + sum log P_B - sum log P_F`, each trajectory's own estimate
/// of log Z: trajectory balance with the batch mean in place of a learned log Z.
///
/// Zhang et al. 2023, arXiv 2302.05446; population variance. The gradient of the squared loss through
/// the mean is zero, so a detached mean gives the same numbers. All trajectories must share one
/// condition, or the mean is not of one log Z.
///
/// # Errors
/// Where the batch is empty or a term is not finite.
pub fn log_partition_variance(terms: &Terms) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    let count = terms.len() as f64;
    let estimates = terms.log_z_estimates();
    let mean = estimates.iter().sum::<f64>() / count;
    let mut grad = TermsGrad::zeros(terms);
    let mut per_trajectory = Vec::with_capacity(terms.len());
    for (index, estimate) in estimates.iter().enumerate() {
        let residual = estimate - mean;
        per_trajectory.push(residual * residual);
        let slope = -2.0 * residual / count;
        for edge in terms.range(index) {
            grad.log_pf[edge] = slope;
            grad.log_pb[edge] = -slope;
        }
    }
    Ok(Loss {
        value: per_trajectory.iter().sum::<f64>() / count,
        grad,
        per_trajectory,
    })
}
