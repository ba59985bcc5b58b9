//! Trajectories with what their gradient needs, from sampling to the optimiser's step.

use std::ops::Range;

use anabranch_core::rng::Seed;
use anabranch_core::{
    CoreError, Discrete, Environment, Frontier, Loss, Terms, TermsGrad, Trajectories,
};
use rayon::prelude::*;

use super::alert::{alert, all_hands};
use super::{Progress, in_shards, in_shards_beside, shard_size, slice, streams};
use crate::error::Result;
use crate::optim::{ALONE, Adam};
use crate::params::Gradients;
use crate::policy::{Exploration, Model, Tape};
use crate::rollout::walk;
use crate::score::{Choices, blank, copy_edges, visited};
use crate::segment::Softmax;

/// A batch of states that were scored together.
struct Pass<'m, E: Discrete> {
    frontier: Frontier<'m, E>,
    choices: Choices,
}

/// Part of a batch.
struct Shard<'m, E: Discrete> {
    /// What is known of its edges; log Z and log R are not.
    terms: Terms,
    /// None where it took too much memory: the way down begins with scoring it again.
    way_down: Option<WayDown<'m, E>>,
}

/// What the gradient of a shard needs of its scores, all on one tape.
struct WayDown<'m, E: Discrete> {
    passes: Vec<Pass<'m, E>>,
    tape: Box<dyn Tape<E> + 'm>,
}

/// Bytes of tapes that a batch keeps, about: a shard is kept where it and as many of its size as come before it
/// are no more, so that the choice does not depend on threads. What would be beyond is forgotten and computed again
/// for the gradient, a shard for each thread at a time.
const KEPT: usize = 3 << 30;

/// Whether shard number `index` of a batch is kept, whose tape has so many `bytes`.
fn fits(bytes: usize, index: usize) -> bool {
    bytes.saturating_mul(index + 1) <= KEPT
}

impl<'m, E: Discrete> Shard<'m, E> {
    /// Shard number `index` of a batch, that of trajectories with `offsets`.
    fn new(way_down: WayDown<'m, E>, offsets: &[usize], index: usize) -> Self {
        let mut terms = blank(offsets.to_vec(), Vec::new(), Vec::new());
        for pass in &way_down.passes {
            pass.choices.fill(&pass.frontier, 0, &mut terms);
        }
        Self {
            terms,
            way_down: fits(way_down.tape.bytes(), index).then_some(way_down),
        }
    }
}

impl<'m, E: Discrete> WayDown<'m, E> {
    /// Scores `trajectories` on a new tape.
    fn score<M: Model<Env = E>>(
        env: &'m E,
        model: &'m M,
        trajectories: &Trajectories<E>,
    ) -> Result<Self> {
        let frontier = visited(env, trajectories);
        let mut tape = model.tape();
        let choices = Choices::new(&frontier, trajectories, &tape.score(&frontier)?)?;
        Ok(Self {
            passes: vec![Pass { frontier, choices }],
            tape,
        })
    }

    /// The gradient of the parameters from that of the shard's terms, of which edge 0 is number `first`
    /// of the batch.
    fn pull_back(self, first: usize, grad: &TermsGrad) -> Gradients {
        let passes = self.passes.into_iter();
        let grads: Vec<_> = passes
            .map(|pass| {
                let (choices, frontier) = (&pass.choices, &pass.frontier);
                choices.pull_back_from(frontier, first, grad)
            })
            .collect();
        self.tape.pull_back(&grads)
    }
}

/// Trajectories, scored, with the way back to the parameters: from [`record`] or [`record_visited`].
pub struct Recorded<'m, M: Model> {
    env: &'m M::Env,
    model: &'m M,
    trajectories: Trajectories<M::Env>,
    shards: Vec<Shard<'m, M::Env>>,
}

/// Gradients of an objective on recorded trajectories, no longer bound to the model.
pub struct Differentiated {
    parts: Vec<Gradients>,
    loss: Loss,
    terms: Terms,
}

/// Samples `count` trajectories from P_F with some `exploration` and keeps what the gradient needs of
/// the scores that were sampled from: they are computed once for both.
///
/// `conditions` is `[B, C]`, flat. Trajectory `i` draws from `seed.stream(purpose, [step, i])`; the
/// trajectories are those of [`sample`](super::sample).
///
/// # Errors
/// Where the model cannot score or an edge is not listed.
pub fn record<'m, M: Model>(
    env: &'m M::Env,
    model: &'m M,
    exploration: Exploration,
    conditions: &[f32],
    count: usize,
    at: (Seed, &str, u64),
) -> Result<Recorded<'m, M>> {
    let (recorded, _) = record_scored(env, model, exploration, conditions, count, at, |_| ())?;
    Ok(recorded)
}

/// As [`record`], with `[B]` results of `score` on the objects: those of one shard are scored while
/// others are still sampled, over the threads of the current pool.
///
/// # Errors
/// As [`record`].
pub fn record_scored<'m, M: Model, R: Send>(
    env: &'m M::Env,
    model: &'m M,
    exploration: Exploration,
    conditions: &[f32],
    count: usize,
    (seed, purpose, step): (Seed, &str, u64),
    score: impl Fn(&<M::Env as Environment>::State) -> R + Sync,
) -> Result<(Recorded<'m, M>, Vec<R>)> {
    let width = conditions.len().checked_div(count).unwrap_or(0);
    model.lay_out();
    // The way down needs a layout of its own; it is written while the last shards are sampled.
    let also = || model.lay_out_pull_back();
    let shards = in_shards_beside((count, model.shards()), also, |shard| {
        let mut streams = streams(seed, purpose, step, shard.clone());
        let conditions = &conditions[shard.start * width..shard.end * width];
        let mut tape = model.tape();
        let mut scored = Vec::new();
        let mut steps = Vec::new();
        let probabilities = |frontier: &Frontier<'m, M::Env>| {
            let scores = tape.score(frontier)?;
            let pf = Softmax::rows(&frontier.moves, &scores.moves);
            let probs = exploration.probabilities(&frontier.moves, &scores.moves, &pf);
            scored.push((scores, pf));
            Ok(probs)
        };
        let keep = |step| steps.push(step);
        let trajectories = walk(env, conditions, &mut streams, probabilities, keep)?;
        let mut passes = Vec::with_capacity(steps.len());
        for (t, (step, (scores, pf))) in steps.into_iter().zip(scored).enumerate() {
            let offsets = trajectories.states.offsets();
            let edges = step.trajectories.iter().map(|&i| offsets[i] + t).collect();
            let entered = |row: usize| {
                let before = t.checked_sub(1)?;
                Some(&trajectories.moves.row(step.trajectories[row])[before])
            };
            let way = (edges, step.places);
            passes.push(Pass {
                choices: Choices::of_step(&step.frontier, &scores, pf, way, entered)?,
                frontier: step.frontier,
            });
        }
        let way_down = WayDown { passes, tape };
        let index = shard.start / shard_size(count, model.shards());
        let shard = Shard::new(way_down, trajectories.states.offsets(), index);
        let objects = (0..trajectories.len()).into_par_iter();
        let scored: Vec<R> = objects.map(|i| score(trajectories.object(i))).collect();
        Ok((trajectories, shard, scored))
    })?;
    let mut recorded = Recorded {
        env,
        model,
        trajectories: Trajectories::default(),
        shards: Vec::with_capacity(shards.len()),
    };
    let mut scores = Vec::with_capacity(count);
    for (trajectories, shard, scored) in shards {
        recorded.trajectories.extend(trajectories);
        recorded.shards.push(shard);
        scores.extend(scored);
    }
    Ok((recorded, scores))
}

/// Scores `trajectories`, wherever they come from.
///
/// # Errors
/// Where the model cannot score or an edge is not listed.
pub fn record_visited<'m, M: Model>(
    env: &'m M::Env,
    model: &'m M,
    trajectories: &Trajectories<M::Env>,
) -> Result<Recorded<'m, M>> {
    Ok(Recorded {
        env,
        model,
        trajectories: trajectories.clone(),
        shards: visited_shards(env, model, trajectories)?,
    })
}

fn visited_shards<'m, M: Model>(
    env: &'m M::Env,
    model: &'m M,
    trajectories: &Trajectories<M::Env>,
) -> Result<Vec<Shard<'m, M::Env>>> {
    let count = trajectories.len();
    in_shards((count, model.shards()), |which: Range<usize>| {
        let index = which.start / shard_size(count, model.shards());
        let part = slice(trajectories, which);
        let way_down = WayDown::score(env, model, &part)?;
        Ok(Shard::new(way_down, part.states.offsets(), index))
    })
}

impl<M: Model> Recorded<'_, M> {
    /// The trajectories.
    pub fn trajectories(&self) -> &Trajectories<M::Env> {
        &self.trajectories
    }

    /// Adds trajectories from elsewhere, as from a replay buffer.
    ///
    /// # Errors
    /// As [`record_visited`].
    pub fn extend(&mut self, trajectories: Trajectories<M::Env>) -> Result<()> {
        let shards = visited_shards(self.env, self.model, &trajectories)?;
        self.shards.extend(shards);
        self.trajectories.extend(trajectories);
        Ok(())
    }

    /// Forgets what the gradient needs of the scores; it is computed again then. Less memory, more time:
    /// what happens by itself to batches that would keep more than 3 GiB.
    pub fn forget(&mut self) {
        self.shards.iter_mut().for_each(|s| s.way_down = None);
    }

    /// Computes the objective with `[B]` log-rewards, and its gradient.
    ///
    /// `objective` is any function of the terms: `|terms| Objective::TrajectoryBalance.loss(terms)`, or
    /// one's own.
    ///
    /// # Errors
    /// Where a term or the loss is not finite.
    pub fn differentiate(
        self,
        objective: impl FnOnce(&Terms) -> std::result::Result<Loss, CoreError>,
        log_reward: &[f64],
    ) -> Result<Differentiated> {
        let count = self.trajectories.len();
        let (log_z, log_z_pullback) = self
            .model
            .forward_log_z(&self.trajectories.conditions, count)?;
        let offsets = self.trajectories.states.offsets().to_vec();
        let mut terms = blank(offsets, log_z, log_reward.to_vec());
        let (mut trajectory, mut edge) = (0, 0);
        let mut shards = Vec::with_capacity(self.shards.len());
        for shard in self.shards {
            copy_edges(&shard.terms, edge, &mut terms);
            let which = trajectory..trajectory + shard.terms.len();
            (trajectory, edge) = (which.end, edge + shard.terms.log_pf.len());
            shards.push((which, shard.way_down));
        }
        let loss = alert(|| objective(&terms))?;
        let (env, model, trajectories) = (self.env, self.model, &self.trajectories);
        let pull_back = |(which, way_down): (Range<usize>, Option<WayDown<'_, M::Env>>)| {
            let first = trajectories.states.offsets()[which.start];
            let way_down = match way_down {
                Some(way_down) => way_down,
                None => WayDown::score(env, model, &slice(trajectories, which))?,
            };
            Ok(way_down.pull_back(first, &loss.grad))
        };
        let parts = all_hands(shards, || (), pull_back);
        let mut parts = parts.into_iter().collect::<Result<Vec<Gradients>>>()?;
        parts.push(log_z_pullback(&loss.grad.log_z));
        Ok(Differentiated { parts, loss, terms })
    }
}

impl Differentiated {
    /// Takes the optimiser's step.
    ///
    /// # Errors
    /// Where a gradient is not finite. The parameters are unchanged then.
    pub fn apply<M: Model>(self, model: &mut M, optimizer: &mut Adam) -> Result<Progress> {
        let small = model.params().num_values() < ALONE;
        let update = || {
            let norms = optimizer.update_sum(model.params_mut(), self.parts);
            model.lay_out();
            norms
        };
        // A larger one is spread over threads by itself.
        let gradient_norms = if small { alert(update) } else { update() }?;
        Ok(Progress {
            loss: self.loss.value,
            per_trajectory: self.loss.per_trajectory,
            log_z: self.terms.log_z.clone(),
            terms: self.terms,
            gradient_norms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_shards_are_kept_as_fit_together() {
        for bytes in [0, 1, KEPT / 64, KEPT / 3, KEPT, KEPT + 1, usize::MAX] {
            let kept = (0..64).filter(|index| fits(bytes, *index)).count();
            assert!(kept as u128 * bytes as u128 <= KEPT as u128, "{bytes}");
            let all = KEPT.checked_div(bytes).unwrap_or(64).min(64);
            assert_eq!(kept, all, "{bytes}");
        }
    }
}
