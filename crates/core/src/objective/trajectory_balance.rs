//! Trajectory balance and what replaces one of its sides: a prior, a guide.

use super::balance;
use super::residual::Residual;
use crate::error::CoreError;
use crate::terms::{Given, Loss, Terms, TermsGrad};

/// Trajectory balance: mean over trajectories of
/// `(log Z + sum log P_F - log R(x) - sum log P_B)^2`.
///
/// Malkin et al. 2022, arXiv 2201.13259, equation 14. Every log Z is its own variable here; a shared
/// one receives the sum of the entries of `grad.log_z`. With a log Z for each condition in `log_z` this
/// is conditional trajectory balance.
///
/// # Errors
/// Where the batch is empty or a term is not finite.
pub fn trajectory_balance(terms: &Terms) -> Result<Loss, CoreError> {
    trajectory_balance_with(terms, Residual::Squared)
}

/// [`trajectory_balance`] with another cost of the residual.
///
/// # Errors
/// Those of [`trajectory_balance`], and of the residual's constants.
pub fn trajectory_balance_with(terms: &Terms, residual: Residual) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    residual.check()?;
    Ok(balance::whole(terms, &residuals(terms), residual))
}

/// `[B]` log Z + sum log P_F - log R(x) - sum log P_B.
pub(super) fn residuals(terms: &Terms) -> Vec<f64> {
    let estimates = terms.log_z_estimates();
    terms
        .log_z
        .iter()
        .zip(estimates)
        .map(|(z, e)| z - e)
        .collect()
}

/// Relative trajectory balance: mean over trajectories of
/// `g(log Z + sum log P_F - log prior(tau) - log R(x))`, whose optimum is prior times R over Z.
///
/// Venkatraman et al. 2024, arXiv 2405.20971. `given.log_prior` is that of the whole trajectory; an
/// inverse temperature is part of `log_reward`. torchgfn has a factor 1/2:
/// [`Residual::HalfSquared`]. `log_pb` is not used.
///
/// # Errors
/// Where the batch is empty, a term is not finite, or `given.log_prior` is missing.
pub fn relative_trajectory_balance(
    terms: &Terms,
    given: &Given,
    residual: Residual,
) -> Result<Loss, CoreError> {
    residual.check()?;
    let residuals = relative_residuals(terms, given, "relative trajectory balance")?;
    let mut loss = balance::whole(terms, &residuals, residual);
    loss.grad.log_pb.fill(0.0);
    Ok(loss)
}

/// Trust-region path consistency with the prior as its trust region: mean over trajectories of
/// `g(alpha d)`, where d is the residual of [`relative_trajectory_balance`].
///
/// The value of the source is V(s_0) = alpha log Z and the reward is alpha log R(x), where
/// alpha = 1 / beta: with [`Residual::Squared`] alpha^2 times relative trajectory balance
/// (arXiv 2509.01632, as in torchgfn).
///
/// # Errors
/// Those of [`relative_trajectory_balance`]; where alpha is not positive.
pub fn trust_path_consistency(
    terms: &Terms,
    given: &Given,
    alpha: f64,
    residual: Residual,
) -> Result<Loss, CoreError> {
    if !(alpha.is_finite() && alpha > 0.0) {
        return Err(CoreError::BadConstant {
            name: "alpha",
            value: alpha,
            expected: "a number above 0",
        });
    }
    residual.check()?;
    let mut residuals = relative_residuals(terms, given, "trust path consistency")?;
    residuals.iter_mut().for_each(|d| *d *= alpha);
    let mut loss = balance::whole(terms, &residuals, residual);
    loss.grad.log_pb.fill(0.0);
    for values in [&mut loss.grad.log_pf, &mut loss.grad.log_z] {
        values.iter_mut().for_each(|slope| *slope *= alpha);
    }
    Ok(loss)
}

/// `[B]` log Z + sum log P_F - log prior(tau) - log R(x).
fn relative_residuals(
    terms: &Terms,
    given: &Given,
    objective: &'static str,
) -> Result<Vec<f64>, CoreError> {
    balance::check(terms)?;
    let prior = balance::objects(terms, &given.log_prior, "log_prior", objective)?;
    let sums = terms.sum_log_pf().into_iter().enumerate();
    Ok(sums
        .map(|(b, pf)| terms.log_z[b] + pf - prior[b] - terms.log_reward[b])
        .collect())
}

/// Guided trajectory balance, the step of P_F: mean over trajectories of `g(log Z + sum log P_F - t)`
/// with the constant target `t = log R(x) + w sum log P_B + (1 - w) log guide(tau | x)`.
///
/// Shen et al. 2023, arXiv 2305.07170, section 4.3. Exact at w = 0 and w = 1, and between them once
/// P_B is the guide. No gradient reaches P_B, which has a step of its own: [`backward_guidance`].
///
/// # Errors
/// Where the batch is empty, a term is not finite, `weight` is outside 0 ..= 1 or `given.log_guide` is
/// missing.
pub fn guided_trajectory_balance(
    terms: &Terms,
    given: &Given,
    weight: f64,
    residual: Residual,
) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    balance::fraction("weight", weight)?;
    residual.check()?;
    let name = "guided trajectory balance";
    let guide = balance::objects(terms, &given.log_guide, "log_guide", name)?;
    let (pf, pb) = (terms.sum_log_pf(), terms.sum_log_pb());
    let residuals: Vec<f64> = (0..terms.len())
        .map(|b| {
            let target = terms.log_reward[b] + weight * pb[b] + (1.0 - weight) * guide[b];
            terms.log_z[b] + pf[b] - target
        })
        .collect();
    let mut loss = balance::whole(terms, &residuals, residual);
    loss.grad.log_pb.fill(0.0);
    Ok(loss)
}

/// Guided trajectory balance, the step of P_B: mean over trajectories of
/// `g(log guide(tau | x) - sum log P_B)`. The reward does not enter.
///
/// Shen et al. 2023, arXiv 2305.07170, section 4.3.
///
/// # Errors
/// Where the batch is empty, a term is not finite, or `given.log_guide` is missing.
pub fn backward_guidance(
    terms: &Terms,
    given: &Given,
    residual: Residual,
) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    residual.check()?;
    let guide = balance::objects(terms, &given.log_guide, "log_guide", "backward guidance")?;
    let count = terms.len() as f64;
    let mut grad = TermsGrad::zeros(terms);
    let mut per_trajectory = Vec::with_capacity(terms.len());
    for (b, pb) in terms.sum_log_pb().into_iter().enumerate() {
        let d = guide[b] - pb;
        per_trajectory.push(residual.value(d));
        grad.log_pb[terms.range(b)].fill(-residual.slope(d) / count);
    }
    Ok(Loss {
        value: per_trajectory.iter().sum::<f64>() / count,
        grad,
        per_trajectory,
    })
}
