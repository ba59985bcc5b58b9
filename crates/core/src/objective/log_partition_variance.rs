//! Log-partition variance, also called VarGrad.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::balance;
use super::residual::Residual;
use crate::error::CoreError;
use crate::logspace::log_softmax;
use crate::terms::{Given, Loss, Terms, TermsGrad};

/// Whether the mean that stands for log Z passes gradient on.
///
/// The squared loss does not see the difference, since its residuals sum to 0; others do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchMean {
    /// Gradient through the mean (torchgfn).
    #[default]
    Attached,
    /// The mean is a constant (alexhernandezgarcia/gflownet).
    Detached,
}

/// The mean that stands for log Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct Centre {
    /// Whether gradient passes through it.
    pub mean: BatchMean,
    /// Leave a trajectory's own estimate out of its mean. A trajectory alone in its group has residual
    /// 0 either way.
    pub leave_one_out: bool,
}

/// Variance over the batch of `log R(x) + sum log P_B - sum log P_F`, each trajectory's own estimate
/// of log Z: trajectory balance with the batch mean in place of a learned log Z.
///
/// Zhang et al. 2023, arXiv 2302.05446; population variance. The gradient of the squared loss through
/// the mean is zero, so a detached mean gives the same numbers. All trajectories must share one
/// condition, or the mean is not of one log Z; see [`log_partition_variance_by`] and
/// [`conditional_log_partition_variance`].
///
/// # Errors
/// Where the batch is empty or a term is not finite.
pub fn log_partition_variance(terms: &Terms) -> Result<Loss, CoreError> {
    let groups = vec![0; terms.len()];
    log_partition_variance_by(terms, &groups, Centre::default(), Residual::Squared)
}

/// The same with one mean for each condition: `groups` is `[B]`, equal numbers share a mean; mean of
/// `g(mean - estimate)` over trajectories.
///
/// # Errors
/// Where the batch is empty, a term is not finite, or `groups` is not of length B.
pub fn log_partition_variance_by(
    terms: &Terms,
    groups: &[usize],
    centre: Centre,
    residual: Residual,
) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    let mut loss = centred(terms, &terms.log_z_estimates(), groups, centre, residual)?;
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
    conditional_log_partition_variance_with(terms, Centre::default(), Residual::Squared)
}

/// [`conditional_log_partition_variance`] with another mean and another cost.
///
/// # Errors
/// Where the batch is empty or a term is not finite.
pub fn conditional_log_partition_variance_with(
    terms: &Terms,
    centre: Centre,
    residual: Residual,
) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    let estimates = terms.log_z_estimates();
    let offsets: Vec<f64> = estimates
        .iter()
        .zip(&terms.log_z)
        .map(|(e, z)| e - z)
        .collect();
    centred(terms, &offsets, &vec![0; terms.len()], centre, residual)
}

/// The variance of `log R(x) + log prior(tau) - sum log P_F`: relative trajectory balance with the mean
/// of each group in place of log Z.
///
/// Venkatraman et al. 2024, arXiv 2405.20971. `log_pb` is not used.
///
/// # Errors
/// Those of [`log_partition_variance_by`]; where `given.log_prior` is missing.
pub fn relative_log_partition_variance(
    terms: &Terms,
    given: &Given,
    groups: &[usize],
    centre: Centre,
    residual: Residual,
) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    let name = "relative log-partition variance";
    let prior = balance::objects(terms, &given.log_prior, "log_prior", name)?;
    let sums = terms.sum_log_pf().into_iter().enumerate();
    let estimates: Vec<f64> = sums
        .map(|(b, pf)| terms.log_reward[b] + prior[b] - pf)
        .collect();
    let mut loss = centred(terms, &estimates, groups, centre, residual)?;
    loss.grad.log_z.fill(0.0);
    loss.grad.log_pb.fill(0.0);
    Ok(loss)
}

/// Importance-weighted variance of the estimates of log Z: `sum w_i (zeta_i - sum w_j zeta_j)^2` with
/// constant weights that sum to one, `w_i` proportional to
/// `(R(x_i) P_B(tau_i) / P_behaviour(tau_i))^power`.
///
/// The log-variance divergence under another reference measure (Richter et al. 2020, arXiv
/// 2010.10436): power 0 is [`log_partition_variance`], the measure the trajectories were drawn from;
/// power 1 estimates the variance under the target, R P_B / Z, and so covers modes. The behaviour is
/// `given.log_pf_behaviour`, or P_F where that is missing. No published code has this under one name;
/// this is our definition.
///
/// # Errors
/// Where the batch is empty, a term is not finite, or the power is negative.
pub fn weighted_log_partition_variance(
    terms: &Terms,
    given: &Given,
    power: f64,
) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    balance::not_negative("power", power)?;
    let estimates = terms.log_z_estimates();
    let weights = importance_weights(terms, given, power, "weighted log-partition variance")?;
    let mean: f64 = weights.iter().zip(&estimates).map(|(w, e)| w * e).sum();
    let mut grad = TermsGrad::zeros(terms);
    let mut per_trajectory = Vec::with_capacity(terms.len());
    for (index, estimate) in estimates.iter().enumerate() {
        let d = mean - estimate;
        per_trajectory.push(terms.len() as f64 * weights[index] * d * d);
        // Weighted residuals sum to 0, so nothing comes through the mean.
        balance::pull_back_whole(terms, index, 2.0 * weights[index] * d, &mut grad);
    }
    Ok(Loss {
        value: per_trajectory.iter().sum::<f64>() / terms.len() as f64,
        grad,
        per_trajectory,
    })
}

/// `[B]` self-normalised weights proportional to (R P_B / P_behaviour)^power.
pub(super) fn importance_weights(
    terms: &Terms,
    given: &Given,
    power: f64,
    objective: &'static str,
) -> Result<Vec<f64>, CoreError> {
    let mut weights = match given.log_pf_behaviour {
        None => terms.log_z_estimates(),
        Some(_) => {
            let field = &given.log_pf_behaviour;
            let behaviour = balance::edges(terms, field, "log_pf_behaviour", objective)?;
            let pb = terms.sum_log_pb().into_iter().enumerate();
            pb.map(|(b, pb)| {
                terms.log_reward[b] + pb - behaviour[terms.range(b)].iter().sum::<f64>()
            })
            .collect()
        }
    };
    weights.iter_mut().for_each(|w| *w *= power);
    log_softmax(&mut weights);
    Ok(weights.into_iter().map(f64::exp).collect())
}

/// Mean of `g(centre - estimate)` and its gradient, where estimates are constants - log Z - sum log P_F
/// + sum log P_B.
fn centred(
    terms: &Terms,
    estimates: &[f64],
    groups: &[usize],
    centre: Centre,
    g: Residual,
) -> Result<Loss, CoreError> {
    g.check()?;
    if groups.len() != terms.len() {
        return Err(CoreError::WrongLength {
            name: "groups",
            got: groups.len(),
            expected: terms.len(),
        });
    }
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, &group) in groups.iter().enumerate() {
        members.entry(group).or_default().push(index);
    }
    let count = terms.len() as f64;
    // dL/d estimate.
    let mut slopes = vec![0.0; terms.len()];
    let mut per_trajectory = vec![0.0; terms.len()];
    for group in members.values().filter(|group| group.len() > 1) {
        let size = group.len() as f64;
        let mean = group.iter().map(|&b| estimates[b]).sum::<f64>() / size;
        // Without one's own estimate the distance to the mean is larger by N / (N - 1).
        let stretch = match centre.leave_one_out {
            true => size / (size - 1.0),
            false => 1.0,
        };
        let mut through_mean = 0.0;
        for &b in group {
            let d = stretch * (mean - estimates[b]);
            per_trajectory[b] = g.value(d);
            let slope = g.slope(d) / count;
            match centre.mean {
                BatchMean::Attached => {
                    slopes[b] -= stretch * slope;
                    through_mean += stretch * slope / size;
                }
                BatchMean::Detached => slopes[b] -= slope,
            }
        }
        group.iter().for_each(|&b| slopes[b] += through_mean);
    }
    let mut grad = TermsGrad::zeros(terms);
    for (index, &slope) in slopes.iter().enumerate() {
        grad.log_z[index] = -slope;
        balance::pull_back_whole(terms, index, -slope, &mut grad);
    }
    Ok(Loss {
        value: per_trajectory.iter().sum::<f64>() / count,
        grad,
        per_trajectory,
    })
}
