//! Flow matching.

use serde::{Deserialize, Serialize};

use super::residual::Residual;
use crate::error::CoreError;
use crate::logspace::{log_add_exp, log_sum_exp};
use crate::ragged::Ragged;

/// Log edge flows around `S` visited states, none of them the source, and at `K` visited objects.
#[derive(Clone, Debug)]
pub struct FlowMatchingTerms {
    /// `[S]` rows: log F of every edge into the state.
    pub inflow: Ragged<f64>,
    /// `[S]` rows: log F of every edge out of the state, stopping among them; for a leaf the single
    /// number log R(x).
    pub outflow: Ragged<f64>,
    /// `[S]` whether stopping is all that the state can do.
    pub leaf: Vec<bool>,
    /// `[K]` log F(x -> sink) of objects that have other moves.
    pub stop: Vec<f64>,
    /// `[K]` log R(x) of the same.
    pub stop_log_reward: Vec<f64>,
}

/// dL/d[`FlowMatchingTerms`], with the same shapes; 0 in place of rewards.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowMatchingGrad {
    /// `[S]` rows.
    pub inflow: Ragged<f64>,
    /// `[S]` rows.
    pub outflow: Ragged<f64>,
    /// `[K]`
    pub stop: Vec<f64>,
}

/// Value of flow matching with its gradient.
#[derive(Clone, Debug)]
pub struct FlowMatchingLoss {
    /// The loss.
    pub value: f64,
    /// Gradient of `value`.
    pub grad: FlowMatchingGrad,
    /// `[S]` log inflow - log outflow.
    pub residuals: Vec<f64>,
    /// `[K]` log F(x -> sink) - log R(x).
    pub stop_residuals: Vec<f64>,
}

/// What the costs are averaged over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowMatchingMean {
    /// One mean over everything (alexhernandezgarcia/gflownet, the grid of the paper).
    #[default]
    All,
    /// One mean over the states inside and one over leaves and stop edges, added (torchgfn, and the
    /// molecules of the paper with a leaf weight of 10).
    ByKind,
}

/// Switches of [`flow_matching`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FlowMatching {
    /// log of a constant flow added to both sides, as in the original code (2.5e-5 there for molecules,
    /// none for grids).
    pub log_epsilon: Option<f64>,
    /// Weight of the equations that see the reward: leaves and stop edges.
    pub leaf_weight: f64,
    /// What is averaged over.
    pub mean: FlowMatchingMean,
    /// Cost of a residual.
    pub residual: Residual,
}

impl Default for FlowMatching {
    fn default() -> Self {
        Self {
            log_epsilon: None,
            leaf_weight: 1.0,
            mean: FlowMatchingMean::All,
            residual: Residual::Squared,
        }
    }
}

/// Flow matching: at every visited state the log of what flows in against the log of what flows out,
/// and at every stop edge beside other moves its flow against the reward; gradient through both sides.
///
/// Bengio et al. 2021, arXiv 2106.04399, equation 12.
///
/// # Errors
/// Where there is no equation, lengths differ, a flow is NaN or positive infinity, or all flows into or
/// out of a state are 0.
pub fn flow_matching(
    terms: &FlowMatchingTerms,
    config: FlowMatching,
) -> Result<FlowMatchingLoss, CoreError> {
    check(terms, &config)?;
    let (states, objects) = (terms.inflow.len(), terms.stop.len());
    let leaves = terms.leaf.iter().filter(|&&leaf| leaf).count();
    // Weights of one equation inside and of one that sees the reward.
    let (inside, outer) = match config.mean {
        FlowMatchingMean::All => (1.0, config.leaf_weight),
        FlowMatchingMean::ByKind => {
            let mean = |count: usize| 1.0 / count.max(1) as f64;
            (
                mean(states - leaves),
                config.leaf_weight * mean(leaves + objects),
            )
        }
    };
    let scale = match config.mean {
        FlowMatchingMean::All => 1.0 / (states + objects) as f64,
        FlowMatchingMean::ByKind => 1.0,
    };
    let total = |name, flows: &[f64], state| total(name, flows, config.log_epsilon, state);
    let mut value = 0.0;
    let (mut inflow, mut outflow) = (Ragged::new(), Ragged::new());
    let mut residuals = Vec::with_capacity(states);
    for state in 0..states {
        let (into, out) = (terms.inflow.row(state), terms.outflow.row(state));
        let log_in = total("inflow", into, state)?;
        let log_out = total("outflow", out, state)?;
        let d = log_in - log_out;
        let weight = scale * if terms.leaf[state] { outer } else { inside };
        value += weight * config.residual.value(d);
        let slope = weight * config.residual.slope(d);
        inflow.push_row(into.iter().map(|f| slope * (f - log_in).exp()));
        let out_slope = if terms.leaf[state] { 0.0 } else { -slope };
        outflow.push_row(out.iter().map(|f| out_slope * (f - log_out).exp()));
        residuals.push(d);
    }
    let mut stop = Vec::with_capacity(objects);
    let mut stop_residuals = Vec::with_capacity(objects);
    for object in 0..objects {
        let flow = terms.stop[object];
        let log_in = total("stop", &[flow], object)?;
        let log_out = total("stop_log_reward", &[terms.stop_log_reward[object]], object)?;
        let d = log_in - log_out;
        value += scale * outer * config.residual.value(d);
        stop.push(scale * outer * config.residual.slope(d) * (flow - log_in).exp());
        stop_residuals.push(d);
    }
    Ok(FlowMatchingLoss {
        value,
        grad: FlowMatchingGrad {
            inflow,
            outflow,
            stop,
        },
        residuals,
        stop_residuals,
    })
}

/// log of the sum of flows and epsilon.
fn total(
    name: &'static str,
    flows: &[f64],
    log_epsilon: Option<f64>,
    state: usize,
) -> Result<f64, CoreError> {
    // The maximum of a log-sum-exp would hide a NaN beside an infinity.
    let bad = flows.iter().find(|f| f.is_nan() || **f == f64::INFINITY);
    let sum = bad.copied().unwrap_or_else(|| {
        log_add_exp(log_sum_exp(flows), log_epsilon.unwrap_or(f64::NEG_INFINITY))
    });
    if sum.is_finite() {
        return Ok(sum);
    }
    Err(CoreError::StateNotFinite {
        name,
        value: sum,
        state,
    })
}

fn check(terms: &FlowMatchingTerms, config: &FlowMatching) -> Result<(), CoreError> {
    config.residual.check()?;
    super::balance::not_negative("leaf_weight", config.leaf_weight)?;
    if let Some(value) = config.log_epsilon.filter(|e| !e.is_finite()) {
        return Err(CoreError::BadConstant {
            name: "log_epsilon",
            value,
            expected: "finite; leave it out for no epsilon",
        });
    }
    if terms.inflow.is_empty() && terms.stop.is_empty() {
        return Err(CoreError::EmptyBatch);
    }
    let states = terms.inflow.len();
    let lengths = [
        ("outflow", terms.outflow.len(), states),
        ("leaf", terms.leaf.len(), states),
        (
            "stop_log_reward",
            terms.stop_log_reward.len(),
            terms.stop.len(),
        ),
    ];
    for (name, got, expected) in lengths {
        if got != expected {
            return Err(CoreError::WrongLength {
                name,
                got,
                expected,
            });
        }
    }
    Ok(())
}
