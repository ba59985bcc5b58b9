//! Scores of pairs of states: the relative edge flow of s -> s' as a function of both.
//!
//! The SSR parametrisation of Shen et al. 2023 (arXiv 2305.07170): an encoder of single states and a
//! scorer of two encodings. It needs no table of actions and generalises over what an action does.

use std::marker::PhantomData;

use anabranch_core::encode::VectorEncoded;
use anabranch_core::rng::Stream;
use anabranch_core::{Frontier, Move};
use burn::tensor::activation::leaky_relu;
use burn::tensor::{Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::neural::{Leaves, Network, Prepared};
use crate::params::Params;

/// Sizes of a [`Successor`] network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuccessorConfig {
    /// Units in the hidden layers of encoder and scorer.
    pub hidden: usize,
    /// Length of a state's encoding.
    pub encoding: usize,
    /// Whether P_B is learned, by an encoder and a scorer of its own; uniform otherwise.
    pub learned_backward: bool,
    /// Whether there is a flow head on the forward encoding.
    pub flow: bool,
}

/// See the module's description. Stopping is scored from the encoding of the state alone.
pub struct Successor<E> {
    config: SuccessorConfig,
    features: usize,
    conditions: usize,
    env: PhantomData<fn() -> E>,
}

impl<E> Clone for Successor<E> {
    fn clone(&self) -> Self {
        Self {
            env: PhantomData,
            ..*self
        }
    }
}

impl<E: VectorEncoded> Successor<E> {
    /// For `env` with conditioning vectors of length `conditions`.
    pub fn new(env: &E, conditions: usize, config: SuccessorConfig) -> Self {
        Self {
            config,
            features: env.num_features(),
            conditions,
            env: PhantomData,
        }
    }

    fn inputs(&self) -> usize {
        self.features + self.conditions
    }

    fn declare_side(&self, side: &str, params: &mut Params, rng: &mut Stream) {
        let SuccessorConfig {
            hidden, encoding, ..
        } = self.config;
        params.linear(
            &format!("policy.{side}.encoder.0"),
            self.inputs(),
            hidden,
            rng,
        );
        params.linear(&format!("policy.{side}.encoder.1"), hidden, encoding, rng);
        params.linear(
            &format!("policy.{side}.scorer.0"),
            2 * encoding,
            hidden,
            rng,
        );
        params.linear(&format!("policy.{side}.scorer.1"), hidden, 1, rng);
    }

    fn encode(&self, side: &str, leaves: &Leaves, rows: &Rows) -> Tensor<2> {
        let x = leaves.constant(rows.values.clone(), [rows.count, self.inputs()]);
        let h = leaky_relu(leaves.linear(&format!("policy.{side}.encoder.0"), x), SLOPE);
        leaky_relu(leaves.linear(&format!("policy.{side}.encoder.1"), h), SLOPE)
    }

    fn score(&self, side: &str, leaves: &Leaves, z: &Tensor<2>, rows: &Rows) -> Tensor<2> {
        let pick = |places: &[i32]| {
            let count = places.len();
            let places = Tensor::<1, Int>::from_data(
                TensorData::new(places.to_vec(), [count]),
                leaves.device(),
            );
            z.clone().select(0, places)
        };
        let pair = Tensor::cat(vec![pick(&rows.from), pick(&rows.to)], 1);
        let h = leaky_relu(
            leaves.linear(&format!("policy.{side}.scorer.0"), pair),
            SLOPE,
        );
        leaves.linear(&format!("policy.{side}.scorer.1"), h)
    }
}

/// Slope of the activation below zero.
const SLOPE: f64 = 0.01;

/// States to encode and the pairs of them to score.
#[derive(Default)]
struct Rows {
    /// `[count, D + C]` features, the `N` states of the frontier first.
    values: Vec<f32>,
    count: usize,
    /// `[pairs]` row of the state that a pair leaves.
    from: Vec<i32>,
    /// `[pairs]` row of the state that it leads to.
    to: Vec<i32>,
}

impl Rows {
    fn push<E: VectorEncoded>(&mut self, env: &E, state: &E::State, condition: &[f32]) {
        let start = self.values.len();
        let features = env.num_features();
        self.values.resize(start + features, 0.0);
        env.fill_features(state, &mut self.values[start..]);
        self.values.extend_from_slice(condition);
        self.count += 1;
    }

    fn pair(&mut self, from: usize) {
        self.from.push(from as i32);
        self.to.push((self.count - 1) as i32);
    }
}

/// What a [`Successor`] reads.
pub struct Pairs {
    states: usize,
    forward: Rows,
    backward: Option<Rows>,
}

impl<E: VectorEncoded> Network for Successor<E> {
    type Env = E;
    type Batch = Pairs;

    fn declare(&self, params: &mut Params, rng: &mut Stream) {
        self.declare_side("forward", params, rng);
        params.linear("policy.stop", self.config.encoding, 1, rng);
        if self.config.flow {
            params.linear("policy.flow", self.config.encoding, 1, rng);
        }
        if self.config.learned_backward {
            self.declare_side("backward", params, rng);
        }
    }

    fn prepare(&self, frontier: &Frontier<'_, E>) -> Prepared<Pairs> {
        let env = frontier.env;
        let states = frontier.len();
        let mut forward = Rows::default();
        for (row, state) in frontier.states.iter().enumerate() {
            forward.push(env, state, frontier.condition(row));
        }
        let mut backward = Rows {
            values: forward.values.clone(),
            count: states,
            ..Rows::default()
        };
        // Outputs in order: stopping [N, 1], flow [N, 1] if any, moves [pairs, 1], parents [pairs, 1].
        let moves_start = states * (1 + usize::from(self.config.flow));
        let mut moves = Vec::with_capacity(frontier.moves.items().len());
        for (row, state) in frontier.states.iter().enumerate() {
            for edge in frontier.moves.row(row) {
                match *edge {
                    Move::Stop => moves.push(row as u32),
                    Move::Apply(action) => {
                        let mut child = state.clone();
                        env.step(&mut child, action);
                        forward.push(env, &child, frontier.condition(row));
                        moves.push((moves_start + forward.from.len()) as u32);
                        forward.pair(row);
                    }
                }
            }
        }
        let parents_start = moves_start + forward.from.len();
        let mut parents = Vec::with_capacity(frontier.parents.items().len());
        if self.config.learned_backward {
            for (row, state) in frontier.states.iter().enumerate() {
                for &action in frontier.parents.row(row) {
                    let mut parent = state.clone();
                    env.undo(&mut parent, action);
                    backward.push(env, &parent, frontier.condition(row));
                    parents.push((parents_start + backward.from.len()) as u32);
                    backward.pair(row);
                }
            }
        }
        let learned = self.config.learned_backward;
        Prepared {
            batch: Pairs {
                states,
                forward,
                backward: learned.then_some(backward),
            },
            moves,
            parents: learned.then_some(parents),
            log_flow: self
                .config
                .flow
                .then(|| (states..2 * states).map(|i| i as u32).collect()),
        }
    }

    fn outputs(&self, leaves: &Leaves, batch: &Pairs) -> Vec<Tensor<2>> {
        let z = self.encode("forward", leaves, &batch.forward);
        let own = z.clone().narrow(0, 0, batch.states);
        let mut out = vec![leaves.linear("policy.stop", own.clone())];
        if self.config.flow {
            out.push(leaves.linear("policy.flow", own));
        }
        if !batch.forward.from.is_empty() {
            out.push(self.score("forward", leaves, &z, &batch.forward));
        }
        if let Some(rows) = batch.backward.as_ref().filter(|rows| !rows.from.is_empty()) {
            let z = self.encode("backward", leaves, rows);
            out.push(self.score("backward", leaves, &z, rows));
        }
        out
    }
}
