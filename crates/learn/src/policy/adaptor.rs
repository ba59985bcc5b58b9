//! Exploration as adaptors around a policy: `policy.tempered(2.0).epsilon(0.05)`.

use std::marker::PhantomData;

use anabranch_core::{Discrete, Frontier};

use super::{Policy, Scores};
use crate::error::Result;
use crate::segment::log_softmax_rows;

/// Makes adaptors of any policy.
pub trait Adapt: Policy + Sized {
    /// Mixes in the uniform policy over legal moves with probability `epsilon` per step.
    fn epsilon(self, epsilon: f64) -> EpsilonUniform<Self> {
        EpsilonUniform {
            policy: self,
            epsilon,
        }
    }

    /// Divides forward scores by `temperature`: above 1 explores, below 1 sharpens.
    fn tempered(self, temperature: f64) -> Tempered<Self> {
        Tempered {
            policy: self,
            temperature,
        }
    }
}

impl<P: Policy> Adapt for P {}

/// See [`Adapt::epsilon`]. Backward scores and flows are those of the policy inside.
pub struct EpsilonUniform<P> {
    policy: P,
    epsilon: f64,
}

impl<P: Policy> Policy for EpsilonUniform<P> {
    type Env = P::Env;

    fn scores(&self, frontier: &Frontier<'_, Self::Env>) -> Result<Scores> {
        let mut scores = self.policy.scores(frontier)?;
        if self.epsilon > 0.0 {
            scores.moves = log_softmax_rows(&frontier.moves, &scores.moves);
            for row in 0..frontier.len() {
                let range = frontier.moves.range(row);
                let uniform = self.epsilon / range.len() as f64;
                for score in &mut scores.moves[range] {
                    *score = ((1.0 - self.epsilon) * score.exp() + uniform).ln();
                }
            }
        }
        Ok(scores)
    }
}

/// See [`Adapt::tempered`].
pub struct Tempered<P> {
    policy: P,
    temperature: f64,
}

impl<P: Policy> Policy for Tempered<P> {
    type Env = P::Env;

    fn scores(&self, frontier: &Frontier<'_, Self::Env>) -> Result<Scores> {
        let mut scores = self.policy.scores(frontier)?;
        scores.moves.iter_mut().for_each(|s| *s /= self.temperature);
        Ok(scores)
    }
}

/// The policy that knows nothing: uniform over legal moves and over parents.
pub struct Uniform<E>(PhantomData<fn() -> E>);

impl<E> Uniform<E> {
    /// For any environment.
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E> Default for Uniform<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Discrete> Policy for Uniform<E> {
    type Env = E;

    fn scores(&self, frontier: &Frontier<'_, E>) -> Result<Scores> {
        Ok(Scores {
            moves: vec![0.0; frontier.moves.items().len()],
            parents: None,
            log_flow: None,
        })
    }
}
