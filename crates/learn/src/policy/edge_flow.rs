//! State flows read off edge flows: log F(s) as the log-sum-exp of a state's forward scores.

use anabranch_core::logspace::log_sum_exp;
use anabranch_core::{Frontier, Ragged};

use super::{LogZPullback, Model, Policy, Pullback, Scores, ScoresGrad};
use crate::error::Result;
use crate::params::Params;
use crate::segment::log_softmax_rows;

/// A model whose forward scores are log edge flows: log F(s) is their log-sum-exp and P_F their softmax
/// (Bengio et al. 2021, arXiv 2106.04399; reparametrisation (b) of arXiv 2111.09266). Any flow head of
/// the model inside is not looked at.
///
/// With it a score is log F(s -> s') = log F(s) + log P_F(s' | s), and Q(s, a) of soft Q-learning.
pub struct EdgeFlows<M>(
    /// The model whose scores are edge flows.
    pub M,
);

fn with_sums<T>(rows: &Ragged<T>, mut scores: Scores) -> Scores {
    let sums = (0..rows.len()).map(|row| log_sum_exp(&scores.moves[rows.range(row)]));
    scores.log_flow = Some(sums.collect());
    scores
}

impl<M: Policy> Policy for EdgeFlows<M> {
    type Env = M::Env;

    fn scores(&self, frontier: &Frontier<'_, Self::Env>) -> Result<Scores> {
        Ok(with_sums(&frontier.moves, self.0.scores(frontier)?))
    }
}

impl<M: Model> Model for EdgeFlows<M> {
    fn forward(&self, frontier: &Frontier<'_, Self::Env>) -> Result<(Scores, Pullback<'_>)> {
        let (scores, inner) = self.0.forward(frontier)?;
        let rows = frontier.moves.offsets().to_vec();
        let log_pf = log_softmax_rows(&frontier.moves, &scores.moves);
        let pullback = move |grad: &ScoresGrad| {
            let mut moves = grad.moves.clone();
            for (row, slope) in grad.log_flow.iter().flatten().enumerate() {
                for index in rows[row]..rows[row + 1] {
                    moves[index] += slope * log_pf[index].exp();
                }
            }
            inner(&ScoresGrad {
                moves,
                parents: grad.parents.clone(),
                log_flow: None,
            })
        };
        Ok((with_sums(&frontier.moves, scores), Box::new(pullback)))
    }

    fn forward_log_z(
        &self,
        conditions: &[f32],
        count: usize,
    ) -> Result<(Vec<f64>, LogZPullback<'_>)> {
        self.0.forward_log_z(conditions, count)
    }

    fn params(&self) -> &Params {
        self.0.params()
    }

    fn params_mut(&mut self) -> &mut Params {
        self.0.params_mut()
    }
}
