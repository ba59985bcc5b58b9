//! Scoring again and again under the same parameters, with one gradient for all of it.

use anabranch_core::{Discrete, Frontier};

use super::{Model, Pullback, Scores, ScoresGrad};
use crate::error::Result;
use crate::params::Gradients;

/// Scores batch after batch under the same parameters, then takes one gradient back for all of them.
///
/// Sampling on a tape leaves on it what the gradient needs, so that nothing is computed twice, and a
/// model may score a state once that comes more often. One thread uses a tape; several tapes of one
/// model are used at once. Scores are read through softmaxes only: where one edge is all there is, it
/// may have any.
pub trait Tape<E: Discrete>: Send {
    /// Scores every edge of `frontier`.
    ///
    /// # Errors
    /// Where a score cannot be computed.
    fn score(&mut self, frontier: &Frontier<'_, E>) -> Result<Scores>;

    /// Memory that the way down needs, in bytes; 0 where it is not known.
    ///
    /// It depends on what was scored alone, so that what is decided by it is the same in every run.
    fn bytes(&self) -> usize {
        0
    }

    /// The gradient of the parameters; `grads` has one entry for each batch scored, in order.
    fn pull_back(self: Box<Self>, grads: &[ScoresGrad]) -> Gradients;
}

/// A tape for any model: one pullback for each batch.
pub(super) struct Pullbacks<'m, M: ?Sized> {
    model: &'m M,
    pullbacks: Vec<Pullback<'m>>,
}

impl<'m, M: ?Sized> Pullbacks<'m, M> {
    pub(super) fn new(model: &'m M) -> Self {
        Self {
            model,
            pullbacks: Vec::new(),
        }
    }
}

impl<M: Model + ?Sized> Tape<M::Env> for Pullbacks<'_, M> {
    fn score(&mut self, frontier: &Frontier<'_, M::Env>) -> Result<Scores> {
        let (scores, pullback) = self.model.forward(frontier)?;
        self.pullbacks.push(pullback);
        Ok(scores)
    }

    fn pull_back(self: Box<Self>, grads: &[ScoresGrad]) -> Gradients {
        let parts = self.pullbacks.into_iter().zip(grads);
        let sum = parts
            .map(|(pullback, grad)| pullback(grad))
            .reduce(|mut sum, part| {
                crate::params::add(&mut sum, &part);
                sum
            });
        sum.unwrap_or_else(|| self.model.params().zero_gradients())
    }
}
