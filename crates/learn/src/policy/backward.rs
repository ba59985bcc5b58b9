//! Backward policies that stand apart from the forward model.

use std::marker::PhantomData;

use anabranch_core::{Discrete, Environment, Frontier};

use super::{LogZPullback, Model, Policy, Pullback, Scores, ScoresGrad};
use crate::error::Result;
use crate::params::Params;

/// A forward model with the backward policy of another one, which takes no gradient here: fixed, or
/// trained by a loss of its own (maximum entropy, trajectory likelihood, pessimistic).
pub struct WithBackward<M, B> {
    /// Scores moves, flows and log Z, and is trained.
    pub forward: M,
    /// Scores parents.
    pub backward: B,
}

impl<M: Policy, B: Policy<Env = M::Env>> Policy for WithBackward<M, B> {
    type Env = M::Env;

    fn scores(&self, frontier: &Frontier<'_, Self::Env>) -> Result<Scores> {
        let mut scores = self.forward.scores(frontier)?;
        scores.parents = self.backward.scores(frontier)?.parents;
        Ok(scores)
    }
}

impl<M: Model, B: Policy<Env = M::Env>> Model for WithBackward<M, B> {
    fn forward(&self, frontier: &Frontier<'_, Self::Env>) -> Result<(Scores, Pullback<'_>)> {
        let (mut scores, inner) = self.forward.forward(frontier)?;
        let own_parents = scores.parents.as_ref().map(Vec::len);
        scores.parents = self.backward.scores(frontier)?.parents;
        let pullback = move |grad: &ScoresGrad| {
            inner(&ScoresGrad {
                moves: grad.moves.clone(),
                parents: own_parents.map(|count| vec![0.0; count]),
                log_flow: grad.log_flow.clone(),
            })
        };
        Ok((scores, Box::new(pullback)))
    }

    fn forward_log_z(
        &self,
        conditions: &[f32],
        count: usize,
    ) -> Result<(Vec<f64>, LogZPullback<'_>)> {
        self.forward.forward_log_z(conditions, count)
    }

    fn params(&self) -> &Params {
        self.forward.params()
    }

    fn params_mut(&mut self) -> &mut Params {
        self.forward.params_mut()
    }
}

/// A backward policy in proportion to a positive function of the parent; every move scores alike.
///
/// With the logarithm of n(s), the number of ways to build s, it is the backward policy of maximal
/// trajectory entropy, n(s) / n(s') (Mohammadpour et al. 2023, arXiv 2312.14331).
pub struct ByParent<E, F> {
    log_weight: F,
    env: PhantomData<fn() -> E>,
}

impl<E: Discrete, F: Fn(&E::State) -> f64 + Sync> ByParent<E, F> {
    /// `log_weight` is the logarithm of what a parent weighs.
    pub fn new(log_weight: F) -> Self {
        Self {
            log_weight,
            env: PhantomData,
        }
    }
}

impl<E: Discrete, F: Fn(&<E as Environment>::State) -> f64 + Sync> Policy for ByParent<E, F> {
    type Env = E;

    fn scores(&self, frontier: &Frontier<'_, E>) -> Result<Scores> {
        let mut parents = Vec::with_capacity(frontier.parents.items().len());
        for (state, actions) in frontier.states.iter().zip(frontier.parents.rows()) {
            for &action in actions {
                let mut parent = state.clone();
                frontier.env.undo(&mut parent, action);
                parents.push((self.log_weight)(&parent));
            }
        }
        Ok(Scores {
            moves: vec![0.0; frontier.moves.items().len()],
            parents: Some(parents),
            log_flow: None,
        })
    }
}
