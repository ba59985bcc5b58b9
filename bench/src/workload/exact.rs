//! The exact terminating distribution of a trained policy.

use anabranch_core::Frontier;
use anabranch_core::exact::{Dag, terminating_distribution};
use anabranch_envs::hypergrid::{Cell, Hypergrid};
use anabranch_learn::policy::{Perceptron, Policy};
use anabranch_learn::segment::log_softmax_rows;
use anyhow::Result;
use rayon::prelude::*;

use super::hypergrid::hypergrid;
use super::{Done, Workload};
use crate::training::Training;

/// Steps of training before the first evaluation.
const STEPS: usize = 200;
const BATCH: usize = 16;
/// States scored at once.
const STATES_PER_PASS: usize = 1024;

/// Log-probabilities of all cells under a perceptron that was trained a little.
pub struct ExactGrid {
    training: Training<Perceptron<Hypergrid>>,
    dag: Dag<Cell>,
}

impl ExactGrid {
    /// Writes the grid down and trains.
    ///
    /// # Errors
    /// Sizes out of range.
    pub fn new(dims: usize, side: usize) -> Result<Self> {
        let mut training = hypergrid(dims, side, BATCH)?;
        for _ in 0..STEPS {
            training.step()?;
        }
        let dag = Dag::new(training.env())?;
        Ok(Self { training, dag })
    }

    /// The cells and the moves between them.
    pub fn dag(&self) -> &Dag<Cell> {
        &self.dag
    }

    /// `[M]` log P_F of every move of every cell.
    ///
    /// # Errors
    /// Where the policy cannot score.
    pub fn log_pf(&self) -> Result<Vec<f64>> {
        let (env, model) = (self.training.env(), self.training.model());
        let parts: Result<Vec<Vec<f64>>> = self
            .dag
            .states()
            .par_chunks(STATES_PER_PASS)
            .map(|states| {
                let frontier = Frontier::new(env, states.to_vec(), Vec::new());
                let scores = model.scores(&frontier)?;
                Ok(log_softmax_rows(&frontier.moves, &scores.moves))
            })
            .collect();
        Ok(parts?.concat())
    }

    /// `[N]` log-probability that a trajectory ends in each cell.
    ///
    /// # Errors
    /// Where the policy cannot score.
    pub fn evaluate(&self) -> Result<Vec<f64>> {
        Ok(terminating_distribution(&self.dag, &self.log_pf()?))
    }
}

impl Workload for ExactGrid {
    fn unit(&mut self) -> Result<Done> {
        std::hint::black_box(self.evaluate()?);
        Ok(Done {
            units: 1,
            ..Done::default()
        })
    }
}
