//! What the balance objectives share: the potentials u_i and the way back from dL/du.

use super::residual::Residual;
use crate::error::CoreError;
use crate::terms::{Loss, Terms, TermsGrad};

/// Refuses terms that no objective can be computed from.
pub(super) fn check(terms: &Terms) -> Result<(), CoreError> {
    if terms.is_empty() {
        return Err(CoreError::EmptyBatch);
    }
    if let Some(trajectory) = (0..terms.len()).find(|&index| terms.range(index).is_empty()) {
        return Err(CoreError::EmptyTrajectory { trajectory });
    }
    finite_edges(terms, "log_pf", &terms.log_pf)?;
    finite_edges(terms, "log_pb", &terms.log_pb)?;
    finite_objects(terms, "log_z", &terms.log_z)?;
    finite_objects(terms, "log_reward", &terms.log_reward)
}

/// Refuses `values` `[E]` that are not one finite number an edge.
fn finite_edges(terms: &Terms, name: &'static str, values: &[f64]) -> Result<(), CoreError> {
    same_length(name, values.len(), terms.log_pf.len())?;
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(edge) => Err(CoreError::NotFinite {
            name,
            value: values[edge],
            trajectory: terms.offsets.partition_point(|&o| o <= edge) - 1,
        }),
    }
}

/// Refuses `values` `[B]` that are not one finite number a trajectory.
fn finite_objects(terms: &Terms, name: &'static str, values: &[f64]) -> Result<(), CoreError> {
    same_length(name, values.len(), terms.len())?;
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(trajectory) => Err(CoreError::NotFinite {
            name,
            value: values[trajectory],
            trajectory,
        }),
    }
}

fn same_length(name: &'static str, got: usize, expected: usize) -> Result<(), CoreError> {
    if got == expected {
        Ok(())
    } else {
        Err(CoreError::WrongLength {
            name,
            got,
            expected,
        })
    }
}

/// The flows, or the error that says that the model has none; refuses flows that are not finite.
pub(super) fn flows<'a>(terms: &'a Terms, objective: &'static str) -> Result<&'a [f64], CoreError> {
    let flows = terms
        .log_flow
        .as_deref()
        .ok_or(CoreError::MissingFlow { objective })?;
    finite_edges(terms, "log_flow", flows)?;
    Ok(flows)
}

/// `values` `[E]` of an optional field `name`, or the error that says what is missing.
pub(super) fn edges<'a>(
    terms: &Terms,
    values: &'a Option<Vec<f64>>,
    name: &'static str,
    objective: &'static str,
) -> Result<&'a [f64], CoreError> {
    let values = present(values, name, objective)?;
    finite_edges(terms, name, values)?;
    Ok(values)
}

/// `values` `[B]` of an optional field `name`, or the error that says what is missing.
pub(super) fn objects<'a>(
    terms: &Terms,
    values: &'a Option<Vec<f64>>,
    name: &'static str,
    objective: &'static str,
) -> Result<&'a [f64], CoreError> {
    let values = present(values, name, objective)?;
    finite_objects(terms, name, values)?;
    Ok(values)
}

fn present<'a>(
    values: &'a Option<Vec<f64>>,
    name: &'static str,
    objective: &'static str,
) -> Result<&'a [f64], CoreError> {
    let missing = CoreError::Missing { objective, name };
    values.as_deref().ok_or(missing)
}

/// Refuses a constant that is negative or not finite.
pub(super) fn not_negative(name: &'static str, value: f64) -> Result<(), CoreError> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(CoreError::BadConstant {
        name,
        value,
        expected: "a number of at least 0",
    })
}

/// Refuses a constant outside 0 ..= 1.
pub(super) fn fraction(name: &'static str, value: f64) -> Result<(), CoreError> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(CoreError::BadConstant {
        name,
        value,
        expected: "between 0 and 1",
    })
}

/// `[n + 1]` potentials of trajectory `index`, over `out`; the last one is the sink's.
pub(super) fn potentials(terms: &Terms, flows: &[f64], index: usize, out: &mut Vec<f64>) {
    out.clear();
    let mut passed = 0.0;
    for edge in terms.range(index) {
        out.push(flows[edge] - passed);
        passed += terms.log_pf[edge] - terms.log_pb[edge];
    }
    out.push(terms.log_reward[index] - passed);
}

/// Adds dL/du of trajectory `index` to the gradient of the terms it was made of.
pub(super) fn pull_back(terms: &Terms, index: usize, du: &[f64], grad: &mut TermsGrad) {
    let range = terms.range(index);
    let mut after: f64 = du.iter().sum();
    for (t, edge) in range.enumerate() {
        grad.log_flow[edge] += du[t];
        after -= du[t];
        grad.log_pf[edge] -= after;
        grad.log_pb[edge] += after;
    }
}

/// Adds `slope` times the gradient of sum log P_F - sum log P_B of trajectory `index`.
pub(super) fn pull_back_whole(terms: &Terms, index: usize, slope: f64, grad: &mut TermsGrad) {
    for edge in terms.range(index) {
        grad.log_pf[edge] += slope;
        grad.log_pb[edge] -= slope;
    }
}

/// Mean of `g` over residuals `[B]` that each are log Z + sum log P_F - sum log P_B + constants.
pub(super) fn whole(terms: &Terms, residuals: &[f64], g: Residual) -> Loss {
    let count = terms.len() as f64;
    let mut grad = TermsGrad::zeros(terms);
    let mut per_trajectory = Vec::with_capacity(terms.len());
    for (index, &residual) in residuals.iter().enumerate() {
        per_trajectory.push(g.value(residual));
        let slope = g.slope(residual) / count;
        grad.log_z[index] = slope;
        pull_back_whole(terms, index, slope, &mut grad);
    }
    Loss {
        value: per_trajectory.iter().sum::<f64>() / count,
        grad,
        per_trajectory,
    }
}
