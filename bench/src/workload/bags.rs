//! Bags of a given size: trajectories of a given length whose states cost the same at every length.

use anabranch_envs::bag::Bags;
use anabranch_learn::policy::Perceptron;
use anyhow::Result;

use super::perceptron;
use crate::training::Training;

/// Letters of the alphabet, those of Shen et al. 2023 (arXiv 2305.07170).
const LETTERS: usize = 7;

/// A perceptron in training on bags of `size` letters; every bag is worth the same.
pub(super) fn bags(size: usize, batch: usize) -> Result<Training<Perceptron<Bags>>> {
    let env = Bags::new(LETTERS, size)?;
    let model = perceptron(&env);
    let log_reward = Box::new(|objects: &[_]| Ok(vec![0.0; objects.len()]));
    Ok(Training::new(env, model, batch, log_reward))
}
