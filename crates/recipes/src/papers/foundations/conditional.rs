//! One sampler for a family of rewards: Branin against Currin on a grid.

use anabranch_core::objective::Objective;
use anabranch_core::rng::Stream;
use anabranch_core::{Enumerable, Reward};
use anabranch_envs::hypergrid::{BraninCurrin, Cell, Hypergrid, Terminal};
use anabranch_learn::optim::{Adam, AdamConfig};
use anabranch_learn::policy::{Adapt, MlpConfig, Model, Perceptron};
use anabranch_learn::step::{sample, train_step};
use rand::RngExt;

use super::balance::falling;
use crate::context::Context;
use crate::lab::Exact;

/// Trajectories in one step.
const BATCH: usize = 64;

/// Weight of Branin (Currin has the rest) and exponent.
#[derive(Clone, Copy)]
struct Condition {
    weight: f64,
    beta: f64,
}

impl Condition {
    /// The weights from Dirichlet(1.5, 1.5), the exponent from Gamma(2, 1).
    fn draw(rng: &mut Stream) -> Self {
        // A coordinate of an even point of the disc has the density sqrt(x (1 - x)) of Beta(1.5, 1.5).
        let (radius, angle): (f64, f64) = (rng.random::<f64>().sqrt(), rng.random());
        let weight = 0.5 + 0.5 * radius * (std::f64::consts::TAU * angle).cos();
        // The sum of two exponentials has Gamma(2, 1); 1 - u is never 0.
        let waits = [rng.random::<f64>(), rng.random::<f64>()].map(|u| -(1.0 - u).ln());
        let weight = weight.clamp(0.0, 1.0);
        let beta = (waits[0] + waits[1]).max(1e-6);
        Self { weight, beta }
    }

    fn vector(self) -> [f32; 3] {
        [self.weight, 1.0 - self.weight, self.beta].map(|v| v as f32)
    }

    fn reward(self, grid: Hypergrid) -> anyhow::Result<BraninCurrin> {
        let weights = [self.weight, 1.0 - self.weight];
        Ok(BraninCurrin::new(grid, weights, self.beta)?)
    }

    /// 11 weights with 5 exponents each.
    fn tests() -> impl Iterator<Item = Self> {
        let weights = (0..=10).map(|w| f64::from(w) / 10.0);
        weights.flat_map(|weight| [1.0, 2.0, 4.0, 8.0, 16.0].map(|beta| Self { weight, beta }))
    }
}

pub(super) fn run(context: &mut Context) -> anyhow::Result<()> {
    let grid = Hypergrid::new(2, context.scaled(32, 8), Terminal::Border)?;
    for (name, width) in [("conditional", 3), ("unconditional", 0)] {
        let model = train(context, grid, name, width)?;
        let mut total = 0.0;
        let mut by_beta = [0.0; 5];
        for (index, condition) in Condition::tests().enumerate() {
            context.progress(name, index as u64, 55)?;
            let log_reward = condition.reward(grid)?.log_reward(&grid.states())?;
            let at = |cell: &Cell| log_reward[grid.index(cell)];
            let exact = Exact::new(&grid, at)?;
            let vector = condition.vector();
            let figures = exact.figures_under(&model, &vector[..width])?;
            total += figures.total_variation / 55.0;
            by_beta[index % 5] += figures.total_variation / 11.0;
        }
        context.record("conditional", &format!("tv_{name}"), total);
        for (beta, tv) in [1, 2, 4, 8, 16].into_iter().zip(by_beta) {
            context.record("conditional", &format!("tv_{name}_beta_{beta:02}"), tv);
        }
    }
    Ok(())
}

/// Trajectory balance over conditions drawn anew for each trajectory; the model sees the first `width`
/// numbers of them, all or none.
fn train(
    context: &Context,
    grid: Hypergrid,
    name: &str,
    width: usize,
) -> anyhow::Result<Perceptron<Hypergrid>> {
    let config = MlpConfig {
        hidden: 64,
        layers: 3,
        learned_backward: false,
        shared_trunk: true,
        flow: false,
    };
    let seed = context.seed();
    let mut model = Perceptron::new(&grid, width, config, 0.0, &mut seed.stream("init", &[5]));
    let steps = context.scaled(5000, 50);
    let config = AdamConfig {
        weight_decay: 1e-4,
        ..falling(1e-2, steps)
    };
    let mut adam = Adam::new(config, model.params());
    let mut rng = seed.stream("conditions", &[]);
    for step in 0..steps {
        if step % 20 == 0 {
            context.progress(name, step, steps)?;
        }
        let drawn: Vec<Condition> = (0..BATCH).map(|_| Condition::draw(&mut rng)).collect();
        let vectors: Vec<f32> = drawn
            .iter()
            .flat_map(|c| c.vector()[..width].to_vec())
            .collect();
        let explorer = (&model).epsilon(0.01);
        let trajectories = sample(&grid, &explorer, &vectors, BATCH, (seed, "grid", step))?;
        let rewards = drawn.iter().enumerate().map(|(i, condition)| {
            let reward = condition.reward(grid)?;
            Ok(reward.log_reward(&[*trajectories.object(i)])?[0])
        });
        let rewards = rewards.collect::<anyhow::Result<Vec<f64>>>()?;
        let objective = Objective::TrajectoryBalance;
        let loss = |terms: &_| objective.loss(terms);
        train_step(&grid, &mut model, &mut adam, loss, &trajectories, &rewards)?;
    }
    Ok(model)
}
