//! Flow iteration: log F(s) regressed on what its children say.

use super::residual::Residual;
use crate::error::CoreError;
use crate::logspace::log_sum_exp;

/// Mean over `S` states of `g(log F(s) - target)` and its gradient along `log_flow` `[S]`; `target`
/// `[S]` is constant.
///
/// He et al. 2024, arXiv 2406.02213. With targets of [`flow_iteration_target`] this is flow iteration;
/// with those of [`random_policy_target`], and log g(s) added to `log_flow`, the evaluation of the random
/// policy in logs. The expectation over children is full, so any states will do.
///
/// # Errors
/// Where there are no states, the lengths differ, or a number is not finite.
pub fn flow_regression(
    log_flow: &[f64],
    target: &[f64],
    residual: Residual,
) -> Result<(f64, Vec<f64>), CoreError> {
    residual.check()?;
    if log_flow.is_empty() {
        return Err(CoreError::EmptyBatch);
    }
    if target.len() != log_flow.len() {
        return Err(CoreError::WrongLength {
            name: "target",
            got: target.len(),
            expected: log_flow.len(),
        });
    }
    for (name, values) in [("log_flow", log_flow), ("target", target)] {
        if let Some(state) = values.iter().position(|v| !v.is_finite()) {
            return Err(CoreError::StateNotFinite {
                name,
                value: values[state],
                state,
            });
        }
    }
    let count = log_flow.len() as f64;
    let residuals = || log_flow.iter().zip(target).map(|(f, t)| f - t);
    let value = residuals().map(|d| residual.value(d)).sum::<f64>() / count;
    Ok((
        value,
        residuals().map(|d| residual.slope(d) / count).collect(),
    ))
}

/// log of `R(s) + sum F(s') / B(s')`: the flow of a state by its children's, for the uniform backward
/// policy. `log_reward` is `None` where the state cannot stop; a child is its log F and the number of
/// its parents, edges counted. Negative infinity for a state without either.
///
/// He et al. 2024, arXiv 2406.02213, in the form that holds on every graph.
pub fn flow_iteration_target(log_reward: Option<f64>, children: &[(f64, usize)]) -> f64 {
    let moves = children
        .iter()
        .map(|&(flow, parents)| flow - (parents as f64).ln());
    log_sum_exp(&log_reward.into_iter().chain(moves).collect::<Vec<_>>())
}

/// log of `(1 / A(s)) sum g(s') F(s')`: the target of log g(s) + log F(s) in the paper's own form. A
/// child is its log F and its log g; A counts stopping, and the copy of s that stopping leads to has
/// g = g(s) A(s).
///
/// He et al. 2024, arXiv 2406.02213, theorem 4.1: the value of the uniformly random policy with the
/// reward g(x) R(x). Right only where every way to a state gives it the same g
/// ([`log_path_ratio`]): trees, sets, strings grown at both ends. Elsewhere, as on the hypergrid,
/// [`flow_iteration_target`] is right and this is not.
pub fn random_policy_target(log_reward: Option<f64>, log_g: f64, children: &[(f64, f64)]) -> f64 {
    let actions = ((children.len() + usize::from(log_reward.is_some())) as f64).ln();
    let stop = log_reward.map(|r| r + log_g + actions);
    let moves = children.iter().map(|&(flow, log_g)| flow + log_g);
    log_sum_exp(&stop.into_iter().chain(moves).collect::<Vec<_>>()) - actions
}

/// log g(s') from log g(s) of a parent with `actions` moves, stopping counted, where s' has `parents`
/// edges into it: g is the product of A(s) / B(s') along a way, 1 at the source.
pub fn log_path_ratio(log_g: f64, actions: usize, parents: usize) -> f64 {
    log_g + (actions as f64).ln() - (parents as f64).ln()
}
