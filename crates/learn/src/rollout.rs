//! Sampling trajectories, forward from the source and backward from objects.

use anabranch_core::rng::Stream;
use anabranch_core::{Discrete, Environment, Frontier, Move, Trajectories};
use rand::RngExt;

use crate::error::Result;
use crate::policy::Policy;
use crate::segment::Softmax;

/// Draws an index with the given probabilities, by inverting the distribution function.
fn draw(probs: &[f64], rng: &mut Stream) -> usize {
    let mut left: f64 = rng.random();
    let mut last = 0;
    for (index, &p) in probs.iter().enumerate() {
        if p > 0.0 {
            last = index;
            if left < p {
                return index;
            }
            left -= p;
        }
    }
    last
}

fn gather(conditions: &[f32], width: usize, rows: &[usize]) -> Vec<f32> {
    rows.iter()
        .flat_map(|&row| &conditions[row * width..(row + 1) * width])
        .copied()
        .collect()
}

/// One step of all trajectories that are under way.
pub(crate) struct Step<'a, E: Discrete> {
    /// Their states, every one after as many moves as there were steps before.
    pub(crate) frontier: Frontier<'a, E>,
    /// `[N]` the trajectory of each state.
    pub(crate) trajectories: Vec<usize>,
    /// `[N]` place of the move taken among the state's moves.
    pub(crate) places: Vec<usize>,
}

/// Samples one trajectory for each stream, `probabilities` giving those of the moves (`[M]`) of each
/// step; each step is handed to `after`.
pub(crate) fn walk<'a, E: Discrete>(
    env: &'a E,
    conditions: &[f32],
    streams: &mut [Stream],
    mut probabilities: impl FnMut(&Frontier<'a, E>) -> Result<Vec<f64>>,
    mut after: impl FnMut(Step<'a, E>),
) -> Result<Trajectories<E>> {
    type Path<E> = (
        Vec<<E as Environment>::State>,
        Vec<Move<<E as Environment>::Action>>,
    );
    let count = streams.len();
    let width = conditions.len().checked_div(count).unwrap_or(0);
    let mut paths: Vec<Path<E>> = vec![(Vec::new(), Vec::new()); count];
    let mut current = vec![env.source(); count];
    let mut active: Vec<usize> = (0..count).collect();
    while !active.is_empty() {
        let states = active.iter().map(|&i| current[i].clone()).collect();
        let frontier = Frontier::new(env, states, gather(conditions, width, &active));
        let probs = probabilities(&frontier)?;
        let mut places = Vec::with_capacity(active.len());
        let mut going = Vec::with_capacity(active.len());
        for (row, &i) in active.iter().enumerate() {
            let place = draw(&probs[frontier.moves.range(row)], &mut streams[i]);
            let chosen = frontier.moves.row(row)[place];
            places.push(place);
            paths[i].0.push(current[i].clone());
            paths[i].1.push(chosen);
            if let Move::Apply(action) = chosen {
                env.step(&mut current[i], action);
                going.push(i);
            }
        }
        after(Step {
            frontier,
            trajectories: active,
            places,
        });
        active = going;
    }
    let mut out = Trajectories::default();
    for (i, (states, moves)) in paths.into_iter().enumerate() {
        out.push(states, moves, &conditions[i * width..(i + 1) * width]);
    }
    Ok(out)
}

/// One trajectory for each stream, sampled from P_F.
///
/// `conditions` is `[B, C]`, flat. A trajectory's draws come from its own stream only, so what it
/// becomes does not depend on the others in its batch.
///
/// # Errors
/// Where the policy cannot score.
pub fn rollout<P: Policy>(
    env: &P::Env,
    policy: &P,
    conditions: &[f32],
    streams: &mut [Stream],
) -> Result<Trajectories<P::Env>> {
    let probabilities = |frontier: &Frontier<'_, P::Env>| {
        let scores = policy.scores(frontier)?;
        Ok(Softmax::rows(&frontier.moves, &scores.moves).probs)
    };
    walk(env, conditions, streams, probabilities, drop)
}

/// One trajectory for each object, sampled from P_B back to the source and returned forward.
///
/// # Errors
/// Where the policy cannot score.
pub fn rollout_backward<P: Policy>(
    env: &P::Env,
    policy: &P,
    objects: &[<P::Env as Environment>::State],
    conditions: &[f32],
    streams: &mut [Stream],
) -> Result<Trajectories<P::Env>> {
    let count = objects.len();
    let width = conditions.len().checked_div(count).unwrap_or(0);
    let mut current = objects.to_vec();
    let mut paths: Vec<_> = objects
        .iter()
        .map(|object| (vec![object.clone()], vec![Move::Stop]))
        .collect();
    let mut active: Vec<usize> = (0..count).collect();
    loop {
        let source = env.source();
        active.retain(|&i| current[i] != source);
        if active.is_empty() {
            break;
        }
        let states = active.iter().map(|&i| current[i].clone()).collect();
        let frontier = Frontier::new(env, states, gather(conditions, width, &active));
        let scores = policy.scores(&frontier)?;
        let uniform = || vec![0.0; frontier.parents.items().len()];
        let parents = scores.parents.unwrap_or_else(uniform);
        let pb = Softmax::rows(&frontier.parents, &parents).probs;
        for (row, &i) in active.iter().enumerate() {
            let choice = draw(&pb[frontier.parents.range(row)], &mut streams[i]);
            let action = frontier.parents.row(row)[choice];
            env.undo(&mut current[i], action);
            paths[i].0.push(current[i].clone());
            paths[i].1.push(Move::Apply(action));
        }
    }
    let mut out = Trajectories::default();
    for (i, (mut states, mut moves)) in paths.into_iter().enumerate() {
        states.reverse();
        moves.reverse();
        // Reversed, the first move is the last one undone and leaves the source: already in order.
        out.push(states, moves, &conditions[i * width..(i + 1) * width]);
    }
    Ok(out)
}
