//! A grid on which moves go astray.

use std::ops::Range;

use anabranch_core::exact::Dag;
use anabranch_core::metric::total_variation;
use anabranch_core::objective::Objective;
use anabranch_core::{Enumerable, Frontier, Seed};
use anabranch_envs::hypergrid::{Cell, Hypergrid, Terminal};
use anabranch_envs::stochastic::{NoisyCell, NoisyGrid};
use anabranch_learn::params::Params;
use anabranch_learn::policy::{
    LogZPullback, Model, Perceptron, Policy, Pullback, Scores, ScoresGrad,
};

use super::balance::{falling, network};
use crate::context::Context;
use crate::lab::{Exact, Training, epsilon};

/// A model of the agent; in odd states chance decides, by its known log-probabilities.
struct KnownChance<M>(M);

/// Writes what chance does over the scores of odd states, and returns where these stand.
fn with_chance(frontier: &Frontier<'_, NoisyGrid>, scores: &mut Scores) -> Vec<Range<usize>> {
    let mut fixed = Vec::new();
    for (row, state) in frontier.states.iter().enumerate() {
        if let Some(log_p) = frontier.env.chance(state) {
            let range = frontier.moves.range(row);
            scores.moves[range.clone()].copy_from_slice(&log_p);
            fixed.push(range);
        }
    }
    fixed
}

impl<M: Policy<Env = NoisyGrid>> Policy for KnownChance<M> {
    type Env = NoisyGrid;

    fn scores(&self, frontier: &Frontier<'_, NoisyGrid>) -> anabranch_learn::Result<Scores> {
        let mut scores = self.0.scores(frontier)?;
        with_chance(frontier, &mut scores);
        Ok(scores)
    }
}

impl<M: Model<Env = NoisyGrid>> Model for KnownChance<M> {
    fn forward(
        &self,
        frontier: &Frontier<'_, NoisyGrid>,
    ) -> anabranch_learn::Result<(Scores, Pullback<'_>)> {
        let (mut scores, inner) = self.0.forward(frontier)?;
        let fixed = with_chance(frontier, &mut scores);
        let pullback = move |grad: &ScoresGrad| {
            let mut grad = grad.clone();
            for range in &fixed {
                grad.moves[range.clone()].fill(0.0);
            }
            inner(&grad)
        };
        Ok((scores, Box::new(pullback)))
    }

    fn forward_log_z(
        &self,
        conditions: &[f32],
        count: usize,
    ) -> anabranch_learn::Result<(Vec<f64>, LogZPullback<'_>)> {
        self.0.forward_log_z(conditions, count)
    }

    fn params(&self) -> &Params {
        self.0.params()
    }

    fn params_mut(&mut self) -> &mut Params {
        self.0.params_mut()
    }
}

/// Spread of the scores of the policy that makes the reward.
const SPREAD: f64 = 3.0;

pub(super) fn run(context: &mut Context) -> anyhow::Result<()> {
    let noisy = NoisyGrid::new(6, 0.2)?;
    let dag = Dag::new(&noisy)?;
    let teacher = noisy.random_policy(&dag, SPREAD, Seed::new(0));
    let reward = noisy.realisable_reward(&dag, &teacher);
    let log_rewards = dag.log_reward(&reward)?;
    let log_reward = |state: &NoisyCell| log_rewards[noisy.index(state)];
    let exact = Exact::new(&noisy, log_reward)?;
    let steps = context.scaled(6000, 100);
    let objective = Objective::DetailedBalance;

    let mut rng = context.seed().stream("init", &[7]);
    let mut model = KnownChance(Perceptron::new(&noisy, 0, network(64, true), 0.0, &mut rng));
    let training = Training {
        name: "known noise",
        env: &noisy,
        steps,
        adam: falling(1e-3, steps),
    };
    let sampler = epsilon(&noisy, context.seed(), 16, 0.1);
    training.run(
        context,
        &mut model,
        sampler,
        |t| objective.loss(t),
        log_reward,
    )?;
    let tv = exact.figures(&model)?.total_variation;
    context.record("stochastic", "tv_known_noise", tv);

    // The naive agent takes every move for done: it learns on the grid without noise.
    let grid = Hypergrid::new(2, 6, Terminal::All)?;
    let even = |cell: &Cell| NoisyCell {
        cell: [cell.0[0] as u8, cell.0[1] as u8],
        chosen: None,
    };
    let mut naive = Perceptron::new(&grid, 0, network(64, true), 0.0, &mut rng);
    let training = Training {
        name: "noise ignored",
        env: &grid,
        steps,
        adam: falling(1e-3, steps),
    };
    let sampler = epsilon(&grid, context.seed(), 16, 0.1);
    let objective_of = |t: &_| objective.loss(t);
    let plain = |cell: &Cell| log_reward(&even(cell));
    training.run(context, &mut naive, sampler, objective_of, plain)?;
    let without = Exact::new(&grid, plain)?;
    let figures = without.figures(&naive)?;
    context.record(
        "stochastic",
        "tv_naive_without_noise",
        figures.total_variation,
    );
    let mut agent = vec![0.0; dag.num_moves()];
    for (number, cell) in without.dag.states().iter().enumerate() {
        let place = noisy.index(&even(cell));
        agent[dag.moves(place)].copy_from_slice(&figures.log_pf[without.dag.moves(number)]);
    }
    let log_p = noisy.terminating_distribution(&dag, &agent);
    let tv = total_variation(&log_p, &exact.target);
    context.record("stochastic", "tv_noise_ignored", tv);
    Ok(())
}
