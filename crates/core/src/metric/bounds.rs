//! Bounds on log Z from sampled trajectories, in nats.
//!
//! Each averages [`Terms::log_z_estimates`]; they differ in where the trajectories come from, which
//! the numbers cannot show. An ELBO near log Z with an EUBO far above it is a collapse onto some modes.

use crate::error::CoreError;
use crate::logspace::log_sum_exp;
use crate::terms::Terms;

/// Evidence lower bound: the mean of log R(x) + sum log P_B - sum log P_F over trajectories drawn from
/// P_F itself. Its expectation is log Z - KL(P_F || target).
///
/// # Errors
/// [`CoreError::EmptyBatch`] without trajectories.
pub fn elbo(terms: &Terms) -> Result<f64, CoreError> {
    mean_estimate(terms)
}

/// Evidence upper bound: the same mean over trajectories drawn backward with P_B from objects of the
/// target, p*(x) = R(x) / Z. Its expectation is log Z + KL(target || P_F).
///
/// As reported by gfnx; Blessing et al. 2024, arXiv 2406.07423.
///
/// # Errors
/// [`CoreError::EmptyBatch`] without trajectories.
pub fn eubo(terms: &Terms) -> Result<f64, CoreError> {
    mean_estimate(terms)
}

/// Importance estimate of log Z from trajectories drawn from P_F: the log-mean-exp of
/// log R(x) + sum log P_B - sum log P_F. Unbiased for Z, so too low for log Z on average, by less than
/// the [`elbo`].
///
/// # Errors
/// [`CoreError::EmptyBatch`] without trajectories.
pub fn log_z_importance(terms: &Terms) -> Result<f64, CoreError> {
    if terms.is_empty() {
        return Err(CoreError::EmptyBatch);
    }
    Ok(log_sum_exp(&terms.log_z_estimates()) - (terms.len() as f64).ln())
}

fn mean_estimate(terms: &Terms) -> Result<f64, CoreError> {
    if terms.is_empty() {
        return Err(CoreError::EmptyBatch);
    }
    Ok(terms.log_z_estimates().iter().sum::<f64>() / terms.len() as f64)
}

/// Effective sample size of importance weights, in 1 ..= n: (sum w)^2 / sum w^2 of `log_weights` `[n]`
/// in nats, such as [`Terms::log_z_estimates`] of trajectories of P_F. n where all are equal, as at the
/// optimum; 0 without weights; NaN where all are negative infinity or one is not a number.
pub fn effective_sample_size(log_weights: &[f64]) -> f64 {
    if log_weights.is_empty() {
        return 0.0;
    }
    let doubled: Vec<f64> = log_weights.iter().map(|w| 2.0 * w).collect();
    (2.0 * log_sum_exp(log_weights) - log_sum_exp(&doubled)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: (1 + 3)^2 / (1 + 9).
    #[test]
    fn sizes_of_samples() {
        assert!((effective_sample_size(&[0.0, 3.0_f64.ln()]) - 1.6).abs() < 1e-14);
        assert!((effective_sample_size(&[900.0; 7]) - 7.0).abs() < 1e-9);
        assert!((effective_sample_size(&[0.0, f64::NEG_INFINITY]) - 1.0).abs() < 1e-14);
        assert_eq!(effective_sample_size(&[]), 0.0);
        assert!(effective_sample_size(&[f64::NEG_INFINITY]).is_nan());
        assert!(effective_sample_size(&[0.0, f64::NAN]).is_nan());
    }
}
