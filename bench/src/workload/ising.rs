//! The Ising model with fixed couplings, as in torchgfn's comparison of libraries.

use anabranch_core::Reward;
use anabranch_envs::ising::Ising;
use anabranch_envs::slots::Slots;
use anabranch_learn::policy::Perceptron;
use anyhow::Result;

use super::perceptron;
use crate::training::Training;

/// s^T (sigma A) s with sigma = 0.2 counts each bond twice.
const COUPLING: f64 = 0.4;

/// A perceptron in training on `side` x `side` spins.
pub(super) fn ising(side: usize, batch: usize) -> Result<Training<Perceptron<Slots>>> {
    let reward = Ising::new(side, COUPLING)?;
    let env = reward.env();
    let model = perceptron(&env);
    let log_reward = Box::new(move |objects: &[_]| Ok(reward.log_reward(objects)?));
    Ok(Training::new(env, model, batch, log_reward))
}
