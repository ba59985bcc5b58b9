//! The hypergrid with the reward of its corners.

use anabranch_core::Seed;
use anabranch_envs::hypergrid::{Corners, Hypergrid, Terminal};
use anabranch_learn::policy::{Mlp, Model, Neural, Perceptron};
use anyhow::Result;

use super::{NETWORK, perceptron};
use crate::training::Training;

/// R = 0.1, 0.5 more in the outer region and 2 more at the modes: the reward of torchgfn's example.
pub(super) fn corners(grid: Hypergrid) -> Result<Corners> {
    Ok(Corners::new(grid, 0.1, 0.5, 2.0)?)
}

/// A perceptron in training on `side`^`dims` cells.
///
/// # Errors
/// Sizes out of range.
pub fn hypergrid(
    dims: usize,
    side: usize,
    batch: usize,
) -> Result<Training<Perceptron<Hypergrid>>> {
    let env = Hypergrid::new(dims, side, Terminal::All)?;
    train(env, perceptron(&env), batch)
}

/// The same network on burn, from the same weights.
///
/// # Errors
/// Sizes out of range.
pub fn hypergrid_on_burn(
    dims: usize,
    side: usize,
    batch: usize,
) -> Result<Training<Neural<Mlp<Hypergrid>>>> {
    let env = Hypergrid::new(dims, side, Terminal::All)?;
    let mut rng = Seed::new(1).stream("init", &[]);
    let model = Neural::new(Mlp::new(&env, 0, NETWORK), 0, 0.0, &mut rng);
    train(env, model, batch)
}

fn train<M: Model<Env = Hypergrid>>(env: Hypergrid, model: M, batch: usize) -> Result<Training<M>> {
    let reward = corners(env)?;
    let log_reward = Box::new(move |cells: &[_]| {
        Ok(cells.iter().map(|cell| reward.reward(cell).ln()).collect())
    });
    Ok(Training::new(env, model, batch, log_reward))
}
