//! Trajectory balance.

use super::balance;
use crate::error::CoreError;
use crate::terms::{Loss, Terms, TermsGrad};

/// Trajectory balance: mean over trajectories of
/// `(log Z + sum log P_F - log R(x) - sum log P_B)^2`.
///
/// Malkin et al. 2022, arXiv 2201.13259, equation 14. Every log Z is its own variable here; a shared
/// one receives the sum of the entries of `grad.log_z`.
///
/// # Errors
/// Where the batch is empty or a term is not finite.
pub fn trajectory_balance(terms: &Terms) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    let count = terms.len() as f64;
    let mut grad = TermsGrad::zeros(terms);
    let mut per_trajectory = Vec::with_capacity(terms.len());
    for (index, estimate) in terms.log_z_estimates().into_iter().enumerate() {
        let residual = terms.log_z[index] - estimate;
        per_trajectory.push(residual * residual);
        let slope = 2.0 * residual / count;
        grad.log_z[index] = slope;
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
