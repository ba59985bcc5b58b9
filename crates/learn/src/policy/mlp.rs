//! Multilayer perceptron over a fixed table of actions.

use std::marker::PhantomData;

use anabranch_core::encode::VectorEncoded;
use anabranch_core::rng::Stream;
use anabranch_core::{Frontier, Move};
use burn::tensor::Tensor;
use burn::tensor::activation::leaky_relu;
use serde::{Deserialize, Serialize};

use super::neural::{Leaves, Network, Prepared};
use crate::params::Params;

/// Sizes of an [`Mlp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MlpConfig {
    /// Units in each hidden layer.
    pub hidden: usize,
    /// Number of hidden layers.
    pub layers: usize,
    /// Whether P_B is learned; uniform otherwise.
    pub learned_backward: bool,
    /// Whether forward, backward and flow heads stand on one trunk.
    pub shared_trunk: bool,
    /// Whether there is a flow head.
    pub flow: bool,
}

/// Forward, backward and flow heads on one trunk, or each on its own, LeakyReLU(0.01) between layers.
pub struct Mlp<E> {
    config: MlpConfig,
    features: usize,
    conditions: usize,
    actions: usize,
    forward_heads: usize,
    env: PhantomData<fn() -> E>,
}

impl<E> Clone for Mlp<E> {
    fn clone(&self) -> Self {
        Self {
            env: PhantomData,
            ..*self
        }
    }
}

impl<E: VectorEncoded> Mlp<E> {
    /// For `env` with conditioning vectors of length `conditions`.
    pub fn new(env: &E, conditions: usize, config: MlpConfig) -> Self {
        Self {
            config,
            features: env.num_features(),
            conditions,
            actions: env.num_actions(),
            forward_heads: 1,
            env: PhantomData,
        }
    }

    /// The same with `heads` forward heads on one trunk. The last value of each conditioning vector,
    /// which `conditions` counts, is then the number of the head that scores its trajectory; the
    /// network does not read it.
    ///
    /// # Panics
    /// If there are no heads, or no condition to name them.
    pub fn with_heads(self, heads: usize) -> Self {
        assert!(
            heads > 0 && self.conditions > 0,
            "the last condition names the head"
        );
        Self {
            forward_heads: heads,
            ..self
        }
    }

    /// Length of a row of inputs.
    fn inputs(&self) -> usize {
        self.features + self.conditions - usize::from(self.forward_heads > 1)
    }

    /// (name, outputs) of each head.
    pub(crate) fn heads(&self) -> Vec<(&'static str, usize)> {
        let mut heads = vec![("forward", self.forward_heads * (self.actions + 1))];
        if self.config.learned_backward {
            heads.push(("backward", self.actions));
        }
        if self.config.flow {
            heads.push(("flow", 1));
        }
        heads
    }

    pub(crate) fn trunk_name(&self, head: &'static str) -> &'static str {
        if self.config.shared_trunk {
            "trunk"
        } else {
            head
        }
    }
}

/// `[N, D + C]` features.
pub struct Rows {
    values: Vec<f32>,
    count: usize,
}

impl<E: VectorEncoded> Network for Mlp<E> {
    type Env = E;
    type Batch = Rows;

    fn declare(&self, params: &mut Params, rng: &mut Stream) {
        let mut trunks = Vec::new();
        for (head, _) in self.heads() {
            let trunk = self.trunk_name(head);
            if trunks.contains(&trunk) {
                continue;
            }
            trunks.push(trunk);
            let mut inputs = self.inputs();
            for layer in 0..self.config.layers {
                params.linear(
                    &format!("policy.{trunk}.{layer}"),
                    inputs,
                    self.config.hidden,
                    rng,
                );
                inputs = self.config.hidden;
            }
        }
        let width = if self.config.layers == 0 {
            self.inputs()
        } else {
            self.config.hidden
        };
        for (head, outputs) in self.heads() {
            params.linear(&format!("policy.{head}.head"), width, outputs, rng);
        }
    }

    fn prepare(&self, frontier: &Frontier<'_, E>) -> Prepared<Rows> {
        let count = frontier.len();
        let width = self.inputs();
        let mut values = vec![0.0; count * width];
        for (row, state) in frontier.states.iter().enumerate() {
            let (features, condition) =
                values[row * width..(row + 1) * width].split_at_mut(self.features);
            frontier.env.fill_features(state, features);
            condition.copy_from_slice(&frontier.condition(row)[..width - self.features]);
        }
        let head = |row: usize| match self.forward_heads {
            1 => 0,
            heads => frontier
                .condition(row)
                .last()
                .map_or(0, |&h| h as usize)
                .min(heads - 1),
        };
        let forward = self.forward_heads * (self.actions + 1);
        let mut moves = Vec::with_capacity(frontier.moves.items().len());
        let mut parents = Vec::with_capacity(frontier.parents.items().len());
        let backward_start = count * forward;
        for row in 0..count {
            let first = row * forward + head(row) * (self.actions + 1);
            for edge in frontier.moves.row(row) {
                let column = match *edge {
                    Move::Apply(action) => frontier.env.action_index(action),
                    Move::Stop => self.actions,
                };
                moves.push((first + column) as u32);
            }
            for &action in frontier.parents.row(row) {
                let column = frontier.env.action_index(action);
                parents.push((backward_start + row * self.actions + column) as u32);
            }
        }
        let flow_start = backward_start
            + if self.config.learned_backward {
                count * self.actions
            } else {
                0
            };
        Prepared {
            batch: Rows { values, count },
            moves,
            parents: self.config.learned_backward.then_some(parents),
            log_flow: self
                .config
                .flow
                .then(|| (0..count).map(|row| (flow_start + row) as u32).collect()),
        }
    }

    fn outputs(&self, leaves: &Leaves, batch: &Rows) -> Vec<Tensor<2>> {
        let width = self.inputs();
        let x = leaves.constant(batch.values.clone(), [batch.count, width]);
        let climb = |trunk: &str| {
            (0..self.config.layers).fold(x.clone(), |h, layer| {
                leaky_relu(leaves.linear(&format!("policy.{trunk}.{layer}"), h), 0.01)
            })
        };
        let shared = self.config.shared_trunk.then(|| climb("trunk"));
        self.heads()
            .into_iter()
            .map(|(head, _)| {
                let h = shared.clone().unwrap_or_else(|| climb(head));
                leaves.linear(&format!("policy.{head}.head"), h)
            })
            .collect()
    }
}
