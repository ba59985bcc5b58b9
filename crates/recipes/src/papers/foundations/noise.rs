//! A grid on which moves go astray.

use std::ops::Range;

use anabranch_core::exact::Dag;
use anabranch_core::metric::total_variation;
use anabranch_core::objective::Objective;
use anabranch_core::{Enumerable, Frontier, Seed, Terms};
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

    // Every second edge of a trajectory is chance; who ignores it takes what happens for what was chosen.
    let ignoring = |terms: &Terms| {
        let mut terms = terms.clone();
        for index in 0..terms.len() {
            for edge in terms.range(index).skip(1).step_by(2) {
                terms.log_pf[edge] = 0.0;
            }
        }
        objective.loss(&terms)
    };
    for (name, known) in [("known_noise", true), ("noise_ignored", false)] {
        let loss = |terms: &Terms| match known {
            true => objective.loss(terms),
            false => ignoring(terms),
        };
        let mut rng = context.seed().stream("init", &[7]);
        let network = Perceptron::new(&noisy, 0, network(64, true), 0.0, &mut rng);
        let mut model = KnownChance(network);
        let training = Training {
            name,
            env: &noisy,
            steps,
            adam: falling(1e-3, steps),
        };
        let sampler = epsilon(&noisy, context.seed(), 16, 0.1);
        training.run(context, &mut model, sampler, loss, log_reward)?;
        let tv = exact.figures(&model)?.total_variation;
        context.record("stochastic", &format!("tv_{name}"), tv);
    }

    planned(context, &noisy, &exact, steps)
}

/// Another agent that ignores the noise learns on the grid without any; its policy then meets it.
fn planned(
    context: &mut Context,
    noisy: &NoisyGrid,
    exact: &Exact<'_, NoisyGrid>,
    steps: u64,
) -> anyhow::Result<()> {
    let grid = Hypergrid::new(2, noisy.side(), Terminal::All)?;
    let place = |cell: &Cell| {
        noisy.index(&NoisyCell {
            cell: [cell.0[0] as u8, cell.0[1] as u8],
            chosen: None,
        })
    };
    let log_reward = |cell: &Cell| exact.log_reward[place(cell)];
    let mut rng = context.seed().stream("init", &[8]);
    let mut model = Perceptron::new(&grid, 0, network(64, true), 0.0, &mut rng);
    let training = Training {
        name: "planned without noise",
        env: &grid,
        steps,
        adam: falling(1e-3, steps),
    };
    let sampler = epsilon(&grid, context.seed(), 16, 0.1);
    let loss = |terms: &Terms| Objective::DetailedBalance.loss(terms);
    training.run(context, &mut model, sampler, loss, log_reward)?;
    let without = Exact::new(&grid, log_reward)?;
    let figures = without.figures(&model)?;
    let mut agent = vec![0.0; exact.dag.num_moves()];
    for (number, cell) in without.dag.states().iter().enumerate() {
        let own = without.dag.moves(number);
        agent[exact.dag.moves(place(cell))].copy_from_slice(&figures.log_pf[own]);
    }
    let log_p = noisy.terminating_distribution(&exact.dag, &agent);
    let tv = total_variation(&log_p, &exact.target);
    context.record("stochastic", "tv_planned_without_noise", tv);
    Ok(())
}
