//! One way up and down the perceptron, over as many batches as are scored on the way up.

use anabranch_core::encode::VectorEncoded;
use anabranch_core::{Frontier, Move};

use super::super::kernels::{Finish, Multiply};
use super::super::panels::{BLOCK, PANEL, Panels};
use super::super::sparse::Gather;
use super::super::{Scores, ScoresGrad, Tape};
use super::descent::{BAND, Descent};
use super::layers::{Packed, padded};
use super::memory::{Batch, Memory, NO_ROW};
use super::{Head, Perceptron};
use crate::error::{LearnError, Result};
use crate::params::Gradients;
use crate::simd::dispatch;

/// A tape of a perceptron. Rows are distinct inputs: what several states, batches or trajectories have
/// in common is computed once, on the way up and on the way down.
pub(super) struct Pass<'m, E> {
    network: &'m Perceptron<E>,
    memory: Memory,
    /// Whether states with one way out, whose scores no softmax looks at, are computed too.
    complete: bool,
}

impl<'m, E: VectorEncoded> Pass<'m, E> {
    pub(super) fn new(network: &'m Perceptron<E>, complete: bool) -> Self {
        Self {
            network,
            complete,
            memory: network.memories.take(),
        }
    }

    /// Gives each state of `frontier` a row, and each score its place.
    fn place(&mut self, frontier: &Frontier<'_, E>) {
        let (network, env) = (self.network, frontier.env);
        let features = env.num_features();
        let inputs = &mut self.memory.inputs;
        let mut batch = Batch::default();
        batch.moves.reserve(frontier.moves.items().len());
        for (index, state) in frontier.states.iter().enumerate() {
            let (moves, parents) = (frontier.moves.row(index), frontier.parents.row(index));
            // One way out has probability 1, whatever its score.
            let certain = !self.complete
                && moves.len() <= 1
                && (network.backward.is_none() || parents.len() <= 1)
                && network.flow.is_none();
            let row = if certain {
                NO_ROW
            } else {
                env.features(state, |feature, value| {
                    debug_assert!(feature < features, "{feature} of {features} features");
                    inputs.push(feature, value);
                });
                for (column, &value) in (features..).zip(frontier.condition(index)) {
                    inputs.push(column, value);
                }
                inputs.place()
            };
            let place = |head: Head, column: usize| (row, (head.start + column) as u32);
            batch.moves.extend(moves.iter().map(|edge| {
                let column = match *edge {
                    Move::Apply(action) => env.action_index(action),
                    Move::Stop => network.actions,
                };
                place(network.forward, column)
            }));
            if let Some(head) = network.backward {
                let columns = parents.iter().map(|&action| env.action_index(action));
                batch
                    .parents
                    .extend(columns.map(|column| place(head, column)));
            }
            if let Some(head) = network.flow {
                batch.log_flow.push(place(head, 0));
            }
        }
        self.memory.batches.push(batch);
    }

    /// Computes the rows from `first` on.
    fn climb(&mut self, first: usize) {
        let Memory {
            inputs, results, ..
        } = &mut self.memory;
        let network = self.network;
        let rows = first..inputs.len();
        let room = first + padded(rows.len(), BLOCK);
        results.resize_with(network.stacks.len(), Vec::new);
        for ((stack, packed), results) in network.stacks.iter().zip(network.packed()).zip(results) {
            results.resize_with(stack.layers.len(), Panels::default);
            for (index, (layer, Packed { weight, bias })) in
                stack.layers.iter().zip(packed).enumerate()
            {
                let activate = index + 1 < stack.layers.len();
                let (below, out) = results.split_at_mut(index);
                let out = &mut out[0];
                out.grow(room, layer.outputs);
                match below.last() {
                    None => dispatch(Gather {
                        input: &inputs.rows,
                        weight,
                        bias,
                        activate,
                        rows: rows.clone(),
                        out,
                    }),
                    Some(below) => Multiply {
                        input: below,
                        weight,
                        bias: Some(bias),
                        finish: if activate {
                            Finish::Activate
                        } else {
                            Finish::Keep
                        },
                        rows: rows.clone(),
                        panel: 0,
                        out: out.columns_mut(0),
                    }
                    .spread(),
                }
            }
        }
    }

    /// The results of the heads' layer that `head` belongs to.
    fn heads(&self, head: Head) -> &Panels {
        self.memory.results[head.stack]
            .last()
            .expect("a stack ends with heads")
    }

    /// Picks the scores of the last batch out of the results.
    fn collect(&self) -> Result<Scores> {
        let batch = self.memory.batches.last().expect("one was just placed");
        let pick = |head: Head, places: &[(u32, u32)], what: &str| {
            let heads = self.heads(head);
            let mut values = Vec::with_capacity(places.len());
            for &(row, column) in places {
                let value = match row {
                    NO_ROW => 0.0,
                    row => heads.flat()[heads.place(row as usize, column as usize)],
                };
                if !value.is_finite() {
                    return Err(LearnError::Parameter {
                        name: what.into(),
                        problem: format!("the network computed {value}; lower the learning rate"),
                    });
                }
                values.push(f64::from(value));
            }
            Ok(values)
        };
        let optional = |head: Option<Head>, places: &[(u32, u32)], what: &str| {
            head.map(|head| pick(head, places, what)).transpose()
        };
        let network = self.network;
        Ok(Scores {
            moves: pick(network.forward, &batch.moves, "forward scores")?,
            parents: optional(network.backward, &batch.parents, "backward scores")?,
            log_flow: optional(network.flow, &batch.log_flow, "log-flows")?,
        })
    }

    /// `[rows, outputs]` gradients of each stack's heads, in bands.
    fn head_gradients(&self, grads: &[ScoresGrad], rows: usize) -> Vec<Vec<Panels>> {
        let network = self.network;
        let heads = network.stacks.iter().map(|stack| {
            let outputs = stack.layers.last().map_or(0, |layer| layer.outputs);
            let bands = (0..rows).step_by(BAND);
            let zeros = |first| Panels::zeros(BAND.min(rows - first), outputs, &network.pool);
            bands.map(zeros).collect()
        });
        let mut heads: Vec<Vec<Panels>> = heads.collect();
        let mut scatter = |head: Option<Head>, places: &[(u32, u32)], values: Option<&[f64]>| {
            if let (Some(head), Some(values)) = (head, values) {
                let bands = &mut heads[head.stack];
                for (&(row, column), value) in places.iter().zip(values) {
                    if row != NO_ROW {
                        let panels = &mut bands[row as usize / BAND];
                        let place = panels.place(row as usize % BAND, column as usize);
                        panels.flat_mut()[place] += *value as f32;
                    }
                }
            }
        };
        for (batch, grad) in self.memory.batches.iter().zip(grads) {
            scatter(Some(network.forward), &batch.moves, Some(&grad.moves));
            scatter(network.backward, &batch.parents, grad.parents.as_deref());
            scatter(network.flow, &batch.log_flow, grad.log_flow.as_deref());
        }
        heads
    }
}

impl<E: VectorEncoded> Tape<E> for Pass<'_, E> {
    fn score(&mut self, frontier: &Frontier<'_, E>) -> Result<Scores> {
        let first = self.memory.inputs.len();
        self.place(frontier);
        self.climb(first);
        self.collect()
    }

    fn bytes(&self) -> usize {
        let layers = self.network.stacks.iter().flat_map(|stack| &stack.layers);
        let outputs: usize = layers.map(|layer| padded(layer.outputs, PANEL)).sum();
        self.memory.inputs.len() * outputs * size_of::<f32>()
    }

    fn pull_back(mut self: Box<Self>, grads: &[ScoresGrad]) -> Gradients {
        let network = self.network;
        let mut gradients = vec![Vec::new(); network.params.len()];
        let count = self.memory.inputs.len();
        if count > 0 {
            let rows = padded(count, BLOCK);
            self.memory.inputs.pad(rows);
            // Rows past the last one hold what earlier passes left; their gradient is zero, and so has
            // to be what it is multiplied with.
            for results in self.memory.results.iter_mut().flatten() {
                results.clear_rows(count..rows);
            }
            let heads = self.head_gradients(grads, rows);
            let stacks = network.stacks.iter().zip(network.transposed());
            for ((stack, transposed), (results, bands)) in
                stacks.zip(self.memory.results.iter().zip(heads))
            {
                let descent = Descent {
                    layers: &stack.layers,
                    transposed,
                    inputs: &self.memory.inputs.rows,
                    results,
                    pool: &network.pool,
                };
                for (param, values) in descent.run(bands) {
                    gradients[param] = values;
                }
            }
        }
        // What was not computed, log Z among it, has no gradient.
        for (gradient, param) in gradients.iter_mut().zip(network.params.iter()) {
            gradient.resize(param.values.len(), 0.0);
        }
        gradients
    }
}

impl<E> Drop for Pass<'_, E> {
    fn drop(&mut self) {
        self.network.memories.give(std::mem::take(&mut self.memory));
    }
}
