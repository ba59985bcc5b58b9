//! From trajectories to [`Terms`], and from the gradient of an objective back to a model.

use anabranch_core::{Discrete, Frontier, Move, Terms, TermsGrad, Trajectories};

use crate::error::{LearnError, Result};
use crate::policy::{Scores, ScoresGrad};
use crate::segment::{add_choice_gradient, log_softmax_rows};

/// Which listed edges a batch of trajectories went over, with their log-probabilities.
pub struct Choices {
    /// `[E]` place of the move that left each state among the state's moves.
    forward: Vec<usize>,
    /// `[E]` place of the action that entered each state among its parents; `None` at sources.
    backward: Vec<Option<usize>>,
    log_pf: Vec<f64>,
    log_pb: Option<Vec<f64>>,
    offsets: Vec<usize>,
}

/// The frontier of every visited state of `trajectories`, in their order: `N` = `E`.
pub fn visited<'a, E: Discrete>(env: &'a E, trajectories: &Trajectories<E>) -> Frontier<'a, E> {
    let conditions = (0..trajectories.len())
        .flat_map(|i| {
            trajectories
                .condition(i)
                .repeat(trajectories.states.row(i).len())
        })
        .collect();
    Frontier::new(env, trajectories.states.items().to_vec(), conditions)
}

impl Choices {
    /// Finds the edges of `trajectories` in `frontier`, which [`visited`] made, and their
    /// log-probabilities under `scores`.
    ///
    /// # Errors
    /// Where the environment does not list an edge that a trajectory went over.
    pub fn new<E: Discrete>(
        frontier: &Frontier<'_, E>,
        trajectories: &Trajectories<E>,
        scores: &Scores,
    ) -> Result<Self> {
        let mut forward = Vec::with_capacity(frontier.len());
        let mut backward = Vec::with_capacity(frontier.len());
        for i in 0..trajectories.len() {
            let range = trajectories.states.range(i);
            let moves = trajectories.moves.row(i);
            for (t, row) in range.enumerate() {
                let state = &frontier.states[row];
                let wanted = match moves[t] {
                    Move::Stop => Move::Stop,
                    Move::Apply(action) => Move::Apply(frontier.env.listed_action(state, action)),
                };
                let place = frontier.moves.row(row).iter().position(|m| *m == wanted);
                forward.push(place.ok_or_else(|| unlisted(&moves[t], state))?);
                backward.push(match t.checked_sub(1).map(|before| moves[before]) {
                    Some(Move::Apply(action)) => {
                        let wanted = frontier.env.listed_parent(state, action);
                        let place = frontier.parents.row(row).iter().position(|a| *a == wanted);
                        Some(place.ok_or_else(|| unlisted(&action, state))?)
                    }
                    _ => None,
                });
            }
        }
        Ok(Self {
            forward,
            backward,
            log_pf: log_softmax_rows(&frontier.moves, &scores.moves),
            log_pb: scores
                .parents
                .as_ref()
                .map(|parents| log_softmax_rows(&frontier.parents, parents)),
            offsets: trajectories.states.offsets().to_vec(),
        })
    }

    /// The terms of the trajectories, with `[B]` log Z and log R.
    pub fn terms<E: Discrete>(
        &self,
        frontier: &Frontier<'_, E>,
        scores: &Scores,
        log_z: Vec<f64>,
        log_reward: Vec<f64>,
    ) -> Terms {
        let edges = self.forward.len();
        let log_pf = (0..edges)
            .map(|row| self.log_pf[frontier.moves.range(row).start + self.forward[row]])
            .collect();
        // P_B of an edge stands with the state that it leaves; it is scored at the state it enters.
        let mut log_pb = vec![0.0; edges];
        for (row, choice) in self.backward.iter().enumerate() {
            if let Some(choice) = choice {
                let range = frontier.parents.range(row);
                log_pb[row - 1] = match &self.log_pb {
                    Some(log_pb) => log_pb[range.start + choice],
                    None => -(range.len() as f64).ln(),
                };
            }
        }
        Terms {
            offsets: self.offsets.clone(),
            log_pf,
            log_pb,
            log_flow: scores.log_flow.clone(),
            log_stop: Some(self.log_stop(frontier)),
            log_z,
            log_reward,
        }
    }

    /// `[E]` log-probability of stopping in each state, negative infinity where it cannot be done.
    fn log_stop<E: Discrete>(&self, frontier: &Frontier<'_, E>) -> Vec<f64> {
        (0..self.forward.len())
            .map(|row| stop_place(frontier, row).map_or(f64::NEG_INFINITY, |at| self.log_pf[at]))
            .collect()
    }

    /// dL/dscores from dL/dterms.
    pub fn pull_back<E: Discrete>(
        &self,
        frontier: &Frontier<'_, E>,
        grad: &TermsGrad,
    ) -> ScoresGrad {
        let mut moves = vec![0.0; self.log_pf.len()];
        for (row, choice) in self.forward.iter().enumerate() {
            let weight = grad.log_pf[row];
            add_choice_gradient(
                &frontier.moves,
                row,
                *choice,
                &self.log_pf,
                weight,
                &mut moves,
            );
            // Objectives that do not look at stopping have zeros here.
            let weight = grad.log_stop[row];
            if weight != 0.0
                && let Some(at) = stop_place(frontier, row)
            {
                let choice = at - frontier.moves.range(row).start;
                add_choice_gradient(
                    &frontier.moves,
                    row,
                    choice,
                    &self.log_pf,
                    weight,
                    &mut moves,
                );
            }
        }
        let parents = self.log_pb.as_ref().map(|log_pb| {
            let mut parents = vec![0.0; log_pb.len()];
            for (row, choice) in self.backward.iter().enumerate() {
                if let Some(choice) = choice {
                    let weight = grad.log_pb[row - 1];
                    add_choice_gradient(
                        &frontier.parents,
                        row,
                        *choice,
                        log_pb,
                        weight,
                        &mut parents,
                    );
                }
            }
            parents
        });
        ScoresGrad {
            moves,
            parents,
            log_flow: Some(grad.log_flow.clone()),
        }
    }
}

/// Where stopping stands among the moves (`[M]`) of state `row`: it is the last one.
fn stop_place<E: Discrete>(frontier: &Frontier<'_, E>, row: usize) -> Option<usize> {
    let last = frontier.moves.range(row).end - 1;
    (frontier.moves.items()[last] == Move::Stop).then_some(last)
}

fn unlisted(edge: &impl std::fmt::Debug, state: &impl std::fmt::Debug) -> LearnError {
    LearnError::UnlistedEdge {
        edge: format!("{edge:?}"),
        state: format!("{state:?}"),
    }
}
