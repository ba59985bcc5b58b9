//! One free number for every edge of an enumerable environment: the exact model.

use anabranch_core::{Enumerable, Frontier};

use super::{LogZPullback, Model, Policy, Pullback, Scores, ScoresGrad};
use crate::error::{LearnError, Result};
use crate::params::{Gradients, Params};

/// Tables of forward scores, log-flows and log Z; P_B is uniform.
///
/// A move's column is its place among the state's moves, so it needs no table of actions.
pub struct Tabular<E> {
    params: Params,
    columns: usize,
    states: usize,
    env: std::marker::PhantomData<fn() -> E>,
}

const FORWARD: usize = 0;
const FLOW: usize = 1;
const LOG_Z: usize = 2;

impl<E: Enumerable> Tabular<E> {
    /// All scores, flows and log Z start at zero.
    pub fn new(env: &E) -> Self {
        let states = env.states();
        let mut actions = Vec::new();
        let mut columns = 0;
        for state in &states {
            actions.clear();
            env.actions(state, &mut actions);
            columns = columns.max(actions.len() + 1);
        }
        let mut params = Params::new();
        params.constant("policy.forward", [states.len(), columns], 0.0);
        params.constant("policy.flow", [states.len(), 1], 0.0);
        params.constant("log_z.value", [1, 1], 0.0);
        Self {
            params,
            columns,
            states: states.len(),
            env: std::marker::PhantomData,
        }
    }

    fn table(&self, index: usize) -> &[f32] {
        self.params
            .iter()
            .nth(index)
            .map_or(&[], |param| &param.values)
    }

    /// `[N]` rows of the states and `[M]` places of the moves in the table.
    fn places(&self, frontier: &Frontier<'_, E>) -> Result<(Vec<usize>, Vec<usize>)> {
        let rows: Vec<usize> = frontier
            .states
            .iter()
            .map(|state| frontier.env.index(state))
            .collect();
        let mut moves = Vec::with_capacity(frontier.moves.items().len());
        for (row, edges) in rows.iter().zip(frontier.moves.rows()) {
            if *row >= self.states || edges.len() > self.columns {
                return Err(LearnError::Parameter {
                    name: "policy.forward".into(),
                    problem: format!("the table has no row {row} with {} moves", edges.len()),
                });
            }
            moves.extend((0..edges.len()).map(|column| row * self.columns + column));
        }
        Ok((rows, moves))
    }
}

impl<E: Enumerable> Policy for Tabular<E> {
    type Env = E;

    fn scores(&self, frontier: &Frontier<'_, E>) -> Result<Scores> {
        let (rows, moves) = self.places(frontier)?;
        let (forward, flow) = (self.table(FORWARD), self.table(FLOW));
        Ok(Scores {
            moves: moves.iter().map(|&i| f64::from(forward[i])).collect(),
            parents: None,
            log_flow: Some(rows.iter().map(|&i| f64::from(flow[i])).collect()),
        })
    }
}

impl<E: Enumerable> Model for Tabular<E> {
    fn forward(&self, frontier: &Frontier<'_, E>) -> Result<(Scores, Pullback<'_>)> {
        let scores = self.scores(frontier)?;
        let (rows, moves) = self.places(frontier)?;
        let pullback = move |grad: &ScoresGrad| {
            let mut gradients = self.params.zero_gradients();
            for (place, value) in moves.iter().zip(&grad.moves) {
                gradients[FORWARD][*place] += *value as f32;
            }
            for (place, value) in rows.iter().zip(grad.log_flow.iter().flatten()) {
                gradients[FLOW][*place] += *value as f32;
            }
            gradients
        };
        Ok((scores, Box::new(pullback)))
    }

    fn forward_log_z(&self, _: &[f32], count: usize) -> Result<(Vec<f64>, LogZPullback<'_>)> {
        let value = f64::from(self.table(LOG_Z)[0]);
        let pullback = move |grad: &[f64]| -> Gradients {
            let mut gradients = self.params.zero_gradients();
            gradients[LOG_Z][0] = grad.iter().sum::<f64>() as f32;
            gradients
        };
        Ok((vec![value; count], Box::new(pullback)))
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn params_mut(&mut self) -> &mut Params {
        &mut self.params
    }
}
