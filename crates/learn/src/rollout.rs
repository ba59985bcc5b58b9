//! Sampling trajectories, forward from the source and backward from objects.

use anabranch_core::rng::Stream;
use anabranch_core::{Environment, Frontier, Move, Trajectories};
use rand::RngExt;

use crate::error::Result;
use crate::policy::Policy;
use crate::segment::log_softmax_rows;

/// Draws an index with probability exp(log_probs), by inverting the distribution function.
fn draw(log_probs: &[f64], rng: &mut Stream) -> usize {
    let mut left: f64 = rng.random();
    let mut last = 0;
    for (index, log_p) in log_probs.iter().enumerate() {
        let p = log_p.exp();
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
    type Path<E> = (
        Vec<<E as Environment>::State>,
        Vec<Move<<E as Environment>::Action>>,
    );
    let count = streams.len();
    let width = conditions.len().checked_div(count).unwrap_or(0);
    let mut paths: Vec<Path<P::Env>> = vec![(Vec::new(), Vec::new()); count];
    let mut current = vec![env.source(); count];
    let mut active: Vec<usize> = (0..count).collect();
    while !active.is_empty() {
        let states = active.iter().map(|&i| current[i].clone()).collect();
        let frontier = Frontier::new(env, states, gather(conditions, width, &active));
        let scores = policy.scores(&frontier)?;
        let log_pf = log_softmax_rows(&frontier.moves, &scores.moves);
        let mut going = Vec::with_capacity(active.len());
        for (row, &i) in active.iter().enumerate() {
            let choice = draw(&log_pf[frontier.moves.range(row)], &mut streams[i]);
            let chosen = frontier.moves.row(row)[choice];
            paths[i].0.push(current[i].clone());
            paths[i].1.push(chosen);
            if let Move::Apply(action) = chosen {
                env.step(&mut current[i], action);
                going.push(i);
            }
        }
        active = going;
    }
    let mut out = Trajectories::default();
    for (i, (states, moves)) in paths.into_iter().enumerate() {
        out.push(states, moves, &conditions[i * width..(i + 1) * width]);
    }
    Ok(out)
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
        let log_pb = log_softmax_rows(&frontier.parents, &scores.parents.unwrap_or_else(uniform));
        for (row, &i) in active.iter().enumerate() {
            let choice = draw(&log_pb[frontier.parents.range(row)], &mut streams[i]);
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
