//! The rewards of arXiv 2402.05309, section 3, as log R in nats; all but noise lie in -10 to 0.

use std::collections::HashMap;

use anabranch_core::rng::Stream;
use anabranch_core::{Reward, RewardError, Seed};
use rand::RngExt;
use rand::seq::SliceRandom;

use super::ColouredGraph;
use super::graph::members;
use crate::EnvError;

/// A reward that can be computed from a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphReward {
    /// log R = 0.
    Constant,
    /// log R = -10/4 |n_0 + n_1 / 2 - 3| where n_c nodes have colour c.
    Count,
    /// log R = 10/7 (T - n) for more than three nodes and -50/7 for others. T counts the nodes for which
    /// the number of neighbours of the other colour is even, less those for which it is 0.
    Neighbors,
    /// log R = max(-10, S - (sum over maximal cliques of their sizes) + n - 1). S counts the maximal
    /// cliques of four nodes, as 1 where three share a colour and as 1/2 where not.
    Cliques,
}

impl GraphReward {
    /// log R in nats.
    pub fn log_reward_of(self, graph: &ColouredGraph) -> f64 {
        match self {
            Self::Constant => 0.0,
            Self::Count => {
                let ones = graph.num_ones() as f64;
                let zeros = graph.num_nodes() as f64 - ones;
                -2.5 * (zeros + 0.5 * ones - 3.0).abs()
            }
            Self::Neighbors => neighbors(graph),
            Self::Cliques => cliques(graph),
        }
    }
}

impl Reward<ColouredGraph> for GraphReward {
    fn log_reward(&self, objects: &[ColouredGraph]) -> Result<Vec<f64>, RewardError> {
        Ok(objects
            .iter()
            .map(|graph| self.log_reward_of(graph))
            .collect())
    }
}

fn neighbors(graph: &ColouredGraph) -> f64 {
    let n = graph.num_nodes();
    if n <= 3 {
        return -50.0 / 7.0;
    }
    let masks = graph.neighbours();
    // An even number counts 1 and none, being even, 1 - 1.
    let term = |node: usize| {
        let others = members(masks[node]).filter(|&i| graph.colour(i) != graph.colour(node));
        let count = others.count();
        usize::from(count > 0 && count.is_multiple_of(2))
    };
    let total: usize = (0..n).map(term).sum();
    10.0 / 7.0 * (total as f64 - n as f64)
}

fn cliques(graph: &ColouredGraph) -> f64 {
    let n = graph.num_nodes();
    let masks = graph.neighbours();
    let (mut score, mut sizes) = (0.0, 0);
    for set in 1_u8..(1 << n) {
        let within = |i: usize| set & !masks[i] == 1 << i;
        let common = members(set).fold(u8::MAX, |common, i| common & masks[i]);
        if !members(set).all(within) || common != 0 {
            continue;
        }
        let size = set.count_ones();
        sizes += size;
        if size == 4 {
            let ones = members(set).filter(|&i| graph.colour(i) == 1).count();
            score += if ones == 2 { 0.5 } else { 1.0 };
        }
    }
    (score - f64::from(sizes) + n as f64 - 1.0).max(-10.0)
}

/// log R read from a list, for rewards that belong to a whole space and not to a graph.
#[derive(Clone, Debug)]
pub struct Listed {
    values: HashMap<ColouredGraph, f64>,
}

impl Listed {
    /// `log_reward` `[N]` in nats of the `graphs` `[N]`.
    ///
    /// # Errors
    /// Lengths that differ, or a value that is not finite.
    pub fn new(graphs: &[ColouredGraph], log_reward: &[f64]) -> Result<Self, EnvError> {
        if graphs.len() != log_reward.len() {
            return Err(EnvError::BadData {
                reason: format!(
                    "{} rewards for {} graphs; give one each",
                    log_reward.len(),
                    graphs.len()
                ),
            });
        }
        if let Some((graph, value)) = graphs.iter().zip(log_reward).find(|(_, v)| !v.is_finite()) {
            return Err(EnvError::BadData {
                reason: format!("log R of {graph:?} is {value}; it must be finite"),
            });
        }
        let values = graphs.iter().copied().zip(log_reward.iter().copied());
        Ok(Self {
            values: values.collect(),
        })
    }
}

impl Reward<ColouredGraph> for Listed {
    fn log_reward(&self, objects: &[ColouredGraph]) -> Result<Vec<f64>, RewardError> {
        let value = |graph: &ColouredGraph| {
            self.values
                .get(graph)
                .copied()
                .ok_or_else(|| RewardError::Failed {
                    object: format!("{graph:?}"),
                    reason: "it is not in the list of rewards; list every graph".to_owned(),
                })
        };
        objects.iter().map(value).collect()
    }
}

/// `[N]` the values of `log_reward` `[N]` in a random order.
pub fn shuffled(log_reward: &[f64], seed: Seed) -> Vec<f64> {
    let mut out = log_reward.to_vec();
    out.shuffle(&mut seed.stream("shuffled_reward", &[]));
    out
}

/// `[N]` the values of `log_reward` `[N]`, each with noise N(0, `deviation`^2).
pub fn corrupted(log_reward: &[f64], deviation: f64, seed: Seed) -> Vec<f64> {
    let mut stream = seed.stream("corrupted_reward", &[]);
    let turn = 2.0 * std::f64::consts::PI;
    let mut noise = || rayleigh(&mut stream) * (turn * stream.random::<f64>()).cos();
    log_reward.iter().map(|r| r + deviation * noise()).collect()
}

/// `[N]` log R exp(-lambda log R), scaled so that the least value stays the least value. `lambda` 0
/// changes nothing, more of it moves the rewards between towards the greatest.
///
/// # Errors
/// A `lambda` that is negative or not finite, a value above 0, or rewards that are all 0, whose scale
/// is not defined.
pub fn skewed(log_reward: &[f64], lambda: f64) -> Result<Vec<f64>, EnvError> {
    if !(lambda.is_finite() && lambda >= 0.0) {
        return Err(EnvError::out_of_range(
            "lambda",
            lambda,
            "finite and not negative",
        ));
    }
    let least = log_reward.iter().copied().fold(0.0, f64::min);
    if least == 0.0 || log_reward.iter().any(|&r| r.is_nan() || r > 0.0) {
        return Err(EnvError::BadData {
            reason: "log R must not be above 0 and somewhere below it to be skewed".to_owned(),
        });
    }
    // exp(-lambda log R) / exp(-lambda least), in one exponential so that it does not overflow.
    let skew = |&r: &f64| r * (lambda * (least - r)).exp();
    Ok(log_reward.iter().map(skew).collect())
}

/// `[count]` values that nothing can be learned of: minus a Rayleigh number of scale 2.6, or, `sparse`,
/// that number less 10; between -10 and 0.
pub fn skewed_random(count: usize, sparse: bool, seed: Seed) -> Vec<f64> {
    let mut stream = seed.stream("skewed_random_reward", &[]);
    let value = |_| {
        let x = 2.6 * rayleigh(&mut stream);
        let value = if sparse { x - 10.0 } else { -x };
        value.clamp(-10.0, 0.0)
    };
    (0..count).map(value).collect()
}

/// A Rayleigh number of scale 1.
fn rayleigh(stream: &mut Stream) -> f64 {
    (-2.0 * (1.0 - stream.random::<f64>()).ln()).sqrt()
}
