//! The forward policy that state flows imply where P_B is uniform.

use anabranch_core::env::Environment;
use anabranch_core::{Discrete, Frontier, Move};

use super::{Policy, Scores};
use crate::error::{LearnError, Result};

/// Log-flows of the children of `frontier` with what their edges carry: `[M]` log F(s') - log B(s') of
/// every action, where B counts the parents of s', and `log_reward(s)` of stopping.
///
/// The flow of each edge under uniform P_B; a row's log-sum-exp is the target of flow iteration (He et
/// al. 2024, arXiv 2406.02213, in the log form that holds on every DAG).
///
/// # Errors
/// Where `flows` cannot score the children or has no flow head.
pub fn child_flows<E: Discrete, P: Policy<Env = E>>(
    flows: &P,
    frontier: &Frontier<'_, E>,
    log_reward: impl Fn(&E::State) -> f64,
) -> Result<Vec<f64>> {
    let width = frontier.condition_width();
    let mut children = Vec::new();
    let mut conditions = Vec::new();
    for (row, state) in frontier.states.iter().enumerate() {
        for edge in frontier.moves.row(row) {
            if let Move::Apply(action) = *edge {
                let mut child = state.clone();
                frontier.env.step(&mut child, action);
                children.push(child);
                conditions.extend_from_slice(&frontier.conditions[row * width..(row + 1) * width]);
            }
        }
    }
    let children = Frontier::new(frontier.env, children, conditions);
    let log_flow = if children.is_empty() {
        Vec::new()
    } else {
        let scores = flows.scores(&children)?;
        scores.log_flow.ok_or_else(|| LearnError::Parameter {
            name: "policy.flow".into(),
            problem: "the policy follows state flows and the model has no flow head".into(),
        })?
    };
    let mut next = 0;
    let mut out = Vec::with_capacity(frontier.moves.items().len());
    for (row, state) in frontier.states.iter().enumerate() {
        for edge in frontier.moves.row(row) {
            out.push(match edge {
                Move::Stop => log_reward(state),
                Move::Apply(_) => {
                    next += 1;
                    log_flow[next - 1] - (children.parents.row(next - 1).len() as f64).ln()
                }
            });
        }
    }
    Ok(out)
}

/// P_F in proportion to F(s') / B(s'), and to R(s) for stopping; P_B is uniform. It asks for the reward
/// of every state that it visits where stopping is allowed.
pub struct StateFlows<P, R> {
    /// What gives log F(s).
    pub flows: P,
    /// log R(x) of a state where a trajectory may stop.
    pub log_reward: R,
}

impl<P, R> Policy for StateFlows<P, R>
where
    P: Policy,
    R: Fn(&<P::Env as Environment>::State) -> f64 + Sync,
{
    type Env = P::Env;

    fn scores(&self, frontier: &Frontier<'_, Self::Env>) -> Result<Scores> {
        Ok(Scores {
            moves: child_flows(&self.flows, frontier, &self.log_reward)?,
            parents: None,
            log_flow: self.flows.scores(frontier)?.log_flow,
        })
    }
}
