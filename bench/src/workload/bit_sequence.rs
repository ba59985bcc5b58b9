//! Bit sequences: words in any order beside gfnx, and bit by bit for trajectories of a given length.

use anabranch_envs::bit_sequence::BitSequence;
use anabranch_learn::policy::Perceptron;
use anyhow::{Result, bail};

use super::{Workload, perceptron};
use crate::training::Training;

/// gfnx's `tb_bitseq`: words in any order, transformer of 3 layers, 64 wide, 8 heads.
///
/// The place of our side. It wants `AnyOrderBits::new(bits, word)` with `NearestMode` over 60 modes, a
/// transformer over the words as its model, and `Training::new` of both.
pub(super) fn any_order(_bits: usize, _word: usize, _batch: usize) -> Result<Box<dyn Workload>> {
    bail!("not there yet: this library has no transformer over sequences")
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
