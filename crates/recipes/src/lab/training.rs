//! The loop that most recipes train with.

use anabranch_core::rng::Seed;
use anabranch_core::{CoreError, Environment, Loss, Terms, Trajectories};
use anabranch_learn::optim::{Adam, AdamConfig};
use anabranch_learn::policy::{Adapt, Model};
use anabranch_learn::step::{sample, train_step};

use crate::context::Context;

/// Steps between two signs of life.
const SIGN: u64 = 20;

/// What a training loop is told.
pub struct Training<'a, E> {
    /// What is trained, for the progress bar: "FM, R0 = 0.1".
    pub name: &'a str,
    /// Where it trains.
    pub env: &'a E,
    /// Gradient steps.
    pub steps: u64,
    /// Optimiser.
    pub adam: AdamConfig,
}

/// What training came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trained {
    /// Trajectories that were trained on.
    pub trajectories: u64,
    /// States in them, each as often as it was visited; the sink is none.
    pub visited: u64,
    /// Loss of the last batch.
    pub loss: f64,
}

impl<E> Training<'_, E> {
    /// Trains `model`; see [`run_with`](Self::run_with), which also looks at the model on the way.
    ///
    /// # Errors
    /// Where sampling or a step fails, and where the run was interrupted.
    pub fn run<M: Model<Env = E>>(
        &self,
        context: &Context<'_>,
        model: &mut M,
        sampler: impl FnMut(&M, u64) -> anyhow::Result<Trajectories<E>>,
        objective: impl Fn(&Terms) -> Result<Loss, CoreError>,
        log_reward: impl Fn(&E::State) -> f64,
    ) -> anyhow::Result<Trained>
    where
        E: Environment,
    {
        let never = |_: u64, _: &M| Ok(());
        self.run_with(context, model, sampler, objective, log_reward, never)
    }

    /// Trains `model`: in each step `sampler(model, step)` gives trajectories ([`on_policy`],
    /// [`epsilon`], or one's own from replay), `log_reward(object)` says what they are worth, in nats, and
    /// `objective(terms)` what is to be minimised. `after(steps, model)` is called after each step, with
    /// the number of steps done.
    ///
    /// # Errors
    /// Where sampling, a step or `after` fails, and where the run was interrupted.
    pub fn run_with<M: Model<Env = E>>(
        &self,
        context: &Context<'_>,
        model: &mut M,
        mut sampler: impl FnMut(&M, u64) -> anyhow::Result<Trajectories<E>>,
        objective: impl Fn(&Terms) -> Result<Loss, CoreError>,
        log_reward: impl Fn(&E::State) -> f64,
        mut after: impl FnMut(u64, &M) -> anyhow::Result<()>,
    ) -> anyhow::Result<Trained>
    where
        E: Environment,
    {
        let mut optimizer = Adam::new(self.adam.clone(), model.params());
        let mut trained = Trained {
            trajectories: 0,
            visited: 0,
            loss: f64::NAN,
        };
        for step in 0..self.steps {
            if step % SIGN == 0 {
                context.progress(self.name, step, self.steps)?;
            }
            let trajectories = sampler(model, step)?;
            let rewards: Vec<f64> = trajectories.objects().iter().map(&log_reward).collect();
            let progress = train_step(
                self.env,
                model,
                &mut optimizer,
                &objective,
                &trajectories,
                &rewards,
            )?;
            trained.trajectories += trajectories.len() as u64;
            trained.visited += trajectories.states.items().len() as u64;
            trained.loss = progress.loss;
            after(step + 1, model)?;
        }
        context.progress(self.name, self.steps, self.steps)?;
        Ok(trained)
    }
}

/// A sampler of `batch` trajectories of the model's own policy in each step.
pub fn on_policy<M: Model>(
    env: &M::Env,
    seed: Seed,
    batch: usize,
) -> impl FnMut(&M, u64) -> anyhow::Result<Trajectories<M::Env>> {
    move |model, step| Ok(sample(env, model, &[], batch, (seed, "rollout", step))?)
}

/// As [`on_policy`], with each move drawn uniformly with probability `epsilon` instead.
pub fn epsilon<M: Model>(
    env: &M::Env,
    seed: Seed,
    batch: usize,
    epsilon: f64,
) -> impl FnMut(&M, u64) -> anyhow::Result<Trajectories<M::Env>> {
    move |model, step| {
        let explorer = model.epsilon(epsilon);
        Ok(sample(env, &explorer, &[], batch, (seed, "rollout", step))?)
    }
}
