//! One training step: sampling and gradients in shards, the objective over the whole batch.
//!
//! A batch is cut into shards of a fixed size, whatever the number of threads, and their gradients are
//! added in shard order. So one seed gives the same bytes with one thread and with many.

mod flow_matching;
mod flow_regression;

use std::collections::BTreeMap;
use std::ops::Range;

use anabranch_core::rng::{Seed, Stream};
use anabranch_core::{
    CoreError, Discrete, Environment, Frontier, Loss, Terms, TermsGrad, Trajectories,
};
use rayon::prelude::*;

pub use flow_matching::flow_matching_step;
pub use flow_regression::regress_flows;

use crate::error::Result;
use crate::optim::Adam;
use crate::params::Gradients;
use crate::policy::{Model, Policy, Pullback, Scores};
use crate::rollout::{rollout, rollout_backward};
use crate::score::{Choices, visited};

/// Trajectories in one shard.
pub const SHARD: usize = 16;

/// Does `work` on each shard of `count` trajectories, over the threads of the current pool; the
/// results are in order.
fn in_shards<R: Send>(
    count: usize,
    work: impl Fn(Range<usize>) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let firsts: Vec<usize> = (0..count).step_by(SHARD).collect();
    firsts
        .into_par_iter()
        .map(|first| work(first..(first + SHARD).min(count)))
        .collect()
}

/// Streams of the trajectories `which` of `purpose` at `step`.
fn streams(seed: Seed, purpose: &str, step: u64, which: Range<usize>) -> Vec<Stream> {
    which
        .map(|i| seed.stream(purpose, &[step, i as u64]))
        .collect()
}

/// Samples `count` trajectories from P_F in shards, over the threads of the current pool.
///
/// `conditions` is `[count, C]`, flat. Trajectory `i` draws from `seed.stream(purpose, [step, i])`.
///
/// # Errors
/// Where the policy cannot score.
pub fn sample<P: Policy>(
    env: &P::Env,
    policy: &P,
    conditions: &[f32],
    count: usize,
    (seed, purpose, step): (Seed, &str, u64),
) -> Result<Trajectories<P::Env>> {
    let width = conditions.len().checked_div(count).unwrap_or(0);
    let shards = in_shards(count, |shard| {
        let mut streams = streams(seed, purpose, step, shard.clone());
        let conditions = &conditions[shard.start * width..shard.end * width];
        rollout(env, policy, conditions, &mut streams)
    })?;
    Ok(concatenate(shards))
}

/// Samples one trajectory from P_B for each object, as [`sample`] does from P_F.
///
/// # Errors
/// Where the policy cannot score.
pub fn sample_backward<P: Policy>(
    env: &P::Env,
    policy: &P,
    objects: &[<P::Env as Environment>::State],
    conditions: &[f32],
    (seed, purpose, step): (Seed, &str, u64),
) -> Result<Trajectories<P::Env>> {
    let count = objects.len();
    let width = conditions.len().checked_div(count).unwrap_or(0);
    let shards = in_shards(count, |shard| {
        let mut streams = streams(seed, purpose, step, shard.clone());
        let conditions = &conditions[shard.start * width..shard.end * width];
        rollout_backward(env, policy, &objects[shard], conditions, &mut streams)
    })?;
    Ok(concatenate(shards))
}

fn concatenate<E: Environment>(shards: Vec<Trajectories<E>>) -> Trajectories<E> {
    let mut out = Trajectories::default();
    for shard in shards {
        out.extend(shard);
    }
    out
}

/// The trajectories `which` alone.
fn slice<E: Environment>(all: &Trajectories<E>, which: Range<usize>) -> Trajectories<E> {
    let mut out = Trajectories::default();
    for i in which {
        out.push(
            all.states.row(i).to_vec(),
            all.moves.row(i).to_vec(),
            all.condition(i),
        );
    }
    out
}

/// A shard of a batch, scored.
struct Shard<'a, E: Discrete> {
    frontier: Frontier<'a, E>,
    choices: Choices,
    scores: Scores,
}

/// Scores `trajectories` in shards, over the threads of the current pool; `extra` is kept beside each.
fn shards<'a, E: Discrete, X: Send>(
    env: &'a E,
    trajectories: &Trajectories<E>,
    score: impl Fn(&Frontier<'a, E>) -> Result<(Scores, X)> + Sync,
) -> Result<Vec<(Shard<'a, E>, X)>> {
    in_shards(trajectories.len(), |shard| {
        let part = slice(trajectories, shard);
        let frontier = visited(env, &part);
        let (scores, extra) = score(&frontier)?;
        let choices = Choices::new(&frontier, &part, &scores)?;
        let shard = Shard {
            frontier,
            choices,
            scores,
        };
        Ok((shard, extra))
    })
}

/// Terms of `trajectories` under `policy` with `[B]` log Z and log R, without gradients.
///
/// # Errors
/// Where the policy cannot score or an edge is not listed.
pub fn terms<P: Policy>(
    env: &P::Env,
    policy: &P,
    trajectories: &Trajectories<P::Env>,
    log_z: &[f64],
    log_reward: &[f64],
) -> Result<Terms> {
    let scored = shards(env, trajectories, |frontier| {
        Ok((policy.scores(frontier)?, ()))
    })?;
    let parts: Vec<Shard<'_, P::Env>> = scored.into_iter().map(|(shard, ())| shard).collect();
    Ok(join(&parts, log_z, log_reward))
}

/// What one gradient step was like.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Mean loss of the batch.
    pub loss: f64,
    /// `[B]` loss of each trajectory.
    pub per_trajectory: Vec<f64>,
    /// `[B]` log Z before the step.
    pub log_z: Vec<f64>,
    /// The terms that the loss was computed from.
    pub terms: Terms,
    /// Gradient norms by parameter group, before clipping.
    pub gradient_norms: BTreeMap<String, f64>,
}

/// Computes the objective on `trajectories` with `[B]` log-rewards and takes one optimiser step.
///
/// `objective` is any function of the terms: `|terms| Objective::TrajectoryBalance.loss(terms)`, or one's
/// own.
///
/// # Errors
/// Where a score, a term or a gradient is not finite, or an edge is not listed. The parameters are
/// unchanged then.
pub fn train_step<M: Model>(
    env: &M::Env,
    model: &mut M,
    optimizer: &mut Adam,
    objective: impl FnOnce(&Terms) -> std::result::Result<Loss, CoreError>,
    trajectories: &Trajectories<M::Env>,
    log_reward: &[f64],
) -> Result<Progress> {
    let count = trajectories.len();
    let borrowed = &*model;
    let (log_z, log_z_pullback) = borrowed.forward_log_z(&trajectories.conditions, count)?;
    let scored = shards(env, trajectories, |frontier| borrowed.forward(frontier))?;
    let (shards, pullbacks): (Vec<Shard<'_, M::Env>>, Vec<Pullback<'_>>) =
        scored.into_iter().unzip();
    let terms = join(&shards, &log_z, log_reward);
    let loss = objective(&terms)?;
    let grads = split(&loss.grad, &shards);
    let parts: Vec<Gradients> = pullbacks
        .into_par_iter()
        .zip(&shards)
        .zip(&grads)
        .map(|((pullback, shard), grad)| pullback(&shard.choices.pull_back(&shard.frontier, grad)))
        .collect();
    let gradients = sum_gradients(log_z_pullback(&loss.grad.log_z), parts);
    let gradient_norms = optimizer.update(model.params_mut(), &gradients)?;
    Ok(Progress {
        loss: loss.value,
        per_trajectory: loss.per_trajectory,
        log_z,
        terms,
        gradient_norms,
    })
}

/// `first` with the gradients of all shards added in their order.
fn sum_gradients(first: Gradients, parts: Vec<Gradients>) -> Gradients {
    let mut sums = first;
    for part in parts {
        for (sum, values) in sums.iter_mut().zip(part) {
            for (s, v) in sum.iter_mut().zip(values) {
                *s += v;
            }
        }
    }
    sums
}

/// The terms of all shards as one batch.
fn join<E: Discrete>(shards: &[Shard<'_, E>], log_z: &[f64], log_reward: &[f64]) -> Terms {
    let mut all = Terms {
        offsets: vec![0],
        log_pf: Vec::new(),
        log_pb: Vec::new(),
        log_flow: None,
        log_stop: None,
        log_z: log_z.to_vec(),
        log_reward: log_reward.to_vec(),
    };
    for (index, shard) in shards.iter().enumerate() {
        let range = index * SHARD..((index + 1) * SHARD).min(log_z.len());
        let part = shard.choices.terms(
            &shard.frontier,
            &shard.scores,
            log_z[range.clone()].to_vec(),
            log_reward[range].to_vec(),
        );
        let start = all.log_pf.len();
        all.offsets
            .extend(part.offsets[1..].iter().map(|o| o + start));
        all.log_pf.extend(part.log_pf);
        all.log_pb.extend(part.log_pb);
        if let Some(flow) = part.log_flow {
            all.log_flow.get_or_insert_with(Vec::new).extend(flow);
        }
        if let Some(stop) = part.log_stop {
            all.log_stop.get_or_insert_with(Vec::new).extend(stop);
        }
    }
    all
}

/// The gradient of each shard's own edges.
fn split<E: Discrete>(grad: &TermsGrad, shards: &[Shard<'_, E>]) -> Vec<TermsGrad> {
    let mut start = 0;
    shards
        .iter()
        .map(|shard| {
            let range = start..start + shard.frontier.len();
            start = range.end;
            TermsGrad {
                log_pf: grad.log_pf[range.clone()].to_vec(),
                log_pb: grad.log_pb[range.clone()].to_vec(),
                log_flow: grad.log_flow[range.clone()].to_vec(),
                log_stop: grad.log_stop[range].to_vec(),
                log_z: Vec::new(),
            }
        })
        .collect()
}
