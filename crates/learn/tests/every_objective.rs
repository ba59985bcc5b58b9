//! One learning test for each objective that `learning.rs` does not have, judged by exact total
//! variation: a table on the 6 x 6 grid, trained by the objective alone.

mod common;

use anabranch_core::exact::{Dag, target, terminating_distribution, uniform_log_pf};
use anabranch_core::metric::total_variation;
use anabranch_core::objective::{
    Balance, Baseline, Centre, Correction, EntropicPpo, FlowMatching, LikelihoodWeights,
    Munchausen, Objective, PathCountLoss, Residual, SoftQ, SubTrajectoryWeighting,
    TransitionReduction, backward_likelihood, path_count_balance,
};
use anabranch_core::{Enumerable, Given, Seed, Terms, Trajectories};
use anabranch_envs::hypergrid::{Cell, Hypergrid, Terminal};
use anabranch_learn::optim::{Adam, AdamConfig};
use anabranch_learn::policy::{Adapt, EdgeFlows, MlpConfig, Model, Perceptron, Tabular, Uniform};
use anabranch_learn::step::{flow_matching_step, sample, terms, train_step};
use common::exact_total_variation;

fn grid() -> (Hypergrid, impl Fn(&Cell) -> f64 + Copy) {
    let grid = Hypergrid::new(2, 6, Terminal::All).expect("a sound grid");
    let reward = grid.corners(0.1).expect("a sound reward");
    (grid, move |cell: &Cell| reward.reward(cell).ln())
}

/// Everything that an objective may want to know; the prior and the guide are uniform.
fn given(
    env: &Hypergrid,
    trajectories: &Trajectories<Hypergrid>,
    behaviour: &Terms,
    log_reward: impl Fn(&Cell) -> f64,
) -> Given {
    let zeros = vec![0.0; trajectories.len()];
    let prior = terms(env, &Uniform::new(), trajectories, &zeros, &zeros).expect("terms");
    let dag = Dag::new(env).expect("keeps its contract");
    let counts = anabranch_core::exact::log_path_counts(&dag);
    let objects = trajectories.objects();
    Given {
        log_reward_at: Some(trajectories.states.items().iter().map(log_reward).collect()),
        log_prior: Some(prior.sum_log_pf()),
        log_guide: Some(prior.sum_log_pb()),
        log_path_count: Some(objects.iter().map(|x| counts[env.index(x)]).collect()),
        log_pf_behaviour: Some(behaviour.log_pf.clone()),
        ..Given::default()
    }
}

/// Trains `model` on trajectories of its own, with random moves where the objective allows them.
fn train(model: &mut impl Model<Env = Hypergrid>, objective: Objective, steps: u64, rate: f64) {
    let (env, log_reward) = grid();
    let mut adam = Adam::new(AdamConfig::with_rates(rate, 0.1), model.params());
    let epsilon = if objective.is_off_policy() { 0.05 } else { 0.0 };
    for step in 0..steps {
        let at = (Seed::new(7), "rollout", step);
        let batch = sample(&env, &(&*model).epsilon(epsilon), &[], 16, at).expect("samples");
        let rewards: Vec<f64> = batch.objects().iter().map(log_reward).collect();
        let loss = |now: &Terms| objective.loss_given(now, &given(&env, &batch, now, log_reward));
        train_step(&env, model, &mut adam, loss, &batch, &rewards)
            .unwrap_or_else(|error| panic!("{objective:?}: {error}"));
    }
}

fn judged(objective: Objective, within: f64) {
    let (env, log_reward) = grid();
    let mut model = EdgeFlows(Tabular::new(&env));
    train(&mut model, objective, 1200, 0.05);
    let tv = exact_total_variation(&env, &model, log_reward);
    println!("{tv:.4}  {objective:?}");
    assert!(tv < within, "{objective:?}: total variation {tv}");
}

#[test]
fn balance_objectives_with_every_cost_of_a_residual() {
    for residual in [
        Residual::HalfSquared,
        Residual::Absolute,
        Residual::Huber { delta: 1.0 },
        Residual::ShiftedCosh,
        Residual::Linex { a: 1.0 },
    ] {
        let balance = Balance::DetailedBalance {
            reduction: TransitionReduction::Mean,
        };
        judged(Objective::Shaped { balance, residual }, 0.1);
    }
}

#[test]
fn every_weighting_of_sub_trajectories() {
    for weighting in [
        SubTrajectoryWeighting::Transitions,
        SubTrajectoryWeighting::TransitionsWithin,
        SubTrajectoryWeighting::Whole,
        SubTrajectoryWeighting::Geometric { lambda: 0.9 },
        SubTrajectoryWeighting::Equal,
        SubTrajectoryWeighting::EqualWithin,
    ] {
        let balance = Balance::SubTrajectoryBalance { weighting };
        let residual = Residual::Squared;
        judged(Objective::Shaped { balance, residual }, 0.1);
    }
}

#[test]
fn objectives_that_look_at_the_reward_of_every_state() {
    let (reduction, residual) = (TransitionReduction::Mean, Residual::Squared);
    judged(
        Objective::ModifiedDetailedBalance {
            reduction,
            residual,
        },
        0.06,
    );
    // The table learns log F~, so that it is no edge flow here.
    let (env, log_reward) = grid();
    for objective in [
        Objective::ForwardLookingDetailedBalance {
            reduction,
            residual,
        },
        Objective::ForwardLookingSubTrajectoryBalance {
            weighting: SubTrajectoryWeighting::default(),
            residual,
        },
    ] {
        let mut model = Tabular::new(&env);
        train(&mut model, objective, 1200, 0.05);
        let tv = exact_total_variation(&env, &model, log_reward);
        println!("{tv:.4}  {objective:?}");
        assert!(tv < 0.06, "{objective:?}: total variation {tv}");
    }
}

#[test]
fn objectives_of_entropic_reinforcement_learning() {
    let soft = |correction| {
        Objective::SoftQLearning(SoftQ {
            correction,
            ..SoftQ::default()
        })
    };
    judged(soft(Correction::BackwardPolicy), 0.06);
    judged(soft(Correction::PathCounts), 0.06);
    judged(
        Objective::PathConsistency {
            correction: Correction::BackwardPolicy,
            weighting: SubTrajectoryWeighting::default(),
            residual: Residual::Squared,
        },
        0.06,
    );
}

/// Without a correction the law is n(x) R(x).
#[test]
fn soft_q_learning_without_correction_over_samples_what_has_many_ways() {
    let (env, log_reward) = grid();
    let objective = Objective::SoftQLearning(SoftQ {
        correction: Correction::None,
        ..SoftQ::default()
    });
    let mut model = EdgeFlows(Tabular::new(&env));
    train(&mut model, objective, 1200, 0.05);
    let dag = Dag::new(&env).expect("keeps its contract");
    let counts = anabranch_core::exact::log_path_counts(&dag);
    let biased = |cell: &Cell| log_reward(cell) + counts[env.index(cell)];
    let (right, wrong) = (
        exact_total_variation(&env, &model, log_reward),
        exact_total_variation(&env, &model, biased),
    );
    println!("to R {right:.4}, to n R {wrong:.4}");
    assert!(right > 0.4 && wrong < 0.06, "{right} {wrong}");
}

#[test]
fn objectives_of_the_policy_gradient_family() {
    for baseline in [Baseline::BatchMean, Baseline::LeaveOneOut, Baseline::LogZ] {
        judged(Objective::PolicyGradient { baseline }, 0.1);
    }
    // Flows learn values here and must not be the policy's own edge flows.
    let (env, log_reward) = grid();
    for objective in [
        Objective::PolicyGradient {
            baseline: Baseline::Flow,
        },
        Objective::PolicyGradient {
            baseline: Baseline::Gae { lambda: 0.7 },
        },
        Objective::EntropicPpo(EntropicPpo::default()),
    ] {
        let mut model = Tabular::new(&env);
        train(&mut model, objective, 1500, 0.05);
        let tv = exact_total_variation(&env, &model, log_reward);
        println!("{tv:.4}  {objective:?}");
        assert!(tv < 0.1, "{objective:?}: total variation {tv}");
    }
}

#[test]
fn log_partition_variances_likelihood_and_guidance() {
    judged(
        Objective::MaximumLikelihood {
            weights: LikelihoodWeights::Importance,
        },
        0.12,
    );
    judged(Objective::WeightedLogPartitionVariance { power: 0.5 }, 0.06);
    judged(Objective::ConditionalLogPartitionVariance, 0.06);
    judged(
        Objective::GuidedTrajectoryBalance {
            weight: 0.0,
            residual: Residual::Squared,
        },
        0.06,
    );
}

/// The posterior of a prior: p(x) in proportion to p_prior(x) R(x).
#[test]
fn relative_objectives_learn_the_posterior_of_the_prior() {
    let (env, log_reward) = grid();
    let dag = Dag::new(&env).expect("keeps its contract");
    let prior = terminating_distribution(&dag, &uniform_log_pf(&dag));
    let posterior = |cell: &Cell| log_reward(cell) + prior[env.index(cell)];
    let residual = Residual::HalfSquared;
    for objective in [
        Objective::RelativeTrajectoryBalance { residual },
        Objective::RelativeLogPartitionVariance {
            centre: Centre::default(),
            residual,
        },
        Objective::TrustPathConsistency {
            alpha: 1.0,
            residual,
        },
    ] {
        let mut model = EdgeFlows(Tabular::new(&env));
        train(&mut model, objective, 1200, 0.05);
        let tv = exact_total_variation(&env, &model, posterior);
        println!("{tv:.4}  {objective:?}");
        assert!(tv < 0.06, "{objective:?}: total variation {tv}");
    }
    let rewards: Vec<f64> = dag.states().iter().map(log_reward).collect();
    let apart = total_variation(&target(&rewards), &prior);
    assert!(apart > 0.2, "the prior is no target by itself: {apart}");
}

#[test]
fn flow_matching_original_and_in_logs() {
    let (env, log_reward) = grid();
    for config in [
        FlowMatching::default(),
        FlowMatching {
            log_epsilon: Some(1e-4_f64.ln()),
            leaf_weight: 5.0,
            ..FlowMatching::default()
        },
    ] {
        let mut model = Tabular::new(&env);
        let mut adam = Adam::new(AdamConfig::with_rates(0.05, 0.1), model.params());
        for step in 0..1200 {
            let at = (Seed::new(2), "rollout", step);
            let batch = sample(&env, &(&model).epsilon(0.05), &[], 16, at).expect("samples");
            let rewards: Vec<f64> = batch.objects().iter().map(log_reward).collect();
            flow_matching_step(&env, &mut model, &mut adam, config, &batch, &rewards)
                .expect("trains");
        }
        let tv = exact_total_variation(&env, &model, log_reward);
        println!("{tv:.4}  {config:?}");
        assert!(tv < 0.06, "{config:?}: total variation {tv}");
    }
}

fn perceptron(env: &Hypergrid, flow: bool) -> Perceptron<Hypergrid> {
    let config = MlpConfig {
        hidden: 64,
        layers: 2,
        learned_backward: true,
        shared_trunk: false,
        flow,
    };
    let mut rng = Seed::new(3).stream("init", &[]);
    Perceptron::new(env, 0, config, 0.0, &mut rng)
}

/// Trajectory likelihood: P_B follows the trajectories, and P_F the balance with it.
#[test]
fn a_backward_policy_trained_by_likelihood() {
    let (env, log_reward) = grid();
    let mut model = perceptron(&env, false);
    let mut adam = Adam::new(AdamConfig::with_rates(3e-3, 0.1), model.params());
    for step in 0..1500 {
        let at = (Seed::new(4), "rollout", step);
        let batch = sample(&env, &(&model).epsilon(0.05), &[], 16, at).expect("samples");
        let rewards: Vec<f64> = batch.objects().iter().map(log_reward).collect();
        let loss = |terms: &Terms| {
            let mut loss = Objective::TrajectoryBalance.loss(terms)?;
            loss.grad.log_pb = backward_likelihood(terms)?.grad.log_pb;
            Ok(loss)
        };
        train_step(&env, &mut model, &mut adam, loss, &batch, &rewards).expect("trains");
    }
    let tv = exact_total_variation(&env, &model, log_reward);
    println!("trajectory likelihood: {tv:.4}");
    assert!(tv < 0.1, "total variation {tv}");
}

/// Munchausen's addition leaves the optimum where it is; flows have a head of their own there.
#[test]
fn soft_q_learning_with_munchausens_addition() {
    let (env, log_reward) = grid();
    let mut model = Tabular::new(&env);
    let objective = Objective::SoftQLearning(SoftQ {
        munchausen: Some(Munchausen::default()),
        ..SoftQ::default()
    });
    train(&mut model, objective, 8000, 0.05);
    let tv = exact_total_variation(&env, &model, log_reward);
    println!("Munchausen: {tv:.4}");
    assert!(tv < 0.06, "total variation {tv}");
}

/// The two steps of guided trajectory balance: P_B learns the uniform guide, and P_F its balance.
#[test]
fn guidance_teaches_the_backward_policy() {
    let (env, log_reward) = grid();
    let mut model = perceptron(&env, false);
    let mut adam = Adam::new(AdamConfig::with_rates(3e-3, 0.1), model.params());
    let residual = Residual::Squared;
    let forward = Objective::GuidedTrajectoryBalance {
        weight: 0.5,
        residual,
    };
    for step in 0..1500 {
        let at = (Seed::new(6), "rollout", step);
        let batch = sample(&env, &(&model).epsilon(0.05), &[], 16, at).expect("samples");
        let rewards: Vec<f64> = batch.objects().iter().map(log_reward).collect();
        let loss = |terms: &Terms| {
            let given = given(&env, &batch, terms, log_reward);
            let mut loss = forward.loss_given(terms, &given)?;
            let backward = Objective::BackwardGuidance { residual };
            loss.grad.log_pb = backward.loss_given(terms, &given)?.grad.log_pb;
            Ok(loss)
        };
        train_step(&env, &mut model, &mut adam, loss, &batch, &rewards).expect("trains");
    }
    let tv = exact_total_variation(&env, &model, log_reward);
    let states = env.states();
    let frontier = anabranch_core::Frontier::new(&env, states, Vec::new());
    let scores = anabranch_learn::policy::Policy::scores(&model, &frontier).expect("scores");
    let learned = scores.parents.expect("a backward head");
    let log_pb = anabranch_learn::segment::log_softmax_rows(&frontier.parents, &learned);
    let rows = (0..frontier.len()).map(|row| frontier.parents.range(row));
    let farthest = rows
        .flat_map(|row| row.clone().map(move |i| (i, row.len() as f64)))
        .map(|(i, parents)| (log_pb[i].exp() - 1.0 / parents).abs())
        .fold(0.0, f64::max);
    println!("guided: total variation {tv:.4}, P_B off by at most {farthest:.4}");
    assert!(tv < 0.1 && farthest < 0.15, "{tv} {farthest}");
}

/// log n(s) by balance on the reversed process, from random trajectories.
#[test]
fn path_counts_are_learned() {
    let (env, _) = grid();
    let dag = Dag::new(&env).expect("keeps its contract");
    let counts = anabranch_core::exact::log_path_counts(&dag);
    let mut model = perceptron(&env, true);
    let mut adam = Adam::new(AdamConfig::with_rates(3e-3, 0.0), model.params());
    for step in 0..2000 {
        let at = (Seed::new(5), "rollout", step);
        let batch = sample(&env, &Uniform::new(), &[], 16, at).expect("samples");
        let zeros = vec![0.0; batch.len()];
        let loss = |terms: &Terms| {
            path_count_balance(terms, PathCountLoss::SubTrajectory, Residual::Squared)
        };
        train_step(&env, &mut model, &mut adam, loss, &batch, &zeros).expect("trains");
    }
    let frontier = anabranch_core::Frontier::new(&env, dag.states().to_vec(), Vec::new());
    let scores = anabranch_learn::policy::Policy::scores(&model, &frontier).expect("scores");
    let learned = scores.log_flow.expect("a flow head");
    // l(s_0) is pinned to 0 in the loss, whatever the head says there.
    let errors = (1..dag.len()).map(|s| (learned[s] - counts[s]).abs());
    let mean = errors.sum::<f64>() / (dag.len() - 1) as f64;
    println!("mean error of log n: {mean:.4}");
    assert!(mean < 0.25, "mean error of log n: {mean}");
}
