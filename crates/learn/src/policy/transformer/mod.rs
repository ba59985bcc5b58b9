//! Transformers computed by hand: over small graphs, what
//! [`Neural`](super::Neural)`<`[`GraphTransformer`](super::GraphTransformer)`>` computes, and over
//! sequences.
//!
//! All tokens of all states of a batch are rows of the same matrices, so that a layer is one product and
//! nothing is padded to the largest state; attention and sums over neighbours go state by state. Equal
//! states with equal conditions are computed once. Rows come in chunks of at most 128, each of which goes up
//! through all layers by itself: what a layer works on stays in the second cache.
//!
//! For the way down a pass keeps of each token, in each block of attention of a graph transformer,
//! `10 W + H T` numbers of 4 bytes: the norm; queries, keys and values; what attention mixed; the second norm; four
//! W of the feed-forward layer; and T weights for each of H heads, in whole lanes of 16. Of each set of neighbours it
//! keeps W more. With four blocks of W = 128 that is some 22 kB a token, and less in truth: without a condition the
//! first block keeps no norm and no sums, which its tape has for each kind of token; the last one keeps what comes
//! after attention for those tokens only that a head reads.

mod attention;
mod backward;
mod chunk;
mod forward;
mod graph;
mod kinds;
mod linear;
mod network;
mod norm;
mod rows;
mod sequence;
mod softmax;
mod vector;

use anabranch_core::{Discrete, Frontier};
use rayon::prelude::*;

use self::chunk::{Batch, Slots};
use self::forward::ChunkPass;
pub use self::graph::{Graphs, NativeGraphTransformer};
use self::kinds::Kinds;
use self::network::{GradientSums, Network};
pub use self::sequence::{SequenceTransformer, SequenceTransformerConfig, Sequences};
use super::log_z::LogZ;
use super::{LogZPullback, Model, Policy, Pullback, Scores, ScoresGrad, Tape};
use crate::error::{LearnError, Result};
use crate::params::{Gradients, Params};

/// How states become tokens; [`Graphs`] or [`Sequences`].
pub trait View: Sync {
    /// What is scored.
    type Env: Discrete;

    /// The tokens of a frontier, whose kinds come to `kinds`, and where its scores will be; where `apart`,
    /// equal states each by themselves.
    #[doc(hidden)]
    #[allow(private_interfaces, reason = "implemented here only")]
    fn batch(
        &self,
        frontier: &Frontier<'_, Self::Env>,
        apart: bool,
        kinds: &mut Kinds<'_>,
    ) -> Batch;

    /// Whether there is a backward head, and a flow head.
    #[doc(hidden)]
    fn heads(&self) -> (bool, bool);
}

/// A transformer with its parameters and a log Z of the condition.
pub struct Transformer<V> {
    view: V,
    network: Network,
    log_z: LogZ,
    apart: bool,
}

/// A batch and what was computed of it.
struct Pass<'a> {
    batch: Batch,
    chunks: Vec<ChunkPass<'a>>,
}

impl<V: View> Transformer<V> {
    /// The same network with other parameters, as in an average of past weights.
    pub fn with_params(&self, params: Params) -> Self
    where
        V: Clone,
    {
        Self {
            view: self.view.clone(),
            network: self.network.with_params(params),
            log_z: self.log_z,
            apart: self.apart,
        }
    }

    /// The same, with equal states computed each by itself: slower, and the same up to rounding.
    pub fn without_sharing(self) -> Self {
        Self {
            apart: true,
            ..self
        }
    }

    /// `C`, the length of a conditioning vector.
    pub(crate) fn conditions(&self) -> usize {
        self.network.sizes.conditions
    }

    /// Heads of attention.
    pub(crate) fn attention_heads(&self) -> usize {
        self.network.sizes.heads
    }

    fn pass<'a>(
        &'a self,
        frontier: &Frontier<'_, V::Env>,
        keep: bool,
        kinds: &mut Kinds<'a>,
    ) -> Pass<'a> {
        let mut batch = self.view.batch(frontier, self.apart, kinds);
        kinds.compute();
        let (network, kinds) = (&self.network, &*kinds);
        let chunks = std::mem::take(&mut batch.chunks).into_par_iter();
        let forward = |room: &mut Vec<_>, chunk| network.forward(chunk, keep, kinds, room);
        Pass {
            chunks: chunks.map_init(Vec::new, forward).collect(),
            batch,
        }
    }

    /// Adds the gradients of `pass` to `sums`.
    fn pull_back(&self, mut pass: Pass<'_>, grad: &ScoresGrad, sums: &mut GradientSums<'_>) {
        for chunk in &mut pass.chunks {
            chunk.clear();
        }
        let mut scatter = |slots: &Slots, values: Option<&[f64]>| {
            let Some(mut values) = values else { return };
            for run in slots.runs() {
                let (now, later) = values.split_at(run.count as usize);
                pass.chunks[run.first.chunk()].add(run, now);
                values = later;
            }
        };
        scatter(&pass.batch.moves, Some(&grad.moves));
        let (backward, flow) = self.view.heads();
        scatter(
            &pass.batch.parents,
            grad.parents.as_deref().filter(|_| backward),
        );
        scatter(
            &pass.batch.log_flow,
            grad.log_flow.as_deref().filter(|_| flow),
        );
        let mut room = Default::default();
        for chunk in pass.chunks {
            self.network.backward(chunk, sums, &mut room);
        }
    }

    /// Picks the scores out of the results.
    fn collect(&self, pass: &Pass<'_>) -> Result<Scores> {
        let pick = |slots: &Slots, what: &str| {
            let mut values = Vec::with_capacity(slots.len());
            for run in slots.runs() {
                pass.chunks[run.first.chunk()].scores(run, &mut values);
            }
            match values.iter().find(|value| !value.is_finite()) {
                None => Ok(values),
                Some(value) => Err(LearnError::Parameter {
                    name: what.into(),
                    problem: format!("the network computed {value}; lower the learning rate"),
                }),
            }
        };
        let (backward, flow) = self.view.heads();
        let batch = &pass.batch;
        Ok(Scores {
            moves: pick(&batch.moves, "forward scores")?,
            parents: backward
                .then(|| pick(&batch.parents, "backward scores"))
                .transpose()?,
            log_flow: flow
                .then(|| pick(&batch.log_flow, "log-flows"))
                .transpose()?,
        })
    }
}

impl<V: View> Policy for Transformer<V> {
    type Env = V::Env;

    fn scores(&self, frontier: &Frontier<'_, V::Env>) -> Result<Scores> {
        let mut kinds = Kinds::new(&self.network);
        self.collect(&self.pass(frontier, false, &mut kinds))
    }
}

impl<V: View> Model for Transformer<V> {
    fn forward(&self, frontier: &Frontier<'_, V::Env>) -> Result<(Scores, Pullback<'_>)> {
        let mut kinds = Kinds::new(&self.network);
        let pass = self.pass(frontier, true, &mut kinds);
        let scores = self.collect(&pass)?;
        let pullback = move |grad: &ScoresGrad| {
            let mut sums = self.network.gradient_sums(&kinds);
            self.pull_back(pass, grad, &mut sums);
            self.network.gradients(&kinds, sums)
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

    fn lay_out(&self) {
        self.network.lay_out();
    }

    fn shards(&self) -> usize {
        2
    }

    fn tape(&self) -> Box<dyn Tape<V::Env> + '_> {
        Box::new(Passes {
            model: self,
            kinds: Kinds::new(&self.network),
            passes: Vec::new(),
        })
    }
}

/// The passes of one sampling.
struct Passes<'a, V> {
    model: &'a Transformer<V>,
    kinds: Kinds<'a>,
    passes: Vec<Pass<'a>>,
}

impl<V: View> Tape<V::Env> for Passes<'_, V> {
    fn score(&mut self, frontier: &Frontier<'_, V::Env>) -> Result<Scores> {
        let pass = self.model.pass(frontier, true, &mut self.kinds);
        let scores = self.model.collect(&pass)?;
        self.passes.push(pass);
        Ok(scores)
    }

    fn bytes(&self) -> usize {
        let chunks = self.passes.iter().flat_map(|pass| &pass.chunks);
        chunks.map(ChunkPass::bytes).sum()
    }

    fn pull_back(self: Box<Self>, grads: &[ScoresGrad]) -> Gradients {
        let network = &self.model.network;
        let mut sums = network.gradient_sums(&self.kinds);
        for (pass, grad) in self.passes.into_iter().zip(grads) {
            self.model.pull_back(pass, grad, &mut sums);
        }
        network.gradients(&self.kinds, sums)
    }
}
