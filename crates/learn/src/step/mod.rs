//! One training step: sampling and gradients in shards, the objective over the whole batch.
//!
//! A batch is cut into shards of a size that depends on nothing but the batch's, whatever the number of
//! threads, and their gradients are added in shard order. So one seed gives the same bytes with one
//! thread and with many.

mod alert;
mod flow_matching;
mod flow_regression;
mod recorded;

use std::collections::BTreeMap;
use std::ops::Range;

use anabranch_core::rng::{Seed, Stream};
use anabranch_core::{CoreError, Environment, Loss, Terms, Trajectories};

pub use flow_matching::flow_matching_step;
pub use flow_regression::regress_flows;
pub use recorded::{Differentiated, Recorded, record, record_scored, record_visited};

use self::alert::all_hands;
use crate::error::Result;
use crate::optim::Adam;
use crate::policy::{Model, Policy};
use crate::rollout::{rollout, rollout_backward};
use crate::score::{Choices, blank, visited};

/// Trajectories in one shard of a batch of `count` of which there are `shards` at least, see
/// [`Model::shards`]: between 8 and 64.
pub fn shard_size(count: usize, shards: usize) -> usize {
    count.div_ceil(shards).next_multiple_of(8).clamp(8, 64)
}

/// Shards where there is no gradient to add up: their number leaves no trace.
const WITHOUT_GRADIENT: usize = 4;

/// Does `work` on each of at least `shards` shards of `count` trajectories, over the threads of the current
/// pool; the results are in order.
fn in_shards<R: Send>(
    (count, shards): (usize, usize),
    work: impl Fn(Range<usize>) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    in_shards_beside((count, shards), || (), work)
}

/// As [`in_shards`]; `beside` is done too, by a thread that finds no shard left to begin.
fn in_shards_beside<R: Send>(
    (count, shards): (usize, usize),
    beside: impl Fn() + Sync,
    work: impl Fn(Range<usize>) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let size = shard_size(count, shards);
    let firsts = (0..count).step_by(size);
    let results = all_hands(firsts, beside, |first| {
        work(first..(first + size).min(count))
    });
    results.into_iter().collect()
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
    let shards = in_shards((count, WITHOUT_GRADIENT), |shard| {
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
    let shards = in_shards((count, WITHOUT_GRADIENT), |shard| {
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
    let shards = in_shards((trajectories.len(), WITHOUT_GRADIENT), |shard| {
        let part = slice(trajectories, shard);
        let frontier = visited(env, &part);
        let choices = Choices::new(&frontier, &part, &policy.scores(&frontier)?)?;
        Ok((frontier, choices))
    })?;
    let offsets = trajectories.states.offsets().to_vec();
    let mut terms = blank(offsets, log_z.to_vec(), log_reward.to_vec());
    let mut first = 0;
    for (frontier, choices) in &shards {
        choices.fill(frontier, first, &mut terms);
        first += frontier.len();
    }
    Ok(terms)
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
    let recorded = record_visited(env, &*model, trajectories)?;
    let differentiated = recorded.differentiate(objective, log_reward)?;
    differentiated.apply(model, optimizer)
}
