//! The hypergrid with the reward of its corners.

use anabranch_envs::hypergrid::{Corners, Hypergrid, Terminal};
use anabranch_learn::policy::Perceptron;
use anyhow::Result;

use super::perceptron;
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
    let reward = corners(env)?;
    let model = perceptron(&env);
    let log_reward = Box::new(move |cells: &[_]| {
        Ok(cells.iter().map(|cell| reward.reward(cell).ln()).collect())
    });
    Ok(Training::new(env, model, batch, log_reward))
}
