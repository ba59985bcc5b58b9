//! Soft Q-learning with a target network.

use std::cell::RefCell;

use anabranch_core::Given;
use anabranch_core::encode::VectorEncoded;
use anabranch_core::objective::{Correction, SoftQ, soft_q_learning};
use anabranch_learn::policy::{Adapt, EdgeFlows, MlpConfig, Model, Perceptron};
use anabranch_learn::schedule::Schedule;
use anabranch_learn::step::{sample, terms};

use crate::context::Context;
use crate::lab::Training;

/// How much of its values the target network keeps in each step: tau = 0.25 of the soft DQN of gfnx.
const KEPT: f32 = 0.75;

/// Soft Q-learning: Q(s, a) is a score of a perceptron, V(s) the log-sum-exp of a state's scores, and the
/// value of the next state that of an average of past weights. Moves are drawn uniformly with a
/// probability that falls from 1 to 0.1 over the first half of the steps (Deleu et al. 2024, arXiv
/// 2402.10309), from the policy otherwise.
///
/// Tiapkin et al. 2023, arXiv 2310.12934; which correction makes it a GFlowNet: Mohammadpour et al. 2023,
/// arXiv 2312.14331.
pub struct SoftQTraining<'a, E> {
    /// Environment, steps and optimiser.
    pub training: Training<'a, E>,
    /// Trajectories in each step.
    pub batch: usize,
    /// Sizes of the network of scores.
    pub network: MlpConfig,
    /// What the reward of a step is.
    pub correction: Correction,
}

impl<E: VectorEncoded> SoftQTraining<'_, E> {
    /// Trains a network on `log_reward(object)` with `log_path_count(object)`, which only
    /// [`Correction::PathCounts`] looks at; both in nats.
    ///
    /// # Errors
    /// Those of [`Training::run`].
    pub fn run(
        &self,
        context: &Context<'_>,
        log_reward: impl Fn(&E::State) -> f64,
        log_path_count: impl Fn(&E::State) -> f64,
    ) -> anyhow::Result<EdgeFlows<Perceptron<E>>> {
        let (seed, env) = (context.seed(), self.training.env);
        let mut rng = seed.stream("init", &[]);
        let mut model = EdgeFlows(Perceptron::new(env, 0, self.network, 0.0, &mut rng));
        let averaged = RefCell::new(model.params().clone());
        let given = RefCell::new(Given::default());
        let config = SoftQ {
            correction: self.correction,
            ..SoftQ::default()
        };
        let epsilon = Schedule::Linear {
            start: 1.0,
            end: 0.1,
            steps: self.training.steps / 2,
        };
        self.training.run_with(
            context,
            &mut model,
            |model: &EdgeFlows<Perceptron<E>>, step| {
                let explorer = model.epsilon(epsilon.at(step));
                let drawn = sample(env, &explorer, &[], self.batch, (seed, "rollout", step))?;
                let target = EdgeFlows(model.0.with_params(averaged.borrow().clone()));
                // The value of a state depends on neither: log Z and log R are not looked at.
                let none = vec![0.0; drawn.len()];
                let objects = drawn.objects();
                *given.borrow_mut() = Given {
                    log_flow_target: terms(env, &target, &drawn, &none, &none)?.log_flow,
                    log_path_count: Some(objects.iter().map(&log_path_count).collect()),
                    ..Given::default()
                };
                Ok(drawn)
            },
            |terms| soft_q_learning(terms, &given.borrow(), config),
            &log_reward,
            |_, model| {
                averaged.borrow_mut().average_towards(model.params(), KEPT);
                Ok(())
            },
        )?;
        Ok(model)
    }
}
