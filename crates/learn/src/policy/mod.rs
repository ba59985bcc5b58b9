//! Policies: what scores the edges of a batch of states.

pub mod adaptor;
pub mod backward;
pub mod edge_flow;
pub mod graph_transformer;
mod kernels;
pub mod log_z;
pub mod message_passing;
pub mod mlp;
pub mod neural;
mod panels;
pub mod perceptron;
pub mod state_flow;
pub mod successor;
pub mod tabular;
pub mod transformer;

use anabranch_core::{Discrete, Frontier};

pub use adaptor::{Adapt, EpsilonUniform, Tempered, Uniform};
pub use backward::{ByParent, WithBackward};
pub use edge_flow::EdgeFlows;
pub use graph_transformer::{GraphTransformer, GraphTransformerConfig};
pub use message_passing::{MessagePassing, MessagePassingConfig};
pub use mlp::{Mlp, MlpConfig};
pub use neural::Neural;
pub use perceptron::Perceptron;
pub use state_flow::{StateFlows, child_flows};
pub use successor::{Successor, SuccessorConfig};
pub use tabular::Tabular;
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

/// Takes dL/dlog Z (`[B]`) back to the parameters.
pub type LogZPullback<'a> = Box<dyn FnOnce(&[f64]) -> Gradients + Send + 'a>;

/// Scores batch after batch under the same parameters, then takes one gradient back for all of them.
pub trait Tape<E: Discrete>: Send {
    /// Scores `frontier` and remembers how.
    ///
    /// # Errors
    /// Where a score cannot be computed.
    fn score(&mut self, frontier: &Frontier<'_, E>) -> Result<Scores>;

    /// Gradients of the parameters; `grads`: one for each batch scored, in order.
    fn pull_back(self: Box<Self>, grads: &[ScoresGrad]) -> Gradients;
}

/// The tape of any model: its passes one after the other.
struct Forwards<'a, M: ?Sized> {
    model: &'a M,
    pullbacks: Vec<Pullback<'a>>,
}

impl<M: Model + ?Sized> Tape<M::Env> for Forwards<'_, M> {
    fn score(&mut self, frontier: &Frontier<'_, M::Env>) -> Result<Scores> {
        let (scores, pullback) = self.model.forward(frontier)?;
        self.pullbacks.push(pullback);
        Ok(scores)
    }

    fn pull_back(self: Box<Self>, grads: &[ScoresGrad]) -> Gradients {
        let mut sums = self.model.params().zero_gradients();
        for (pullback, grad) in self.pullbacks.into_iter().zip(grads) {
            for (sum, values) in sums.iter_mut().zip(pullback(grad)) {
                sum.iter_mut().zip(values).for_each(|(s, v)| *s += v);
            }
        }
        sums
    }
}

/// A policy that can be trained: it scores a batch and takes a gradient back.
pub trait Model: Policy {
    /// Scores with the way back to the parameters.
    ///
    /// # Errors
    /// Where a score cannot be computed.
    fn forward(&self, frontier: &Frontier<'_, Self::Env>) -> Result<(Scores, Pullback<'_>)>;

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

    /// An empty tape.
    fn tape(&self) -> Box<dyn Tape<Self::Env> + '_> {
        Box::new(Forwards {
            model: self,
            pullbacks: Vec::new(),
        })
    }

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
