//! Policies: what scores the edges of a batch of states.

pub mod adaptor;
pub mod backward;
pub mod edge_flow;
pub mod either;
pub mod graph_transformer;
mod kernels;
pub mod log_z;
pub mod message_passing;
pub mod mlp;
pub mod neural;
mod panels;
pub mod perceptron;
mod product;
mod sparse;
pub mod state_flow;
pub mod successor;
pub mod tabular;
pub mod tape;
pub mod transformer;

use anabranch_core::{Discrete, Frontier};

pub use adaptor::{Adapt, EpsilonUniform, Exploration, Tempered, Uniform};
pub use backward::{ByParent, WithBackward};
pub use edge_flow::EdgeFlows;
pub use either::Either;
pub use graph_transformer::{GraphTransformer, GraphTransformerConfig};
pub use message_passing::{MessagePassing, MessagePassingConfig};
pub use mlp::{Mlp, MlpConfig};
pub use neural::Neural;
pub use perceptron::Perceptron;
#[doc(hidden)]
pub use product::Product;
pub use state_flow::{StateFlows, child_flows};
pub use successor::{Successor, SuccessorConfig};
pub use tabular::Tabular;
pub use tape::Tape;
pub use transformer::{NativeGraphTransformer, SequenceTransformer, SequenceTransformerConfig};

use crate::error::Result;
use crate::params::{Gradients, Params};

/// Scores of a [`Frontier`] with `N` states, `M` moves and `P` parents.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// `[M]` unnormalised log P_F of the moves.
    pub moves: Vec<f64>,
    /// `[P]` unnormalised log P_B of the parents; `None` for the uniform backward policy.
    pub parents: Option<Vec<f64>>,
    /// `[N]` log F(s), where the model has flows.
    pub log_flow: Option<Vec<f64>>,
}

/// dL/d[`Scores`], with the same shapes; `parents` and `log_flow` may be left out where unused.
#[derive(Clone, Debug)]
pub struct ScoresGrad {
    /// `[M]`
    pub moves: Vec<f64>,
    /// `[P]`
    pub parents: Option<Vec<f64>>,
    /// `[N]`
    pub log_flow: Option<Vec<f64>>,
}

/// What can score a batch.
///
/// The environment is a type of its own, not a parameter, so that adaptors stay unambiguous.
pub trait Policy: Sync {
    /// What is sampled.
    type Env: Discrete;

    /// Scores every edge of `frontier`.
    ///
    /// # Errors
    /// Where a score cannot be computed.
    fn scores(&self, frontier: &Frontier<'_, Self::Env>) -> Result<Scores>;
}

/// Takes dL/dscores back to the parameters of the model that made them.
pub type Pullback<'a> = Box<dyn FnOnce(&ScoresGrad) -> Gradients + Send + 'a>;

/// Takes dL/dlog Z (`[B]`) back to the parameters; an empty array stands for one of zeros.
pub type LogZPullback<'a> = Box<dyn FnOnce(&[f64]) -> Gradients + Send + 'a>;

/// A policy that can be trained: it scores a batch and takes a gradient back.
pub trait Model: Policy {
    /// Scores with the way back to the parameters.
    ///
    /// # Errors
    /// Where a score cannot be computed.
    fn forward(&self, frontier: &Frontier<'_, Self::Env>) -> Result<(Scores, Pullback<'_>)>;

    /// Brings the parameters into the form that passes want, over the threads of the current pool.
    ///
    /// Passes do it for themselves where nobody did before.
    fn lay_out(&self) {}

    /// As [`lay_out`](Self::lay_out), on this thread, for what only the way down wants.
    fn lay_out_pull_back(&self) {}

    /// How many shards a batch is cut into at least. Fewer have more states and products in common; more busy more
    /// threads, where a model does not share the work on a shard out itself.
    fn shards(&self) -> usize {
        4
    }

    /// An empty [`Tape`].
    fn tape(&self) -> Box<dyn Tape<Self::Env> + '_> {
        Box::new(tape::Pullbacks::new(self))
    }

    /// `[B]` log Z of each condition (`conditions` is `[B, C]`, flat) with the way back.
    ///
    /// # Errors
    /// Where it cannot be computed.
    fn forward_log_z(
        &self,
        conditions: &[f32],
        count: usize,
    ) -> Result<(Vec<f64>, LogZPullback<'_>)>;

    /// The parameters.
    fn params(&self) -> &Params;

    /// The parameters, to write to.
    fn params_mut(&mut self) -> &mut Params;

    /// `[B]` log Z of each condition.
    ///
    /// # Errors
    /// Where it cannot be computed.
    fn log_z(&self, conditions: &[f32], count: usize) -> Result<Vec<f64>> {
        Ok(self.forward_log_z(conditions, count)?.0)
    }
}

impl<P: Policy> Policy for &P {
    type Env = P::Env;

    fn scores(&self, frontier: &Frontier<'_, Self::Env>) -> Result<Scores> {
        (**self).scores(frontier)
    }
}
