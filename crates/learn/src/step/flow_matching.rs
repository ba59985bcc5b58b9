//! One step of flow matching: beside the visited states their parents are scored too.

use std::collections::BTreeMap;

use anabranch_core::logspace::log_sum_exp;
use anabranch_core::objective::{FlowMatching, FlowMatchingTerms, flow_matching};
use anabranch_core::{Discrete, Environment, Frontier, Move, Ragged, Trajectories};
use rayon::prelude::*;

use super::{Progress, in_shards, slice};
use crate::error::{LearnError, Result};
use crate::optim::Adam;
use crate::params::Gradients;
use crate::policy::{Model, Pullback, Scores, ScoresGrad};
use crate::score::{Choices, blank, visited};

/// A shard's equations.
struct Part<'a, E: Discrete> {
    /// The visited states, as of any other objective.
    visited: Frontier<'a, E>,
    choices: Choices,
    /// Number of moves of the visited states and of their parents.
    moves: usize,
    /// For each equation the places (`[moves]`) of the edges that flow in.
    inflow: Ragged<usize>,
    /// For each equation the places of the edges that flow out; none for leaves.
    outflow: Ragged<usize>,
    /// For each trajectory the place of its stop edge, unless the object is a leaf.
    stop: Vec<Option<usize>>,
    /// Trajectory (within the shard) of each equation.
    trajectory: Vec<usize>,
    /// `[moves]` log edge flows.
    scores: Vec<f64>,
}

/// Minimises [`flow_matching`] over the states that `trajectories` visit, with `[B]` log-rewards; the
/// model's forward scores are its log edge flows, and it needs no backward policy. In the result log Z
/// is the log-sum-exp of the source's flows, P_B is uniform, and the loss of a trajectory is the sum of
/// its states' squared residuals.
///
/// Bengio et al. 2021, arXiv 2106.04399.
///
/// # Complexity
/// Every parent of every visited state is scored.
///
/// # Errors
/// Where a score or a gradient is not finite, or an edge is not listed. The parameters are unchanged
/// then.
pub fn flow_matching_step<M: Model>(
    env: &M::Env,
    model: &mut M,
    optimizer: &mut Adam,
    config: FlowMatching,
    trajectories: &Trajectories<M::Env>,
    log_reward: &[f64],
) -> Result<Progress> {
    let borrowed = &*model;
    let parts: Vec<(Part<'_, M::Env>, Pullback<'_>)> =
        in_shards((trajectories.len(), model.shards()), |which| {
            part(env, borrowed, &slice(trajectories, which))
        })?;
    let (parts, pullbacks): (Vec<Part<'_, M::Env>>, Vec<Pullback<'_>>) = parts.into_iter().unzip();
    let terms = equations(&parts, log_reward);
    let loss = flow_matching(&terms, config)?;
    let grads = split(
        &parts,
        &loss.grad.inflow,
        &loss.grad.outflow,
        &loss.grad.stop,
    );
    let gradients: Vec<Gradients> = pullbacks
        .into_par_iter()
        .zip(grads)
        .map(|(pullback, moves)| {
            pullback(&ScoresGrad {
                moves,
                parents: None,
                log_flow: None,
            })
        })
        .collect();
    let offsets = trajectories.states.offsets().to_vec();
    let progress = report(parts, offsets, log_reward, loss.value, &loss.residuals);
    let gradient_norms = optimizer.update_sum(model.params_mut(), gradients)?;
    Ok(Progress {
        gradient_norms,
        ..progress
    })
}

fn part<'a, 'm, M: Model>(
    env: &'a M::Env,
    model: &'m M,
    trajectories: &Trajectories<M::Env>,
) -> Result<(Part<'a, M::Env>, Pullback<'m>)> {
    let own = visited(env, trajectories);
    let (mut states, mut conditions) = (own.states.clone(), own.conditions.clone());
    let mut entered = Vec::new();
    for (row, state) in own.states.iter().enumerate() {
        for &action in own.parents.row(row) {
            let mut parent = state.clone();
            env.undo(&mut parent, action);
            entered.push(Move::Apply(env.listed_action(&parent, action)));
            states.push(parent);
            conditions.extend_from_slice(own.condition(row));
        }
    }
    let all = Frontier::new(env, states, conditions);
    let (scores, pullback) = model.forward(&all)?;
    let (mut inflow, mut outflow) = (Ragged::new(), Ragged::new());
    let (mut stop, mut trajectory) = (Vec::new(), Vec::new());
    for (index, rows) in trajectories.states.offsets().windows(2).enumerate() {
        for row in rows[0]..rows[1] {
            let range = all.moves.range(row);
            let leaf = *all.moves.row(row) == [Move::Stop];
            if row + 1 == rows[1] {
                stop.push((!leaf).then_some(range.end - 1));
            }
            if own.parents.row(row).is_empty() {
                continue;
            }
            let into = own.parents.range(row).map(|parent| {
                let at = own.len() + parent;
                let place = all.moves.row(at).iter().position(|m| *m == entered[parent]);
                place
                    .map(|place| all.moves.range(at).start + place)
                    .ok_or_else(|| LearnError::UnlistedEdge {
                        edge: format!("{:?}", entered[parent]),
                        state: format!("{:?}", all.states[at]),
                    })
            });
            inflow.push_row(into.collect::<Result<Vec<_>>>()?);
            outflow.push_row(if leaf { range.end..range.end } else { range });
            trajectory.push(index);
        }
    }
    let visited_scores = Scores {
        moves: scores.moves[..own.moves.items().len()].to_vec(),
        parents: None,
        log_flow: None,
    };
    let choices = Choices::new(&own, trajectories, &visited_scores)?;
    let part = Part {
        visited: own,
        choices,
        moves: scores.moves.len(),
        inflow,
        outflow,
        stop,
        trajectory,
        scores: scores.moves,
    };
    Ok((part, pullback))
}

/// The equations of all shards.
fn equations<E: Discrete>(parts: &[Part<'_, E>], log_reward: &[f64]) -> FlowMatchingTerms {
    let mut terms = FlowMatchingTerms {
        inflow: Ragged::new(),
        outflow: Ragged::new(),
        leaf: Vec::new(),
        stop: Vec::new(),
        stop_log_reward: Vec::new(),
    };
    let mut first = 0;
    for part in parts {
        let pick =
            |places: &[usize]| -> Vec<f64> { places.iter().map(|&p| part.scores[p]).collect() };
        for (equation, (into, out)) in part.inflow.rows().zip(part.outflow.rows()).enumerate() {
            terms.inflow.push_row(pick(into));
            let leaf = out.is_empty();
            terms.leaf.push(leaf);
            terms.outflow.push_row(match leaf {
                true => vec![log_reward[first + part.trajectory[equation]]],
                false => pick(out),
            });
        }
        for (index, place) in part.stop.iter().enumerate() {
            if let Some(place) = place {
                terms.stop.push(part.scores[*place]);
                terms.stop_log_reward.push(log_reward[first + index]);
            }
        }
        first += part.stop.len();
    }
    terms
}

/// dL/dscores of each shard.
fn split<E: Discrete>(
    parts: &[Part<'_, E>],
    inflow: &Ragged<f64>,
    outflow: &Ragged<f64>,
    stop: &[f64],
) -> Vec<Vec<f64>> {
    let (mut equation, mut object) = (0, 0);
    parts
        .iter()
        .map(|part| {
            let mut moves = vec![0.0; part.moves];
            for (into, out) in part.inflow.rows().zip(part.outflow.rows()) {
                for (place, slope) in into.iter().zip(inflow.row(equation)) {
                    moves[*place] += slope;
                }
                for (place, slope) in out.iter().zip(outflow.row(equation)) {
                    moves[*place] += slope;
                }
                equation += 1;
            }
            for place in part.stop.iter().flatten() {
                moves[*place] += stop[object];
                object += 1;
            }
            moves
        })
        .collect()
}

/// What the step was like, but for the norms of its gradient.
fn report<E: Discrete>(
    parts: Vec<Part<'_, E>>,
    offsets: Vec<usize>,
    log_reward: &[f64],
    loss: f64,
    residuals: &[f64],
) -> Progress {
    let mut log_z = Vec::with_capacity(log_reward.len());
    let mut per_trajectory = vec![0.0; log_reward.len()];
    let (mut first, mut equation) = (0, 0);
    for part in &parts {
        let frontier = &part.visited;
        for row in (0..frontier.len()).filter(|&row| frontier.parents.row(row).is_empty()) {
            log_z.push(log_sum_exp(&part.scores[frontier.moves.range(row)]));
        }
        for index in &part.trajectory {
            per_trajectory[first + index] += residuals[equation].powi(2);
            equation += 1;
        }
        first += part.stop.len();
    }
    let mut terms = blank(offsets, log_z.clone(), log_reward.to_vec());
    let mut first = 0;
    for part in &parts {
        part.choices.fill(&part.visited, first, &mut terms);
        first += part.visited.len();
    }
    Progress {
        loss,
        per_trajectory,
        log_z,
        terms,
        gradient_norms: BTreeMap::new(),
    }
}
