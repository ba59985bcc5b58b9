//! What the tests of this crate share.

#![allow(dead_code, reason = "each test file uses its part")]

use anabranch_core::exact::{Dag, target, terminating_distribution};
use anabranch_core::metric::total_variation;
use anabranch_core::objective::Objective;
use anabranch_core::{Enumerable, Environment, Frontier, Seed};
use anabranch_learn::optim::{Adam, AdamConfig};
use anabranch_learn::policy::{Adapt, Model, Policy};
use anabranch_learn::segment::log_softmax_rows;
use anabranch_learn::step::{sample, train_step};

/// Trains `model` on policy for `steps` steps of 16 trajectories with some exploration.
pub fn train<M: Model>(
    env: &M::Env,
    model: &mut M,
    objective: &Objective,
    config: AdamConfig,
    steps: u64,
    log_reward: impl Fn(&<M::Env as Environment>::State) -> f64,
) {
    let mut optimizer = Adam::new(config, model.params());
    let seed = Seed::new(0);
    for step in 0..steps {
        let explorer = (&*model).epsilon(0.05);
        let trajectories =
            sample(env, &explorer, &[], 16, (seed, "rollout", step)).expect("samples");
        let rewards: Vec<f64> = trajectories.objects().iter().map(&log_reward).collect();
        train_step(
            env,
            model,
            &mut optimizer,
            |terms| objective.loss(terms),
            &trajectories,
            &rewards,
        )
        .expect("trains");
    }
}

/// Exact total variation between what `policy` draws and R / Z.
pub fn exact_total_variation<E, P>(
    env: &E,
    policy: &P,
    log_reward: impl Fn(&E::State) -> f64,
) -> f64
where
    E: Enumerable,
    P: Policy<Env = E>,
{
    let dag = Dag::new(env).expect("the environment keeps its contract");
    let frontier = Frontier::new(env, dag.states().to_vec(), Vec::new());
    let scores = policy.scores(&frontier).expect("scores");
    let log_p = terminating_distribution(&dag, &log_softmax_rows(&frontier.moves, &scores.moves));
    let rewards: Vec<f64> = (0..dag.len())
        .map(|s| {
            if dag.can_stop(s) {
                log_reward(&dag.states()[s])
            } else {
                f64::NEG_INFINITY
            }
        })
        .collect();
    total_variation(&log_p, &target(&rewards))
}
