//! The multilayer perceptron computed by hand: what [`Neural`](super::Neural)`<`[`Mlp`]`>` computes,
//! without tensors.
//!
//! Networks of this size spend most of a pass in what surrounds the products: copying weights into
//! tensors, recording operations, allocating results. Here the weights are laid out once for each
//! change of the parameters, the first layer adds up only the rows whose features are not zero, and
//! buffers are kept from pass to pass.

use std::marker::PhantomData;
use std::sync::OnceLock;

use anabranch_core::encode::VectorEncoded;
use anabranch_core::rng::Stream;
use anabranch_core::{Frontier, Move};

use super::kernels::{Finish, Gather, Multiply, Outer, Scatter, Sparse, Total};
use super::log_z::LogZ;
use super::neural::Network;
use super::panels::{BLOCK, PANEL, Panels, Pool};
use super::{LogZPullback, Mlp, MlpConfig, Model, Policy, Pullback, Scores, ScoresGrad};
use crate::error::{LearnError, Result};
use crate::params::{Gradients, Params};
use crate::simd::dispatch;

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
    env: PhantomData<fn() -> E>,
}

/// Layers that follow on each other, the heads that stand on them last.
#[derive(Clone, Debug)]
struct Stack {
    layers: Vec<Layer>,
}

/// One linear layer, made of the columns of one or more declared ones.
#[derive(Clone, Debug)]
struct Layer {
    inputs: usize,
    outputs: usize,
    parts: Vec<Part>,
}

/// A declared linear layer: its weight is parameter `param`, its bias the next one.
#[derive(Clone, Debug)]
struct Part {
    param: usize,
    start: usize,
    outputs: usize,
}

/// Where a head's outputs are.
#[derive(Clone, Copy, Debug)]
struct Head {
    stack: usize,
    start: usize,
}

/// A layer's parameters as the kernels read them.
struct Packed {
    /// `[inputs, outputs]`
    weight: Panels,
    /// `[1, outputs]`
    bias: Panels,
}

/// What a pass computed.
struct Pass {
    input: Sparse,
    /// For each stack the results of its layers, the heads' last.
    results: Vec<Vec<Panels>>,
    places: Places,
}

/// Where in the heads' results the scores are.
struct Places {
    moves: Vec<u32>,
    parents: Option<Vec<u32>>,
    log_flow: Option<Vec<u32>>,
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
            ..*self
        }
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

    /// The features and the condition of each state, zeros left out.
    fn input(&self, frontier: &Frontier<'_, E>) -> Sparse {
        let features = frontier.env.num_features();
        let rows = padded(frontier.len(), BLOCK);
        let mut dense = vec![0.0_f32; features + self.conditions];
        let mut offsets = Vec::with_capacity(rows + 1);
        let mut items = Vec::with_capacity(8 * rows);
        offsets.push(0);
        for (row, state) in frontier.states.iter().enumerate() {
            let (own, condition) = dense.split_at_mut(features);
            own.fill(0.0);
            frontier.env.features(state, own);
            condition.copy_from_slice(frontier.condition(row));
            for (block, values) in dense.chunks(8).enumerate() {
                if values.iter().fold(0, |bits, v| bits | v.to_bits()) == 0 {
                    continue;
                }
                for (i, &value) in values.iter().enumerate() {
                    if value != 0.0 {
                        items.push(((8 * block + i) as u32, value));
                    }
                }
            }
            offsets.push(items.len() as u32);
        }
        offsets.resize(rows + 1, items.len() as u32);
        Sparse { offsets, items }
    }

    /// Where the scores of the edges of `frontier` are in results of `rows` rows.
    fn places(&self, frontier: &Frontier<'_, E>, results: &[Vec<Panels>]) -> Places {
        let place = |head: Head, row: usize, column: usize| {
            heads(results, head).place(row, head.start + column) as u32
        };
        let mut moves = Vec::with_capacity(frontier.moves.items().len());
        for (row, edges) in frontier.moves.rows().enumerate() {
            moves.extend(edges.iter().map(|edge| {
                let column = match *edge {
                    Move::Apply(action) => frontier.env.action_index(action),
                    Move::Stop => self.actions,
                };
                place(self.forward, row, column)
            }));
        }
        let parents = self.backward.map(|head| {
            let mut parents = Vec::with_capacity(frontier.parents.items().len());
            for (row, actions) in frontier.parents.rows().enumerate() {
                let columns = actions
                    .iter()
                    .map(|&action| frontier.env.action_index(action));
                parents.extend(columns.map(|column| place(head, row, column)));
            }
            parents
        });
        let log_flow = self
            .flow
            .map(|head| (0..frontier.len()).map(|row| place(head, row, 0)).collect());
        Places {
            moves,
            parents,
            log_flow,
        }
    }

    fn pass(&self, frontier: &Frontier<'_, E>) -> Pass {
        let input = self.input(frontier);
        let rows = padded(frontier.len(), BLOCK);
        let climb = |(stack, packed): (&Stack, &Vec<Packed>)| {
            let mut results: Vec<Panels> = Vec::with_capacity(stack.layers.len());
            for (index, (layer, Packed { weight, bias })) in
                stack.layers.iter().zip(packed).enumerate()
            {
                let activate = index + 1 < stack.layers.len();
                let mut out = Panels::stale(rows, layer.outputs, &self.pool);
                match results.last() {
                    None => dispatch(Gather {
                        input: &input,
                        weight,
                        bias,
                        activate,
                        out: &mut out,
                    }),
                    Some(below) => dispatch(Multiply {
                        input: below,
                        weight,
                        bias: Some(bias),
                        finish: if activate {
                            Finish::Activate
                        } else {
                            Finish::Keep
                        },
                        out: &mut out,
                    }),
                }
                results.push(out);
            }
            results
        };
        let results: Vec<Vec<Panels>> = self.stacks.iter().zip(self.packed()).map(climb).collect();
        let places = self.places(frontier, &results);
        Pass {
            input,
            results,
            places,
        }
    }

    /// Picks the scores out of the results.
    fn collect(
        &self,
        Pass {
            results, places, ..
        }: &Pass,
    ) -> Result<Scores> {
        let pick = |head: Head, places: &[u32], what: &str| {
            let flat = heads(results, head).flat();
            let values: Vec<f64> = places
                .iter()
                .map(|&p| f64::from(flat[p as usize]))
                .collect();
            match values.iter().find(|value| !value.is_finite()) {
                None => Ok(values),
                Some(value) => Err(LearnError::Parameter {
                    name: what.into(),
                    problem: format!("the network computed {value}; lower the learning rate"),
                }),
            }
        };
        let optional = |head: Option<Head>, places: &Option<Vec<u32>>, what: &str| {
            let both = head.zip(places.as_deref());
            both.map(|(head, places)| pick(head, places, what))
                .transpose()
        };
        Ok(Scores {
            moves: pick(self.forward, &places.moves, "forward scores")?,
            parents: optional(self.backward, &places.parents, "backward scores")?,
            log_flow: optional(self.flow, &places.log_flow, "log-flows")?,
        })
    }

    /// Gradients of the parameters from those of the scores.
    fn pull_back(&self, pass: Pass, grad: &ScoresGrad) -> Gradients {
        let Pass {
            input,
            mut results,
            places,
        } = pass;
        for results in &mut results {
            // The heads' results have been read; their gradients take the place.
            let heads = results.last_mut().expect("a stack ends with heads");
            heads.flat_mut().fill(0.0);
        }
        let mut scatter = |head: Option<Head>, places: Option<&[u32]>, values: Option<&[f64]>| {
            if let (Some(head), Some(places), Some(values)) = (head, places, values) {
                let heads = results[head.stack]
                    .last_mut()
                    .expect("a stack ends with heads");
                for (place, value) in places.iter().zip(values) {
                    heads.flat_mut()[*place as usize] += *value as f32;
                }
            }
        };
        scatter(Some(self.forward), Some(&places.moves), Some(&grad.moves));
        scatter(
            self.backward,
            places.parents.as_deref(),
            grad.parents.as_deref(),
        );
        scatter(
            self.flow,
            places.log_flow.as_deref(),
            grad.log_flow.as_deref(),
        );
        let mut gradients = self.params.zero_gradients();
        for ((stack, transposed), results) in self.stacks.iter().zip(self.transposed()).zip(results)
        {
            self.descend(stack, transposed, &input, results, &mut gradients);
        }
        gradients
    }

    /// Goes down one stack; the last of `results` holds the gradient of the heads.
    fn descend(
        &self,
        stack: &Stack,
        transposed: &[Panels],
        input: &Sparse,
        mut results: Vec<Panels>,
        gradients: &mut Gradients,
    ) {
        let mut grad = results.pop().expect("a stack ends with heads");
        for (index, layer) in stack.layers.iter().enumerate().rev() {
            let mut bias = Panels::stale(1, layer.outputs, &self.pool);
            dispatch(Total {
                grad: &grad,
                out: &mut bias,
            });
            let rows = if index == 0 {
                layer.inputs
            } else {
                padded(layer.inputs, PANEL)
            };
            let mut weight = Panels::zeros(rows, layer.outputs, &self.pool);
            let below = results.pop();
            match &below {
                None => dispatch(Scatter {
                    input,
                    grad: &grad,
                    out: &mut weight,
                }),
                Some(below) => dispatch(Outer {
                    input: below,
                    grad: &grad,
                    out: &mut weight,
                }),
            }
            for part in &layer.parts {
                weight.copy_to(&mut gradients[part.param], part.outputs, part.start);
                bias.copy_to(&mut gradients[part.param + 1], part.outputs, part.start);
            }
            weight.release(&self.pool);
            bias.release(&self.pool);
            if let Some(below) = below {
                let mut next = Panels::stale(grad.rows(), layer.inputs, &self.pool);
                dispatch(Multiply {
                    input: &grad,
                    weight: &transposed[index - 1],
                    bias: None,
                    finish: Finish::Mask(&below),
                    out: &mut next,
                });
                std::mem::replace(&mut grad, next).release(&self.pool);
                below.release(&self.pool);
            }
        }
        grad.release(&self.pool);
    }
}

impl Stack {
    /// The hidden layers of `trunk`, and below the heads nothing yet.
    fn new(params: &Params, trunk: &str, mut inputs: usize, config: MlpConfig) -> Self {
        let mut layers = Vec::with_capacity(config.layers + 1);
        for index in 0..config.layers {
            let mut layer = Layer::new(inputs);
            layer.add(params, &format!("policy.{trunk}.{index}"), config.hidden);
            layers.push(layer);
            inputs = config.hidden;
        }
        layers.push(Layer::new(inputs));
        Self { layers }
    }

    fn heads_mut(&mut self) -> &mut Layer {
        self.layers.last_mut().expect("a stack ends with heads")
    }
}

impl Layer {
    fn new(inputs: usize) -> Self {
        Self {
            inputs,
            outputs: 0,
            parts: Vec::new(),
        }
    }

    /// Appends the columns of the declared layer `name`.
    fn add(&mut self, params: &Params, name: &str, outputs: usize) {
        let weight = format!("{name}.weight");
        let param = params.iter().position(|param| param.name == weight);
        self.parts.push(Part {
            param: param.expect("the network declared its layers"),
            start: self.outputs,
            outputs,
        });
        self.outputs += outputs;
    }

    fn pack(&self, params: &Params, rows: usize, pool: &Pool) -> Packed {
        let params = params.iter().as_slice();
        let mut weight = Panels::zeros(rows, self.outputs, pool);
        let mut bias = Panels::zeros(1, self.outputs, pool);
        for part in &self.parts {
            weight.copy_from(&params[part.param].values, part.outputs, part.start);
            bias.copy_from(&params[part.param + 1].values, part.outputs, part.start);
        }
        Packed { weight, bias }
    }

    fn transpose(&self, params: &Params, pool: &Pool) -> Panels {
        let params = params.iter().as_slice();
        let mut weight = Panels::zeros(padded(self.outputs, PANEL), self.inputs, pool);
        for part in &self.parts {
            weight.copy_transposed(&params[part.param].values, part.outputs, part.start);
        }
        weight
    }
}

/// The results of the layer of heads that `head` belongs to.
fn heads(results: &[Vec<Panels>], head: Head) -> &Panels {
    results[head.stack].last().expect("a stack ends with heads")
}

fn padded(count: usize, multiple: usize) -> usize {
    count.next_multiple_of(multiple)
}

impl<E: VectorEncoded> Policy for Perceptron<E> {
    type Env = E;

    fn scores(&self, frontier: &Frontier<'_, E>) -> Result<Scores> {
        let pass = self.pass(frontier);
        let scores = self.collect(&pass);
        for panels in pass.results.into_iter().flatten() {
            panels.release(&self.pool);
        }
        scores
    }
}

impl<E: VectorEncoded> Model for Perceptron<E> {
    fn forward(&self, frontier: &Frontier<'_, E>) -> Result<(Scores, Pullback<'_>)> {
        let pass = self.pass(frontier);
        let scores = self.collect(&pass)?;
        Ok((
            scores,
            Box::new(move |grad: &ScoresGrad| self.pull_back(pass, grad)),
        ))
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
