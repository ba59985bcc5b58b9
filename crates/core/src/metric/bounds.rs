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
