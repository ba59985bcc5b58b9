//! The multilayer perceptron computed by hand: what [`Neural`](super::Neural)`<`[`Mlp`]`>` computes,
//! without tensors.
//!
//! Networks of this size spend most of a pass in what surrounds the products: copying weights into
//! tensors, recording operations, allocating results. Here the weights are laid out once for each
//! change of the parameters, the first layer adds up only the rows whose features are not zero, a state
//! that comes again is not computed again, and buffers are kept from pass to pass.

mod descent;
mod layers;
mod memory;
mod pass;

use std::marker::PhantomData;
use std::sync::OnceLock;

use anabranch_core::Frontier;
use anabranch_core::encode::VectorEncoded;
use anabranch_core::rng::Stream;

use self::layers::{Packed, Stack, padded};
use self::memory::Memories;
use self::pass::Pass;
use super::log_z::LogZ;
use super::neural::Network;
use super::panels::{PANEL, Panels, Pool};
use super::{LogZPullback, Mlp, MlpConfig, Model, Policy, Pullback, Scores, ScoresGrad, Tape};
use crate::error::Result;
use crate::params::Params;

/// A multilayer perceptron with its parameters and a log Z of the condition.
///
/// Parameters have the names, shapes, order and first values of `Neural<Mlp<E>>`, so a checkpoint of
/// either is a checkpoint of the other; scores differ by rounding.
pub struct Perceptron<E> {
    conditions: usize,
    actions: usize,
    stacks: Vec<Stack>,
    forward: Head,
    backward: Option<Head>,
    flow: Option<Head>,
    log_z: LogZ,
    params: Params,
    packed: OnceLock<Vec<Vec<Packed>>>,
    transposed: OnceLock<Vec<Vec<Panels>>>,
    pool: Pool,
    /// What passes leave for the next ones to work in.
    memories: Memories,
    env: PhantomData<fn() -> E>,
}

/// Where a head's outputs are.
#[derive(Clone, Copy, Debug)]
struct Head {
    stack: usize,
    start: usize,
}

impl<E: VectorEncoded> Perceptron<E> {
    /// Draws the first weights. `conditions` is `C`, the length of a conditioning vector, and `log_z`
    /// the first value of log Z in nats.
    pub fn new(
        env: &E,
        conditions: usize,
        config: MlpConfig,
        log_z: f64,
        rng: &mut Stream,
    ) -> Self {
        let network = Mlp::new(env, conditions, config);
        let mut params = Params::new();
        network.declare(&mut params, rng);
        let log_z = LogZ::declare(conditions, log_z, &mut params, rng);
        let mut stacks: Vec<(&str, Stack)> = Vec::new();
        let mut heads = Vec::new();
        for (head, outputs) in network.heads() {
            let trunk = network.trunk_name(head);
            let stack = stacks.iter().position(|(name, _)| *name == trunk);
            let stack = stack.unwrap_or_else(|| {
                let inputs = env.num_features() + conditions;
                stacks.push((trunk, Stack::new(&params, trunk, inputs, config)));
                stacks.len() - 1
            });
            let layer = stacks[stack].1.heads_mut();
            let start = layer.outputs;
            layer.add(&params, &format!("policy.{head}.head"), outputs);
            heads.push((head, Head { stack, start }));
        }
        let find = |name| heads.iter().find(|(head, _)| *head == name).map(|h| h.1);
        Self {
            conditions,
            actions: env.num_actions(),
            forward: find("forward").expect("every network has a forward head"),
            backward: find("backward"),
            flow: find("flow"),
            stacks: stacks.into_iter().map(|(_, stack)| stack).collect(),
            log_z,
            params,
            packed: OnceLock::new(),
            transposed: OnceLock::new(),
            pool: Pool::default(),
            memories: Memories::default(),
            env: PhantomData,
        }
    }

    /// The same network with other parameters, as in an average of past weights.
    pub fn with_params(&self, params: Params) -> Self {
        Self {
            stacks: self.stacks.clone(),
            params,
            packed: OnceLock::new(),
            transposed: OnceLock::new(),
            pool: Pool::default(),
            memories: Memories::default(),
            ..*self
        }
    }

    /// `C`, the length of a conditioning vector.
    pub(crate) fn conditions(&self) -> usize {
        self.conditions
    }

    /// `D`, the length of a feature vector.
    pub(crate) fn features(&self) -> usize {
        self.stacks[0].layers[0].inputs - self.conditions
    }

    /// The layers' parameters, laid out anew after every change.
    fn packed(&self) -> &[Vec<Packed>] {
        self.packed.get_or_init(|| {
            let layers = |stack: &Stack| {
                stack
                    .layers
                    .iter()
                    .enumerate()
                    .map(|(index, layer)| {
                        // The first layer reads rows by number, the others whole panels of inputs.
                        let rows = if index == 0 {
                            layer.inputs
                        } else {
                            padded(layer.inputs, PANEL)
                        };
                        layer.pack(&self.params, rows, &self.pool)
                    })
                    .collect()
            };
            self.stacks.iter().map(layers).collect()
        })
    }

    /// The weights of all layers but the first, `[outputs, inputs]`.
    fn transposed(&self) -> &[Vec<Panels>] {
        self.transposed.get_or_init(|| {
            let layers = |stack: &Stack| {
                let layers = stack.layers[1..].iter();
                layers
                    .map(|layer| layer.transpose(&self.params, &self.pool))
                    .collect()
            };
            self.stacks.iter().map(layers).collect()
        })
    }
}

impl<E: VectorEncoded> Policy for Perceptron<E> {
    type Env = E;

    fn scores(&self, frontier: &Frontier<'_, E>) -> Result<Scores> {
        Pass::new(self, true).score(frontier)
    }
}

impl<E: VectorEncoded> Model for Perceptron<E> {
    fn forward(&self, frontier: &Frontier<'_, E>) -> Result<(Scores, Pullback<'_>)> {
        let mut pass = Box::new(Pass::new(self, true));
        let scores = pass.score(frontier)?;
        let pullback = move |grad: &ScoresGrad| pass.pull_back(std::slice::from_ref(grad));
        Ok((scores, Box::new(pullback)))
    }

    fn lay_out(&self) {
        self.packed();
    }

    fn lay_out_pull_back(&self) {
        self.transposed();
    }

    fn shards(&self) -> usize {
        2
    }

    fn tape(&self) -> Box<dyn Tape<E> + '_> {
        Box::new(Pass::new(self, false))
    }

    fn forward_log_z(
        &self,
        conditions: &[f32],
        count: usize,
    ) -> Result<(Vec<f64>, LogZPullback<'_>)> {
        Ok(self.log_z.forward_plain(&self.params, conditions, count))
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn params_mut(&mut self) -> &mut Params {
        for Packed { weight, bias } in self.packed.take().into_iter().flatten().flatten() {
            weight.release(&self.pool);
            bias.release(&self.pool);
        }
        for weight in self.transposed.take().into_iter().flatten().flatten() {
            weight.release(&self.pool);
        }
        &mut self.params
    }
}
