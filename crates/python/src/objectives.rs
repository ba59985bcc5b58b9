//! Objectives as functions of arrays: values and gradients.

use anabranch_core::objective::{FlowMatching, FlowMatchingTerms, Objective, flow_matching};
use anabranch_core::{Given, Terms};
use numpy::PyArrayLike1;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{Numbers, Whole, array, numbers, offsets, ragged, vector};
use crate::error::{Failure, Result};

/// Value and gradient of the objective that `objective` (JSON) names.
///
/// `terms` has log_pf, log_pb `[E]`, log_z, log_reward `[B]` and, where there are any, log_flow and
/// log_stop `[E]`; `given` the constants beside them by their names in the library.
#[pyfunction]
fn objective_loss<'py>(
    py: Python<'py>,
    objective: &str,
    at: Whole<'py>,
    terms: &Bound<'py, PyDict>,
    given: &Bound<'py, PyDict>,
) -> Result<(f64, Bound<'py, PyDict>)> {
    let objective: Objective = serde_json::from_str(objective)
        .map_err(|e| Failure::value(format!("no objective is {objective}: {e}")))?;
    let log_pf = required(terms, "log_pf")?;
    let terms = Terms {
        offsets: offsets("offsets", &at, log_pf.len())?,
        log_pf,
        log_pb: required(terms, "log_pb")?,
        log_flow: optional(terms, "log_flow")?,
        log_stop: optional(terms, "log_stop")?,
        log_z: required(terms, "log_z")?,
        log_reward: required(terms, "log_reward")?,
    };
    let given = given_of(given)?;
    let loss = py.detach(|| objective.loss_given(&terms, &given))?;
    let out = PyDict::new(py);
    out.set_item("log_pf", array(py, loss.grad.log_pf))?;
    out.set_item("log_pb", array(py, loss.grad.log_pb))?;
    out.set_item("log_z", array(py, loss.grad.log_z))?;
    if terms.log_flow.is_some() {
        out.set_item("log_flow", array(py, loss.grad.log_flow))?;
    }
    if terms.log_stop.is_some() {
        out.set_item("log_stop", array(py, loss.grad.log_stop))?;
    }
    Ok((loss.value, out))
}

fn optional(from: &Bound<'_, PyDict>, name: &str) -> Result<Option<Vec<f64>>> {
    let Some(values) = from.get_item(name)?.filter(|values| !values.is_none()) else {
        return Ok(None);
    };
    let numbers = numbers(&values)
        .ok_or_else(|| Failure::value(format!("{name} must be an array of one dimension")))?;
    Ok(Some(numbers))
}

fn required(from: &Bound<'_, PyDict>, name: &str) -> Result<Vec<f64>> {
    optional(from, name)?.ok_or_else(|| Failure::value(format!("{name} is missing")))
}

fn given_of(from: &Bound<'_, PyDict>) -> Result<Given> {
    let groups = optional(from, "group")?;
    let group = groups.map(|groups| {
        let whole = |g: f64| (g >= 0.0 && g.fract() == 0.0).then_some(g as usize);
        groups
            .into_iter()
            .map(whole)
            .collect::<Option<Vec<usize>>>()
            .ok_or_else(|| Failure::value("group must hold whole numbers from 0"))
    });
    Ok(Given {
        log_reward_at: optional(from, "log_reward_at")?,
        log_prior: optional(from, "log_prior")?,
        log_guide: optional(from, "log_guide")?,
        log_flow_target: optional(from, "log_flow_target")?,
        log_pf_target: optional(from, "log_pf_target")?,
        log_pf_behaviour: optional(from, "log_pf_behaviour")?,
        log_path_count: optional(from, "log_path_count")?,
        group: group.transpose()?,
    })
}

/// What an objective needs beside log_pf, log_pb and log_reward.
#[pyfunction]
fn objective_needs(objective: &str) -> Result<Vec<&'static str>> {
    let objective: Objective = serde_json::from_str(objective)
        .map_err(|e| Failure::value(format!("no objective is {objective}: {e}")))?;
    let all = [
        ("log_z", objective.needs_log_z()),
        ("log_flow", objective.needs_flow()),
        ("log_stop", objective.needs_stop()),
        ("log_reward_at", objective.needs_state_rewards()),
        ("log_prior", objective.needs_prior()),
        ("log_guide", objective.needs_guide()),
        ("log_pf_behaviour", objective.needs_behaviour()),
        ("log_path_count", objective.needs_path_counts()),
    ];
    let needed = all.into_iter().filter(|(_, needed)| *needed);
    Ok(needed.map(|(name, _)| name).collect())
}

/// Value and gradient of flow matching over `S` states and `K` objects; `config` is JSON.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one for each array")]
fn flow_matching_loss<'py>(
    py: Python<'py>,
    config: &str,
    inflow: Numbers<'py>,
    inflow_offsets: Whole<'py>,
    outflow: Numbers<'py>,
    outflow_offsets: Whole<'py>,
    leaf: PyArrayLike1<'py, bool>,
    stop: Numbers<'py>,
    stop_log_reward: Numbers<'py>,
) -> Result<(f64, Bound<'py, PyDict>)> {
    let config: FlowMatching = serde_json::from_str(config)?;
    let terms = FlowMatchingTerms {
        inflow: ragged("inflow_offsets", &inflow, &inflow_offsets)?,
        outflow: ragged("outflow_offsets", &outflow, &outflow_offsets)?,
        leaf: vector(&leaf),
        stop: vector(&stop),
        stop_log_reward: vector(&stop_log_reward),
    };
    let loss = py.detach(|| flow_matching(&terms, config))?;
    let out = PyDict::new(py);
    out.set_item("inflow", array(py, loss.grad.inflow.items().to_vec()))?;
    out.set_item("outflow", array(py, loss.grad.outflow.items().to_vec()))?;
    out.set_item("stop", array(py, loss.grad.stop))?;
    Ok((loss.value, out))
}

/// Adds this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(objective_loss, module)?)?;
    module.add_function(wrap_pyfunction!(objective_needs, module)?)?;
    module.add_function(wrap_pyfunction!(flow_matching_loss, module)?)
}
