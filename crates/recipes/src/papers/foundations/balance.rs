//! Detailed balance on single transitions from anywhere.

use std::sync::Arc;

use anabranch_core::env::moves;
use anabranch_core::exact::Dag;
use anabranch_core::rng::Stream;
use anabranch_core::{Enumerable, Environment, Frontier, Move};
use anabranch_envs::anchored::Descendants;
use anabranch_learn::optim::{Adam, AdamConfig};
use anabranch_learn::policy::{MlpConfig, Model, ScoresGrad};
use anabranch_learn::schedule::Schedule;
use anabranch_learn::segment::Softmax;
use anyhow::Context as _;
use rand::RngExt;

use crate::context::Context;

/// Transitions in one update.
pub(super) const BATCH: usize = 64;

/// Updates between two signs of life.
const SIGN: u64 = 50;

/// One edge, drawn from anywhere.
pub(super) struct Transition<S> {
    /// The state that it leaves.
    pub from: S,
    /// `[C]` conditioning vector.
    pub condition: Vec<f32>,
    /// Which of the moves of `from` it is.
    pub place: usize,
    /// log P_B of coming back; of stopping, log R(from).
    pub log_back: f64,
}

/// The networks of all parts.
pub(super) fn network(hidden: usize, learned_backward: bool) -> MlpConfig {
    MlpConfig {
        hidden,
        layers: 2,
        learned_backward,
        shared_trunk: true,
        flow: true,
    }
}

/// Adam whose learning rate falls on a straight line to 1 % over `steps`.
pub(super) fn falling(rate: f64, steps: u64) -> AdamConfig {
    let line = Schedule::Linear {
        start: rate,
        end: 0.01 * rate,
        steps,
    };
    AdamConfig {
        learning_rate: line,
        log_z_learning_rate: line,
        ..AdamConfig::with_rates(rate, rate)
    }
}

/// Trains `model` for `updates` on transitions that `draw` gives, with a learning rate that falls from
/// `rate`.
pub(super) fn train<M: Model>(
    context: &Context<'_>,
    (name, updates, rate): (&str, u64, f64),
    env: &M::Env,
    model: &mut M,
    draw: impl Fn(&mut Stream) -> Transition<<M::Env as Environment>::State>,
) -> anyhow::Result<()> {
    let mut adam = Adam::new(falling(rate, updates), model.params());
    let mut rng = context.seed().stream(name, &[]);
    for update in 0..updates {
        if update % SIGN == 0 {
            context.progress(name, update, updates)?;
        }
        let batch: Vec<_> = (0..BATCH).map(|_| draw(&mut rng)).collect();
        step(env, model, &mut adam, &batch)?;
    }
    Ok(())
}

/// One update with the mean square of log F(s) + log P_F - log F(s') - log P_B, where stopping has
/// log R(s) in place of the last two (arXiv 2111.09266, section 3).
fn step<M: Model>(
    env: &M::Env,
    model: &mut M,
    adam: &mut Adam,
    batch: &[Transition<<M::Env as Environment>::State>],
) -> anyhow::Result<()> {
    let mut states: Vec<_> = batch.iter().map(|t| t.from.clone()).collect();
    let mut conditions: Vec<f32> = batch.iter().flat_map(|t| t.condition.clone()).collect();
    let mut listed = Vec::new();
    let mut children = Vec::with_capacity(batch.len());
    for transition in batch {
        listed.clear();
        moves(env, &transition.from, &mut listed);
        children.push(match listed[transition.place] {
            Move::Stop => None,
            Move::Apply(action) => {
                let mut child = transition.from.clone();
                env.step(&mut child, action);
                states.push(child);
                conditions.extend(&transition.condition);
                Some(states.len() - 1)
            }
        });
    }
    let frontier = Frontier::new(env, states, conditions);
    let (scores, pullback) = model.forward(&frontier)?;
    let log_flow = scores.log_flow.context("the model has no flow head")?;
    let pf = Softmax::rows(&frontier.moves, &scores.moves);
    let mut grad_moves = vec![0.0; pf.probs.len()];
    let mut grad_flow = vec![0.0; log_flow.len()];
    for (row, (transition, child)) in batch.iter().zip(children).enumerate() {
        let place = transition.place;
        let moves = frontier.moves.range(row);
        let forward = log_flow[row] + pf.log_probs[moves.start + place];
        let back = transition.log_back + child.map_or(0.0, |child| log_flow[child]);
        let slope = 2.0 * (forward - back) / batch.len() as f64;
        grad_flow[row] += slope;
        if let Some(child) = child {
            grad_flow[child] -= slope;
        }
        pf.add_choice_gradient(moves, place, slope, &mut grad_moves);
    }
    let gradients = pullback(&ScoresGrad {
        moves: grad_moves,
        parents: scores.parents.map(|parents| vec![0.0; parents.len()]),
        log_flow: Some(grad_flow),
    });
    adam.update(model.params_mut(), &gradients)?;
    Ok(())
}

/// What lies below some anchors: the sub-graph of an anchor's descendants, with uniform P_B over those
/// parents that descend from it too.
pub(super) struct Below<'a, S> {
    dag: &'a Dag<S>,
    closure: Arc<Descendants<S>>,
    log_reward: &'a [f64],
    /// Number of each anchor, and those of its descendants.
    members: Vec<(usize, Vec<usize>)>,
}

impl<'a, S: Clone + std::fmt::Debug + PartialEq> Below<'a, S> {
    pub(super) fn new(dag: &'a Dag<S>, log_reward: &'a [f64], anchors: Vec<usize>) -> Self {
        let closure = Descendants::new(dag);
        let members = anchors
            .into_iter()
            .map(|anchor| (anchor, closure.of(anchor).collect()));
        Self {
            members: members.collect(),
            dag,
            closure,
            log_reward,
        }
    }

    /// An anchor, a state below it and a move, each drawn evenly; `condition` is made of the anchor.
    pub(super) fn draw(
        &self,
        condition: impl Fn(&S) -> Vec<f32>,
        rng: &mut Stream,
    ) -> Transition<S> {
        let (anchor, members) = &self.members[rng.random_range(0..self.members.len())];
        let from = members[rng.random_range(0..members.len())];
        let moves = self.dag.moves(from);
        let place = rng.random_range(0..moves.len());
        let log_back = match self.dag.child(moves.start + place) {
            None => self.log_reward[from],
            Some(child) => {
                let parents = self.dag.parents(child);
                let below = parents
                    .filter(|&p| self.closure.contains(*anchor, self.dag.parent_state(p)))
                    .count();
                -(below as f64).ln()
            }
        };
        Transition {
            from: self.dag.states()[from].clone(),
            condition: condition(&self.dag.states()[*anchor]),
            place,
            log_back,
        }
    }
}

/// `[N]` log F of the states `states` under `conditions` `[N, C]`.
pub(super) fn log_flows<M: Model>(
    env: &M::Env,
    model: &M,
    states: Vec<<M::Env as Environment>::State>,
    conditions: Vec<f32>,
) -> anyhow::Result<Vec<f64>>
where
    M::Env: Enumerable,
{
    let frontier = Frontier::new(env, states, conditions);
    let scores = model.scores(&frontier)?;
    scores.log_flow.context("the model has no flow head")
}
