//! One of two models, chosen when a run begins.

use anabranch_core::Frontier;

use super::{LogZPullback, Model, Policy, Pullback, Scores, Tape};
use crate::error::Result;
use crate::params::Params;

/// A model that is one of two for the same environment, so that settings may name the network.
///
/// Every call goes to the one there is, its own tape among them: nothing is slower than without.
pub enum Either<A, B> {
    /// The first.
    Left(A),
    /// The second.
    Right(B),
}

impl<A: Policy, B: Policy<Env = A::Env>> Policy for Either<A, B> {
    type Env = A::Env;

    fn scores(&self, frontier: &Frontier<'_, Self::Env>) -> Result<Scores> {
        match self {
            Self::Left(model) => model.scores(frontier),
            Self::Right(model) => model.scores(frontier),
        }
    }
}

impl<A: Model, B: Model<Env = A::Env>> Model for Either<A, B> {
    fn forward(&self, frontier: &Frontier<'_, Self::Env>) -> Result<(Scores, Pullback<'_>)> {
        match self {
            Self::Left(model) => model.forward(frontier),
            Self::Right(model) => model.forward(frontier),
        }
    }

    fn lay_out(&self) {
        match self {
            Self::Left(model) => model.lay_out(),
            Self::Right(model) => model.lay_out(),
        }
    }

    fn lay_out_pull_back(&self) {
        match self {
            Self::Left(model) => model.lay_out_pull_back(),
            Self::Right(model) => model.lay_out_pull_back(),
        }
    }

    fn shards(&self) -> usize {
        match self {
            Self::Left(model) => model.shards(),
            Self::Right(model) => model.shards(),
        }
    }

    fn tape(&self) -> Box<dyn Tape<Self::Env> + '_> {
        match self {
            Self::Left(model) => model.tape(),
            Self::Right(model) => model.tape(),
        }
    }

    fn forward_log_z(
        &self,
        conditions: &[f32],
        count: usize,
    ) -> Result<(Vec<f64>, LogZPullback<'_>)> {
        match self {
            Self::Left(model) => model.forward_log_z(conditions, count),
            Self::Right(model) => model.forward_log_z(conditions, count),
        }
    }

    fn params(&self) -> &Params {
        match self {
            Self::Left(model) => model.params(),
            Self::Right(model) => model.params(),
        }
    }

    fn params_mut(&mut self) -> &mut Params {
        match self {
            Self::Left(model) => model.params_mut(),
            Self::Right(model) => model.params_mut(),
        }
    }
}
