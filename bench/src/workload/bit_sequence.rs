//! Bit sequences: words in any order beside gfnx, and bit by bit for trajectories of a given length.

use anabranch_core::{Reward, Seed};
use anabranch_envs::bit_sequence::{AnyOrderBits, BitSequence, Distance, NearestMode};
use anabranch_learn::optim::AdamConfig;
use anabranch_learn::policy::{Perceptron, SequenceTransformer, SequenceTransformerConfig};
use anyhow::Result;

use super::perceptron;
use crate::training::Training;

/// Modes of gfnx's `tb_bitseq`, and the exponent of its reward.
const MODES: (usize, f64) = (60, 3.0);

/// gfnx's `tb_bitseq`: words in any order, transformer of 3 layers, 64 wide, 8 heads, hidden layers as wide
/// as a token; uniform P_B; AdamW with a decay of 1e-5, 1e-3 for the policy and 0.05 for log Z.
pub(super) fn any_order(
    bits: usize,
    word: usize,
    batch: usize,
) -> Result<Training<SequenceTransformer<AnyOrderBits>>> {
    let env = AnyOrderBits::new(bits, word)?;
    let modes = env.sequence().modes(MODES.0, Seed::new(2))?;
    let reward = env.reward(NearestMode::normalised(modes, Distance::Hamming, MODES.1)?);
    let config = SequenceTransformerConfig {
        feed_forward: 64,
        ..SequenceTransformerConfig::default()
    };
    let mut rng = Seed::new(1).stream("init", &[]);
    let model = SequenceTransformer::new(&env, 0, config, 0.0, &mut rng);
    let log_reward = Box::new(move |objects: &[_]| Ok(reward.log_reward(objects)?));
    let adam = AdamConfig {
        weight_decay: 1e-5,
        ..AdamConfig::with_rates(1e-3, 0.05)
    };
    Ok(Training::new(env, model, batch, log_reward).with_optimizer(adam))
}

/// A perceptron in training on sequences of `bits` bits, one a move; every sequence is worth the same.
pub(super) fn left_to_right(
    bits: usize,
    batch: usize,
) -> Result<Training<Perceptron<BitSequence>>> {
    let env = BitSequence::new(bits, 1)?;
    let model = perceptron(&env);
    let log_reward = Box::new(|objects: &[_]| Ok(vec![0.0; objects.len()]));
    Ok(Training::new(env, model, batch, log_reward))
}
