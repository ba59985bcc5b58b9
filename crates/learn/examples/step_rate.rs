//! Training steps a second with the perceptron in burn and in plain Rust, measured in turns:
//! both take the same steps from the same weights, so on the same trajectories but for rounding.
//!
//! `cargo run --release -p anabranch-learn --example step_rate [steps a turn]`

use std::time::Instant;

use anabranch_core::Seed;
use anabranch_core::objective::Objective;
use anabranch_envs::hypergrid::{Corners, Hypergrid, Terminal};
use anabranch_learn::optim::{Adam, AdamConfig};
use anabranch_learn::policy::{Adapt, Mlp, MlpConfig, Model, Neural, Perceptron};
use anabranch_learn::step::{sample, train_step};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const BATCH: usize = 16;
const TURNS: usize = 5;

/// A model in training.
struct Run<'a, M> {
    env: &'a Hypergrid,
    reward: &'a Corners,
    model: M,
    adam: Adam,
    step: u64,
    /// Visited so far.
    states: usize,
}

impl<'a, M: Model<Env = Hypergrid>> Run<'a, M> {
    fn new(env: &'a Hypergrid, reward: &'a Corners, model: M) -> Self {
        let adam = Adam::new(AdamConfig::with_rates(1e-3, 0.1), model.params());
        Self {
            env,
            reward,
            model,
            adam,
            step: 0,
            states: 0,
        }
    }

    /// Steps a second over the next `steps`.
    fn rate(&mut self, steps: u64) -> Result<f64> {
        let begin = Instant::now();
        for step in self.step..self.step + steps {
            let at = (Seed::new(0), "rollout", step);
            let explorer = (&self.model).epsilon(0.05);
            let trajectories = sample(self.env, &explorer, &[], BATCH, at)?;
            self.states += trajectories.states.items().len();
            let objects = trajectories.objects();
            let log_reward: Vec<f64> = objects
                .iter()
                .map(|cell| self.reward.reward(cell).ln())
                .collect();
            let objective = Objective::TrajectoryBalance;
            let (model, adam) = (&mut self.model, &mut self.adam);
            train_step(
                self.env,
                model,
                adam,
                |terms| objective.loss(terms),
                &trajectories,
                &log_reward,
            )?;
        }
        self.step += steps;
        Ok(steps as f64 / begin.elapsed().as_secs_f64())
    }
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn main() -> Result<()> {
    let steps: u64 = std::env::args().nth(1).map_or(Ok(100), |s| s.parse())?;
    println!("grid  hidden  states  burn/s  plain/s  ratio");
    for (dims, side) in [(2, 20), (4, 8)] {
        let env = Hypergrid::new(dims, side, Terminal::All)?;
        let reward = env.corners(0.1)?;
        for hidden in [64, 256] {
            let config = MlpConfig {
                hidden,
                layers: 2,
                learned_backward: false,
                shared_trunk: true,
                flow: false,
            };
            let mut rng = Seed::new(1).stream("init", &[]);
            let burn = Neural::new(Mlp::new(&env, 0, config), 0, 0.0, &mut rng);
            let mut rng = Seed::new(1).stream("init", &[]);
            let plain = Perceptron::new(&env, 0, config, 0.0, &mut rng);
            let mut burn = Run::new(&env, &reward, burn);
            let mut plain = Run::new(&env, &reward, plain);
            let (mut burn_rates, mut plain_rates) = (Vec::new(), Vec::new());
            for _ in 0..TURNS {
                burn_rates.push(burn.rate(steps)?);
                plain_rates.push(plain.rate(steps)?);
            }
            let states = plain.states / plain.step as usize;
            let (burn, plain) = (median(burn_rates), median(plain_rates));
            println!(
                "{side}^{dims:<4}{hidden:>6}{states:>8}{burn:>8.0}{plain:>9.0}{:>7.1}",
                plain / burn
            );
        }
    }
    Ok(())
}
