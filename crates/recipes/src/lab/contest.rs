//! The same network trained by different objectives, and what each comes to exactly.

use anabranch_core::encode::VectorEncoded;
use anabranch_core::objective::{FlowMatching, Objective};
use anabranch_core::{Enumerable, Environment, Trajectories};
use anabranch_learn::optim::{Adam, AdamConfig};
use anabranch_learn::policy::{MlpConfig, Model, Perceptron};
use anabranch_learn::step::{flow_matching_step, sample};

use super::{Exact, Figures, Training};
use crate::context::Context;

/// Trajectories in a batch.
pub const BATCH: usize = 16;

/// Steps of flow matching between two signs of life.
const SIGN: u64 = 20;

/// What a network is trained by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Learner {
    /// Trajectory balance with a learned log Z.
    TrajectoryBalance,
    /// Detailed balance.
    DetailedBalance,
    /// Sub-trajectory balance with this lambda.
    SubTrajectoryBalance(f64),
    /// Flow matching, with log edge flows in place of a policy.
    FlowMatching,
}

impl Learner {
    /// Short name: "TB", "SubTB 0.9".
    pub fn name(self) -> String {
        match self {
            Self::TrajectoryBalance => "TB".into(),
            Self::DetailedBalance => "DB".into(),
            Self::SubTrajectoryBalance(lambda) => format!("SubTB {lambda}"),
            Self::FlowMatching => "FM".into(),
        }
    }

    /// The objective on whole trajectories; none for flow matching.
    pub fn objective(self) -> Option<Objective> {
        match self {
            Self::TrajectoryBalance => Some(Objective::TrajectoryBalance),
            Self::DetailedBalance => Some(Objective::DetailedBalance),
            Self::SubTrajectoryBalance(lambda) => Some(Objective::SubTrajectoryBalance { lambda }),
            Self::FlowMatching => None,
        }
    }

    /// A perceptron of two layers of 64 with the heads that the learner needs, its first weights drawn
    /// from the stream "init".
    pub fn model<E: VectorEncoded>(self, env: &E, context: &Context<'_>) -> Perceptron<E> {
        let objective = self.objective();
        let config = MlpConfig {
            hidden: 64,
            layers: 2,
            learned_backward: objective.is_some(),
            shared_trunk: true,
            flow: objective.is_some_and(|o| o.needs_flow()),
        };
        let mut rng = context.seed().stream("init", &[]);
        Perceptron::new(env, 0, config, 0.0, &mut rng)
    }
}

/// The learning rates of every learner: 0.001 for the network, 0.1 for log Z.
pub fn rates() -> AdamConfig {
    AdamConfig::with_rates(1e-3, 0.1)
}

/// One environment on which learners are compared, all with batches of [`BATCH`] on policy.
pub struct Contest<'a, E: Enumerable, R> {
    /// The environment written down.
    pub exact: &'a Exact<'a, E>,
    /// Where it trains.
    pub env: &'a E,
    /// log R(x) in nats.
    pub log_reward: R,
    /// For the progress bar: "length 6".
    pub name: &'a str,
    /// Trajectories of each learner, a multiple of [`BATCH`].
    pub trajectories: u64,
}

impl<E, R> Contest<'_, E, R>
where
    E: Enumerable + VectorEncoded,
    R: Fn(&E::State) -> f64,
{
    /// Trains by `learner` on policy.
    ///
    /// # Errors
    /// Where sampling or a step fails, and where the run was interrupted.
    pub fn run(&self, context: &Context<'_>, learner: Learner) -> anyhow::Result<Figures> {
        self.run_with(context, learner, |model, step| {
            let streams = (context.seed(), "rollout", step);
            Ok(sample(self.env, model, &[], BATCH, streams)?)
        })
    }

    /// Trains by `learner` on what `sampler(model, step)` gives.
    ///
    /// # Errors
    /// Where sampling or a step fails, and where the run was interrupted.
    pub fn run_with(
        &self,
        context: &Context<'_>,
        learner: Learner,
        mut sampler: impl FnMut(&Perceptron<E>, u64) -> anyhow::Result<Trajectories<E>>,
    ) -> anyhow::Result<Figures> {
        let name = format!("{}, {}", self.name, learner.name());
        let steps = self.trajectories / BATCH as u64;
        let mut model = learner.model(self.env, context);
        if let Some(objective) = learner.objective() {
            let training = Training {
                name: &name,
                env: self.env,
                steps,
                adam: rates(),
            };
            let loss = |terms: &_| objective.loss(terms);
            training.run(context, &mut model, sampler, loss, &self.log_reward)?;
        } else {
            let mut adam = Adam::new(rates(), model.params());
            for step in 0..steps {
                if step % SIGN == 0 {
                    context.progress(&name, step, steps)?;
                }
                let trajectories = sampler(&model, step)?;
                let rewards = log_rewards(&trajectories, &self.log_reward);
                let config = FlowMatching::default();
                let env = self.env;
                flow_matching_step(env, &mut model, &mut adam, config, &trajectories, &rewards)?;
            }
        }
        self.exact.figures(&model)
    }
}

/// `[B]` log R of the objects of `trajectories`.
pub fn log_rewards<E: Environment>(
    trajectories: &Trajectories<E>,
    log_reward: impl Fn(&E::State) -> f64,
) -> Vec<f64> {
    trajectories.objects().iter().map(log_reward).collect()
}
