//! One learning test for each objective, judged by exact total variation on the 8 x 8 grid.

mod common;

use anabranch_core::Seed;
use anabranch_core::objective::Objective;
use anabranch_envs::hypergrid::{Cell, Hypergrid, Terminal};
use anabranch_learn::optim::AdamConfig;
use anabranch_learn::policy::{Mlp, MlpConfig, Model, Neural, Tabular};
use common::{exact_total_variation, train};

const OBJECTIVES: [Objective; 4] = [
    Objective::TrajectoryBalance,
    Objective::DetailedBalance,
    Objective::SubTrajectoryBalance { lambda: 0.9 },
    Objective::LogPartitionVariance,
];

fn grid(side: usize) -> (Hypergrid, impl Fn(&Cell) -> f64) {
    let grid = Hypergrid::new(2, side, Terminal::All).expect("a sound grid");
    let reward = grid.corners(0.1).expect("a sound reward");
    (grid, move |cell: &Cell| reward.reward(cell).ln())
}

#[test]
fn every_objective_learns_the_target_with_a_table() {
    for objective in OBJECTIVES {
        let (env, log_reward) = grid(6);
        let mut model = Tabular::new(&env);
        train(
            &env,
            &mut model,
            &objective,
            AdamConfig::with_rates(0.03, 0.1),
            1500,
            &log_reward,
        );
        let tv = exact_total_variation(&env, &model, &log_reward);
        assert!(tv < 0.06, "{objective:?}: total variation {tv}");
    }
}

#[test]
fn every_objective_learns_the_target_with_a_perceptron_and_both_backward_policies() {
    for (objective, learned_backward) in OBJECTIVES.into_iter().zip([true, false, true, false]) {
        let (env, log_reward) = grid(8);
        let config = MlpConfig {
            hidden: 64,
            layers: 2,
            learned_backward,
            shared_trunk: learned_backward,
            flow: objective.needs_flow(),
        };
        let mut rng = Seed::new(1).stream("init", &[]);
        let mut model = Neural::new(Mlp::new(&env, 0, config), 0, 0.0, &mut rng);
        train(
            &env,
            &mut model,
            &objective,
            AdamConfig::with_rates(3e-3, 0.1),
            1000,
            &log_reward,
        );
        let tv = exact_total_variation(&env, &model, &log_reward);
        assert!(tv < 0.1, "{objective:?}: total variation {tv}");
    }
}

#[test]
fn one_thread_and_two_give_the_same_bytes() {
    let weights = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("threads");
        pool.install(|| {
            let (env, log_reward) = grid(8);
            let config = MlpConfig {
                hidden: 32,
                layers: 2,
                learned_backward: true,
                shared_trunk: true,
                flow: true,
            };
            let mut rng = Seed::new(1).stream("init", &[]);
            let mut model = Neural::new(Mlp::new(&env, 0, config), 0, 0.0, &mut rng);
            let objective = Objective::SubTrajectoryBalance { lambda: 0.9 };
            let mut optimizer = anabranch_learn::optim::Adam::new(
                AdamConfig::with_rates(1e-3, 0.1),
                model.params(),
            );
            for step in 0..10 {
                let at = (Seed::new(3), "rollout", step);
                // More than one shard, the last one smaller.
                let trajectories =
                    anabranch_learn::step::sample(&env, &model, &[], 40, at).expect("samples");
                let rewards: Vec<f64> = trajectories.objects().iter().map(&log_reward).collect();
                anabranch_learn::step::train_step(
                    &env,
                    &mut model,
                    &mut optimizer,
                    |terms| objective.loss(terms),
                    &trajectories,
                    &rewards,
                )
                .expect("trains");
            }
            model.params().clone()
        })
    };
    assert_eq!(weights(1), weights(2));
    assert_eq!(weights(1), weights(3));
}
