//! Eight nucleotides from left to right, as in TFBind8; the measured table is left out.

use anabranch_envs::sequence::{AppendSequence, Letters};
use anabranch_learn::policy::Perceptron;
use anyhow::Result;

use super::perceptron;
use crate::training::Training;

const LETTERS: usize = 4;
const LENGTH: usize = 8;

/// A perceptron in training on the 65,536 sequences.
///
/// The rewards are invented, spread as TFBind8's are, so that no data file is needed: what a step costs
/// does not depend on them. The scripts in `bench/peers` have the same ones.
pub(super) fn tfbind8(batch: usize) -> Result<Training<Perceptron<AppendSequence>>> {
    let env = AppendSequence::new(LETTERS, LENGTH)?;
    let model = perceptron(&env);
    let rewards: Vec<f64> = (0..LETTERS.pow(LENGTH as u32)).map(log_reward).collect();
    let look_up = Box::new(move |objects: &[Letters]| {
        Ok(objects.iter().map(|x| rewards[number(x)]).collect())
    });
    Ok(Training::new(env, model, batch, look_up))
}

fn number(sequence: &Letters) -> usize {
    let letters = sequence.as_slice().iter();
    letters.fold(0, |sum, &letter| sum * LETTERS + usize::from(letter))
}

/// log R of the sequence at `number`: 10 u^3 of a u that is spread evenly over 0 to 1, at least 0.001.
fn log_reward(number: usize) -> f64 {
    let spread = (number as f64 * 0.618_033_988_749_895).fract();
    (10.0 * spread.powi(3)).max(1e-3).ln()
}
