//! The landscapes on which objectives are compared by exact total variation.

use anabranch_envs::hypergrid::{Cell, Hypergrid, Terminal};
use anabranch_envs::landscape::Landscape;
use anabranch_envs::sequence::{AppendSequence, Letters};

use super::{Contest, Exact, Learner};
use crate::context::Context;

/// Trajectories in a quick run.
const QUICK: u64 = 320;

/// Trains each of `learners` on the grid of `dims` dimensions of `side` cells with rewards in its
/// corners and `r0` elsewhere, and records its total variation as "TV TB".
///
/// # Errors
/// Where training fails, and where the run was interrupted.
pub fn corner_grid(
    context: &mut Context<'_>,
    claim: &str,
    (dims, side, r0): (usize, usize, f64),
    trajectories: u64,
    learners: &[Learner],
) -> anyhow::Result<()> {
    let grid = Hypergrid::new(dims, side, Terminal::All)?;
    let reward = grid.corners(r0)?;
    let log_reward = |cell: &Cell| reward.reward(cell).ln();
    let contest = Contest {
        exact: &Exact::new(&grid, log_reward)?,
        env: &grid,
        log_reward,
        name: &format!("{dims}-D grid of {side}"),
        trajectories: context.scaled(trajectories, QUICK),
    };
    for &learner in learners {
        let tv = contest.run(context, learner)?.total_variation;
        context.record(claim, &format!("TV {}", learner.name()), tv);
    }
    Ok(())
}

/// Trains each of `learners` on a random landscape over sequences of `length` out of 4 letters, another
/// one for each seed, and records its total variation as "TV TB" with `prefix` before it.
///
/// # Errors
/// Where training fails, and where the run was interrupted.
pub fn random_sequences(
    context: &mut Context<'_>,
    (claim, prefix): (&str, &str),
    length: usize,
    trajectories: u64,
    learners: &[Learner],
) -> anyhow::Result<()> {
    let env = AppendSequence::new(4, length)?;
    let landscape = Landscape::new(4, length, context.seed())?;
    let log_reward = |x: &Letters| landscape.reward(x).map_or(f64::NAN, f64::ln);
    let contest = Contest {
        exact: &Exact::new(&env, log_reward)?,
        env: &env,
        log_reward,
        name: &format!("length {length}"),
        trajectories: context.scaled(trajectories, QUICK),
    };
    for &learner in learners {
        let tv = contest.run(context, learner)?.total_variation;
        context.record(claim, &format!("{prefix}TV {}", learner.name()), tv);
    }
    Ok(())
}
