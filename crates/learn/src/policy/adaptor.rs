//! Exploration as adaptors around a policy: `policy.tempered(2.0).epsilon(0.05)`.

use std::marker::PhantomData;

use anabranch_core::{Discrete, Frontier, Ragged};

use super::{Policy, Scores};
use crate::error::Result;
use crate::segment::Softmax;

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

/// How the moves of a rollout differ from the policy's own: [`Adapt`]'s two adaptors in one, the
/// temperature first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exploration {
    /// What forward scores are divided by.
    pub temperature: f64,
    /// Probability of a uniform move, per step.
    pub epsilon: f64,
}

impl Exploration {
    /// The policy itself.
    pub const NONE: Self = Self {
        temperature: 1.0,
        epsilon: 0.0,
    };

    /// `[M]` probabilities of the moves, from their scores and the policy's own `softmax` of them.
    pub(crate) fn probabilities<T>(
        &self,
        moves: &Ragged<T>,
        scores: &[f64],
        softmax: &Softmax,
    ) -> Vec<f64> {
        let mut probs = if self.temperature == 1.0 {
            softmax.probs.clone()
        } else {
            let scores: Vec<f64> = scores.iter().map(|s| s / self.temperature).collect();
            Softmax::rows(moves, &scores).probs
        };
        if self.epsilon > 0.0 {
            for row in 0..moves.len() {
                let range = moves.range(row);
                let uniform = self.epsilon / range.len() as f64;
                for p in &mut probs[range] {
                    *p = (1.0 - self.epsilon) * *p + uniform;
                }
            }
        }
        probs
    }
}

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
            let exploration = Exploration {
                epsilon: self.epsilon,
                ..Exploration::NONE
            };
            let softmax = Softmax::rows(&frontier.moves, &scores.moves);
            scores.moves = exploration.probabilities(&frontier.moves, &scores.moves, &softmax);
            scores.moves.iter_mut().for_each(|p| *p = p.ln());
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
