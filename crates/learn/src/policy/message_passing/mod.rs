//! Message passing over small graphs whose nodes and edges carry the actions: a cheap network that does
//! not see the order of nodes.
//!
//! A round sends along each directed edge LeakyReLU(source + target + features), linear in the states of
//! the two ends and in an embedding of the edge's features, so that edges of different features are
//! messages of different types. A node adds up what comes in and moves by LeakyReLU of a linear layer on
//! its state and that sum. The graph is the sum of its nodes, beside the condition. Stopping and log
//! F(s) are scored from the graph, node actions from node and graph, edge actions from the sum of both
//! ends, the edge's features and the graph.
//!
//! Computed by hand like the [perceptron](super::perceptron): all graphs of a batch are rows of the same
//! matrices, equal graphs are computed once, and the backward pass is written out.

mod batch;
mod blend;
mod gradient;
mod layers;
mod network;
mod pass;

use std::marker::PhantomData;

use anabranch_core::Frontier;
use anabranch_core::encode::GraphEncoded;
use anabranch_core::rng::Stream;
use serde::{Deserialize, Serialize};

use self::batch::{Batch, Slot};
use self::network::Network;
use self::pass::Outputs;
use super::log_z::LogZ;
use super::{LogZPullback, Model, Policy, Pullback, Scores, ScoresGrad};
use crate::error::{LearnError, Result};
use crate::params::Params;

/// Sizes of a [`MessagePassing`] network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MessagePassingConfig {
    /// Width of a node's state.
    pub width: usize,
    /// Rounds of messages.
    pub rounds: usize,
    /// Whether P_B is learned; uniform otherwise.
    pub learned_backward: bool,
    /// Whether there is a flow head.
    pub flow: bool,
    /// Whether an action at an edge depends on which end the edge leaves, as when it changes that end.
    ///
    /// Without, both directions of an edge with equal features have equal scores: right where one of the
    /// two stands for an undirected pair, as then the choice between them must not matter.
    pub directed: bool,
}

impl Default for MessagePassingConfig {
    fn default() -> Self {
        Self {
            width: 32,
            rounds: 3,
            learned_backward: false,
            flow: false,
            directed: false,
        }
    }
}

/// A message passing network with its parameters and a log Z of the condition.
pub struct MessagePassing<E> {
    network: Network,
    learned_backward: bool,
    flow: bool,
    log_z: LogZ,
    env: PhantomData<fn() -> E>,
}

impl<E: GraphEncoded> MessagePassing<E> {
    /// Draws the first weights. `conditions` is `C`, the length of a conditioning vector, and `log_z`
    /// the first value of log Z in nats.
    ///
    /// # Panics
    /// If the width is zero.
    pub fn new(
        env: &E,
        conditions: usize,
        config: MessagePassingConfig,
        log_z: f64,
        rng: &mut Stream,
    ) -> Self {
        assert!(config.width > 0, "a state has at least one number");
        let mut network = Network::new(env.graph_shape(), conditions, config, rng);
        let log_z = LogZ::declare(conditions, log_z, network.params_mut(), rng);
        Self {
            network,
            learned_backward: config.learned_backward,
            flow: config.flow,
            log_z,
            env: PhantomData,
        }
    }

    /// The same network with other parameters, as in an average of past weights.
    pub fn with_params(&self, params: Params) -> Self {
        Self {
            network: self.network.with_params(params),
            env: PhantomData,
            ..*self
        }
    }

    /// Picks the scores out of the results.
    fn collect(&self, batch: &Batch, outputs: &Outputs<'_>) -> Result<Scores> {
        let finite = |value: f32, what: &str| {
            if value.is_finite() {
                Ok(f64::from(value))
            } else {
                Err(LearnError::Parameter {
                    name: what.into(),
                    problem: format!("the network computed {value}; lower the learning rate"),
                })
            }
        };
        let pick = |slots: &[Slot], what: &str| {
            let values = slots.iter().map(|slot| finite(outputs.score(*slot), what));
            values.collect::<Result<Vec<f64>>>()
        };
        let flows = || {
            let rows = batch.graph_of.iter();
            rows.map(|&row| finite(outputs.log_flow(row), "log-flows"))
                .collect::<Result<Vec<f64>>>()
        };
        Ok(Scores {
            moves: pick(&batch.moves, "forward scores")?,
            parents: self
                .learned_backward
                .then(|| pick(&batch.parents, "backward scores"))
                .transpose()?,
            log_flow: self.flow.then(flows).transpose()?,
        })
    }
}

impl<E: GraphEncoded> Policy for MessagePassing<E> {
    type Env = E;

    fn scores(&self, frontier: &Frontier<'_, E>) -> Result<Scores> {
        let batch = Batch::new(frontier, self.learned_backward);
        let pass = self.network.forward(&batch, frontier);
        self.collect(&batch, &pass.outputs)
    }
}

impl<E: GraphEncoded> Model for MessagePassing<E> {
    fn forward(&self, frontier: &Frontier<'_, E>) -> Result<(Scores, Pullback<'_>)> {
        let batch = Batch::new(frontier, self.learned_backward);
        let pass = self.network.forward(&batch, frontier);
        let scores = self.collect(&batch, &pass.outputs)?;
        let pullback = move |grad: &ScoresGrad| {
            let mut pass = pass;
            pass.outputs.clear();
            for (slot, value) in batch.moves.iter().zip(&grad.moves) {
                *pass.outputs.score_mut(*slot) += *value as f32;
            }
            for (slot, value) in batch.parents.iter().zip(grad.parents.iter().flatten()) {
                *pass.outputs.score_mut(*slot) += *value as f32;
            }
            if self.flow {
                for (row, value) in batch.graph_of.iter().zip(grad.log_flow.iter().flatten()) {
                    *pass.outputs.log_flow_mut(*row) += *value as f32;
                }
            }
            self.network.pull_back(&batch, pass)
        };
        Ok((scores, Box::new(pullback)))
    }

    fn forward_log_z(
        &self,
        conditions: &[f32],
        count: usize,
    ) -> Result<(Vec<f64>, LogZPullback<'_>)> {
        let params = self.network.params();
        Ok(self.log_z.forward_plain(params, conditions, count))
    }

    fn params(&self) -> &Params {
        self.network.params()
    }

    fn params_mut(&mut self) -> &mut Params {
        self.network.params_mut()
    }
}
