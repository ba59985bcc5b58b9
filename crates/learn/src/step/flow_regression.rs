//! One step of regressing state flows to targets that take no gradient: flow iteration and policy
//! evaluation.

use anabranch_core::Frontier;
use rayon::prelude::*;

use super::in_shards;
use crate::error::{LearnError, Result};
use crate::optim::Adam;
use crate::params::Gradients;
use crate::policy::{Model, Pullback, ScoresGrad};

/// Moves log F(s) of `[N]` `states` towards `[N]` `targets`: minimises the mean of `shape(log F(s) -
/// target)`, where `shape` gives value and slope, and takes one optimiser step. Returns the loss.
///
/// # Errors
/// Where the model has no flow head, or a flow, target or gradient is not finite. The parameters are
/// unchanged then.
///
/// # Panics
/// If there is not one target a state.
pub fn regress_flows<M: Model>(
    env: &M::Env,
    model: &mut M,
    optimizer: &mut Adam,
    states: &[<M::Env as anabranch_core::Environment>::State],
    targets: &[f64],
    shape: impl Fn(f64) -> (f64, f64) + Sync,
) -> Result<f64> {
    assert_eq!(states.len(), targets.len(), "one target a state");
    let count = states.len().max(1) as f64;
    let borrowed = &*model;
    type Part<'a> = (f64, ScoresGrad, Pullback<'a>);
    let parts: Vec<Part<'_>> = in_shards((states.len(), model.shards()), |shard| {
        let frontier = Frontier::new(env, states[shard.clone()].to_vec(), Vec::new());
        let (scores, pullback) = borrowed.forward(&frontier)?;
        let log_flow = scores.log_flow.ok_or_else(|| LearnError::Parameter {
            name: "policy.flow".into(),
            problem: "flows are to be learned and the model has no flow head".into(),
        })?;
        let mut sum = 0.0;
        let mut slopes = Vec::with_capacity(log_flow.len());
        for (flow, target) in log_flow.iter().zip(&targets[shard]) {
            let (value, slope) = shape(flow - target);
            if !value.is_finite() || !slope.is_finite() {
                return Err(anabranch_core::CoreError::NotFinite {
                    name: "log_flow - target",
                    value: flow - target,
                    trajectory: 0,
                }
                .into());
            }
            sum += value;
            slopes.push(slope / count);
        }
        let grad = ScoresGrad {
            moves: vec![0.0; scores.moves.len()],
            parents: scores.parents.map(|parents| vec![0.0; parents.len()]),
            log_flow: Some(slopes),
        };
        Ok((sum, grad, pullback))
    })?;
    let loss = parts.iter().map(|(sum, ..)| sum).sum::<f64>() / count;
    let gradients: Vec<Gradients> = parts
        .into_par_iter()
        .map(|(_, grad, pullback)| pullback(&grad))
        .collect();
    optimizer.update_sum(model.params_mut(), gradients)?;
    Ok(loss)
}
