//! Thompson sampling by bootstrapped heads (Rector-Brooks et al. 2023, arXiv 2306.17693).
//!
//! A network with K forward heads on one trunk ([`Mlp::with_heads`](crate::policy::Mlp::with_heads))
//! reads the head of each trajectory as the last value of its conditioning vector. Each trajectory is
//! sampled with one head and trains each head with a probability of its own.

use anabranch_core::rng::Stream;
use anabranch_core::{Environment, Trajectories};
use rand::RngExt;

/// `[count]` conditioning vectors of one value: the head that samples each trajectory, drawn alike.
pub fn draw_heads(count: usize, heads: usize, rng: &mut Stream) -> Vec<f32> {
    (0..count)
        .map(|_| rng.random_range(0..heads) as f32)
        .collect()
}

/// The pairs of trajectories and heads to train on: each trajectory trains each head with probability
/// `p`, and the head that sampled it where none was drawn, so that none is lost. Returns the
/// trajectories, once for each of their heads, and the index of each in `sampled`.
pub fn bootstrap<E: Environment>(
    sampled: &Trajectories<E>,
    heads: usize,
    p: f64,
    rng: &mut Stream,
) -> (Trajectories<E>, Vec<usize>) {
    let mut out = Trajectories::default();
    let mut origins = Vec::new();
    for i in 0..sampled.len() {
        let mut chosen: Vec<usize> = (0..heads).filter(|_| rng.random::<f64>() < p).collect();
        let condition = sampled.condition(i);
        let (last, others) = condition
            .split_last()
            .expect("trajectories of a network with heads carry their head");
        if chosen.is_empty() {
            chosen.push(*last as usize);
        }
        for head in chosen {
            let mut condition = others.to_vec();
            condition.push(head as f32);
            let states = sampled.states.row(i).to_vec();
            out.push(states, sampled.moves.row(i).to_vec(), &condition);
            origins.push(i);
        }
    }
    (out, origins)
}
