//! Log-partition variance, also called VarGrad.

use super::balance;
use crate::error::CoreError;
use crate::terms::{Loss, Terms, TermsGrad};

/// Variance over the batch of `log R(x) + sum log P_B - sum log P_F`, each trajectory's own estimate
/// of log Z: trajectory balance with the batch mean in place of a learned log Z.
///
/// Zhang et al. 2023, arXiv 2302.05446; population variance. The gradient of the squared loss through
/// the mean is zero, so a detached mean gives the same numbers. All trajectories must share one
/// condition, or the mean is not of one log Z; see [`conditional_log_partition_variance`].
///
/// # Errors
/// Where the batch is empty or a term is not finite.
pub fn log_partition_variance(terms: &Terms) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    let mut loss = variance(terms, &terms.log_z_estimates());
    loss.grad.log_z.fill(0.0);
    Ok(loss)
}

/// The same with the learned log Z of each trajectory's condition taken off its estimate, so that
/// conditions can be mixed in one batch: the variance of `log R(x) + sum log P_B - sum log P_F - log
/// Z(c)`. It is zero where the policy is exact and log Z(c) is right up to one constant, which the
/// mean stands for.
///
/// # Errors
/// Where the batch is empty or a term is not finite.
pub fn conditional_log_partition_variance(terms: &Terms) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    let estimates = terms.log_z_estimates();
    let offsets: Vec<f64> = estimates
        .iter()
        .zip(&terms.log_z)
        .map(|(e, z)| e - z)
        .collect();
    Ok(variance(terms, &offsets))
}

/// Population variance of `estimates` and its gradient.
fn variance(terms: &Terms, estimates: &[f64]) -> Loss {
    let count = terms.len() as f64;
    let mean = estimates.iter().sum::<f64>() / count;
    let mut grad = TermsGrad::zeros(terms);
    let mut per_trajectory = Vec::with_capacity(terms.len());
    for (index, estimate) in estimates.iter().enumerate() {
        let residual = estimate - mean;
        per_trajectory.push(residual * residual);
        let slope = -2.0 * residual / count;
        grad.log_z[index] = slope;
        for edge in terms.range(index) {
            grad.log_pf[edge] = slope;
            grad.log_pb[edge] = -slope;
        }
    }
    Loss {
        value: per_trajectory.iter().sum::<f64>() / count,
        grad,
        per_trajectory,
    }
}
