//! Learning a policy that is known, to see what of it can be learned.

use anabranch_core::exact::Dag;
use anabranch_core::{Enumerable, Frontier};
use anabranch_learn::optim::{Adam, AdamConfig};
use anabranch_learn::policy::{Model, ScoresGrad};
use anabranch_learn::segment::log_softmax_rows;
use rand::RngExt;

use crate::context::Context;

/// Gradient steps between two signs of life.
const SIGN: u64 = 20;

/// Regression of log P_F on a part of the states: "distillation" of Atanackovic and Bengio 2025, arXiv
/// 2402.05309.
pub struct Distillation<'a, E: Enumerable> {
    /// What is learned, for the progress bar.
    pub name: &'a str,
    /// Where the policy lives.
    pub env: &'a E,
    /// Its states and edges.
    pub dag: &'a Dag<E::State>,
    /// `[M]` log P_F of each move, to be learned.
    pub target: &'a [f64],
    /// Gradient steps.
    pub steps: u64,
    /// States in a batch, drawn with replacement.
    pub batch: usize,
    /// Optimiser.
    pub adam: AdamConfig,
}

impl<E: Enumerable> Distillation<'_, E> {
    /// Minimises the mean over the moves of a batch of (log P_F - target)^2, on `states` alone.
    ///
    /// # Errors
    /// Where the model cannot score or a gradient is not finite, and where the run was interrupted.
    pub fn run<M: Model<Env = E>>(
        &self,
        context: &Context<'_>,
        model: &mut M,
        states: &[usize],
    ) -> anyhow::Result<()> {
        let mut optimizer = Adam::new(self.adam.clone(), model.params());
        for step in 0..self.steps {
            if step % SIGN == 0 {
                context.progress(self.name, step, self.steps)?;
            }
            let mut stream = context.seed().stream("distillation", &[step]);
            let drawn = (0..self.batch).map(|_| states[stream.random_range(0..states.len())]);
            let drawn: Vec<usize> = drawn.collect();
            let copies = drawn.iter().map(|&s| self.dag.states()[s].clone());
            let frontier = Frontier::new(self.env, copies.collect(), Vec::new());
            let (scores, pullback) = model.forward(&frontier)?;
            let log_pf = log_softmax_rows(&frontier.moves, &scores.moves);
            let target = drawn.iter().flat_map(|&s| &self.target[self.dag.moves(s)]);
            let count = log_pf.len() as f64;
            let residuals = log_pf.iter().zip(target);
            let mut moves: Vec<f64> = residuals.map(|(p, t)| 2.0 * (p - t) / count).collect();
            // Through the softmax: each score lowers every log P_F of its state.
            for row in 0..frontier.len() {
                let range = frontier.moves.range(row);
                let sum: f64 = moves[range.clone()].iter().sum();
                for index in range {
                    moves[index] -= sum * log_pf[index].exp();
                }
            }
            let gradients = pullback(&ScoresGrad {
                moves,
                parents: None,
                log_flow: None,
            });
            optimizer.update(model.params_mut(), &gradients)?;
        }
        context.progress(self.name, self.steps, self.steps)?;
        Ok(())
    }

    /// Mean of |log P_F - target| over the moves of `states`, where `log_pf` is `[M]`.
    pub fn error(&self, log_pf: &[f64], states: &[usize]) -> f64 {
        let moves = states.iter().flat_map(|&state| self.dag.moves(state));
        let (mut sum, mut count) = (0.0, 0);
        for index in moves {
            sum += (log_pf[index] - self.target[index]).abs();
            count += 1;
        }
        sum / f64::from(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Exact;
    use anabranch_core::exact::{exact_flows, uniform_log_pb};
    use anabranch_envs::hypergrid::{Hypergrid, Terminal};
    use anabranch_learn::policy::Tabular;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn a_table_learns_what_it_is_shown_and_nothing_else() {
        let grid = Hypergrid::new(2, 4, Terminal::All).expect("a grid");
        let reward = grid.corners(0.01).expect("a reward");
        let exact = Exact::new(&grid, |cell| reward.reward(cell).ln()).expect("writes down");
        let log_pb = uniform_log_pb(&exact.dag);
        let flows = exact_flows(&exact.dag, &exact.log_reward, &log_pb);
        let task = Distillation {
            name: "a grid",
            env: &grid,
            dag: &exact.dag,
            target: &flows.log_pf,
            steps: 500,
            batch: 16,
            adam: AdamConfig::with_rates(0.05, 0.0),
        };
        let (shown, hidden): (Vec<usize>, Vec<usize>) =
            (0..exact.dag.len()).partition(|s| s % 4 > 0);
        let mut table = Tabular::new(&grid);
        let untrained = exact.figures(&table).expect("scores").log_pf;
        let (stop, quiet) = (AtomicBool::new(false), |_| {});
        let context = Context::new(0, true, &stop, &quiet);
        task.run(&context, &mut table, &shown).expect("learns");
        let log_pf = exact.figures(&table).expect("scores").log_pf;
        assert!(
            task.error(&log_pf, &shown) < 1e-3,
            "{}",
            task.error(&log_pf, &shown)
        );
        assert!(task.error(&untrained, &shown) > 0.1);
        assert_eq!(
            task.error(&log_pf, &hidden),
            task.error(&untrained, &hidden)
        );
    }
}
