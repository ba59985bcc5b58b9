//! What the balance objectives share: the potentials u_i and the way back from dL/du.

use crate::error::CoreError;
use crate::terms::{Terms, TermsGrad};

/// Refuses terms that no objective can be computed from.
pub(super) fn check(terms: &Terms) -> Result<(), CoreError> {
    if terms.is_empty() {
        return Err(CoreError::EmptyBatch);
    }
    if let Some(trajectory) = (0..terms.len()).find(|&index| terms.range(index).is_empty()) {
        return Err(CoreError::EmptyTrajectory { trajectory });
    }
    let edges = [("log_pf", &terms.log_pf), ("log_pb", &terms.log_pb)];
    for (name, values) in edges {
        if let Some(edge) = values.iter().position(|v| !v.is_finite()) {
            let trajectory = terms.offsets.partition_point(|&o| o <= edge) - 1;
            return Err(CoreError::NotFinite {
                name,
                value: values[edge],
                trajectory,
            });
        }
    }
    let objects = [("log_z", &terms.log_z), ("log_reward", &terms.log_reward)];
    for (name, values) in objects {
        if let Some(trajectory) = values.iter().position(|v| !v.is_finite()) {
            return Err(CoreError::NotFinite {
                name,
                value: values[trajectory],
                trajectory,
            });
        }
    }
    Ok(())
}

/// The flows, or the error that says that the model has none; refuses flows that are not finite.
pub(super) fn flows<'a>(terms: &'a Terms, objective: &'static str) -> Result<&'a [f64], CoreError> {
    let flows = terms
        .log_flow
        .as_deref()
        .ok_or(CoreError::MissingFlow { objective })?;
    match flows.iter().position(|v| !v.is_finite()) {
        None => Ok(flows),
        Some(edge) => Err(CoreError::NotFinite {
            name: "log_flow",
            value: flows[edge],
            trajectory: terms.offsets.partition_point(|&o| o <= edge) - 1,
        }),
    }
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
