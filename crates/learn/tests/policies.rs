//! The policies that are made of others, and the steps that only they need.

mod common;

use anabranch_core::exact::{Dag, log_path_counts, terminating_distribution, trajectory_entropy};
use anabranch_core::objective::Objective;
use anabranch_core::{Enumerable, Environment, Frontier, Seed, Trajectories};
use anabranch_envs::hypergrid::{Cell, Hypergrid, Terminal};
use anabranch_learn::guide::SubstructureGuide;
use anabranch_learn::optim::{Adam, AdamConfig};
use anabranch_learn::policy::{
    ByParent, EdgeFlows, Mlp, MlpConfig, Model, Neural, Policy, ScoresGrad, StateFlows, Successor,
    SuccessorConfig, Tabular, Uniform, WithBackward, child_flows,
};
use anabranch_learn::segment::log_softmax_rows;
use anabranch_learn::step::{regress_flows, sample, train_step};
use anabranch_learn::thompson::{bootstrap, draw_heads};
use common::{exact_total_variation, train};

fn grid(side: usize, r0: f64) -> (Hypergrid, impl Fn(&Cell) -> f64 + Clone) {
    let grid = Hypergrid::new(2, side, Terminal::All).expect("a sound grid");
    let reward = grid.corners(r0).expect("a sound reward");
    (grid, move |cell: &Cell| reward.reward(cell).ln())
}

fn config(learned_backward: bool, flow: bool) -> MlpConfig {
    MlpConfig {
        hidden: 16,
        layers: 1,
        learned_backward,
        shared_trunk: true,
        flow,
    }
}

/// Central differences of `sum(weights * scores)` through a few parameters of every array.
fn check_gradient<M: Model>(
    env: &M::Env,
    model: &mut M,
    states: Vec<<M::Env as Environment>::State>,
) {
    let frontier = Frontier::new(env, states, Vec::new());
    let weight = |i: usize| ((i * 37 % 11) as f64 - 5.0) / 5.0;
    let value = |model: &M| -> f64 {
        let scores = model.scores(&frontier).expect("scores");
        let parts = [Some(scores.moves), scores.parents, scores.log_flow];
        let lists = parts.into_iter().flatten();
        lists
            .map(|list| {
                list.iter()
                    .enumerate()
                    .map(|(i, v)| weight(i) * v)
                    .sum::<f64>()
            })
            .sum()
    };
    let gradients = {
        let (scores, pullback) = model.forward(&frontier).expect("scores");
        let weights = |n: usize| (0..n).map(weight).collect::<Vec<f64>>();
        pullback(&ScoresGrad {
            moves: weights(scores.moves.len()),
            parents: scores.parents.map(|p| weights(p.len())),
            log_flow: scores.log_flow.map(|f| weights(f.len())),
        })
    };
    let step = 1e-3_f32;
    for (array, gradient) in gradients.iter().enumerate() {
        let length = gradient.len();
        for place in [0, length / 3, length - 1] {
            let shifted = |model: &mut M, by: f32| {
                let param = model.params_mut().iter_mut().nth(array).expect("an array");
                param.values[place] += by;
            };
            shifted(model, step);
            let up = value(model);
            shifted(model, -2.0 * step);
            let down = value(model);
            shifted(model, step);
            let numeric = (up - down) / (2.0 * f64::from(step));
            let analytic = f64::from(gradient[place]);
            assert!(
                (numeric - analytic).abs() < 2e-2 * analytic.abs().max(1.0),
                "array {array}, place {place}: {analytic} against {numeric}"
            );
        }
    }
}

#[test]
fn made_policies_take_gradients_back() {
    let (env, _) = grid(4, 0.1);
    let states = env.states();
    let mut rng = Seed::new(2).stream("init", &[]);
    let mlp = Neural::new(Mlp::new(&env, 0, config(true, false)), 0, 0.0, &mut rng);
    check_gradient(&env, &mut EdgeFlows(mlp), states.clone());
    let successor = SuccessorConfig {
        hidden: 12,
        encoding: 6,
        learned_backward: true,
        flow: true,
    };
    let mut pairs = Neural::new(Successor::new(&env, 0, successor), 0, 0.0, &mut rng);
    check_gradient(&env, &mut pairs, states);
}

#[test]
fn successor_pairs_learn_the_target() {
    let (env, log_reward) = grid(6, 0.1);
    let config = SuccessorConfig {
        hidden: 32,
        encoding: 16,
        learned_backward: false,
        flow: false,
    };
    let mut rng = Seed::new(1).stream("init", &[]);
    let mut model = Neural::new(Successor::new(&env, 0, config), 0, 0.0, &mut rng);
    let rates = AdamConfig::with_rates(3e-3, 0.1);
    train(
        &env,
        &mut model,
        &Objective::TrajectoryBalance,
        rates,
        800,
        &log_reward,
    );
    let tv = exact_total_variation(&env, &model, &log_reward);
    println!("successor pairs: total variation {tv:.4}");
    assert!(tv < 0.1, "total variation {tv}");
}

#[test]
fn edge_flows_learn_the_target_by_detailed_balance() {
    let (env, log_reward) = grid(6, 0.1);
    let mut model = EdgeFlows(Tabular::new(&env));
    let rates = AdamConfig::with_rates(0.03, 0.1);
    train(
        &env,
        &mut model,
        &Objective::DetailedBalance,
        rates,
        1500,
        &log_reward,
    );
    let tv = exact_total_variation(&env, &model, &log_reward);
    println!("edge flows: total variation {tv:.4}");
    assert!(tv < 0.06, "total variation {tv}");
}

/// Trajectory entropy on the 2-D grid of side 4, R0 = 1e-2: 2.3891 with uniform P_B, 2.4250 with
/// maximum entropy (maxent-2023, computed exactly).
#[test]
fn the_backward_policy_of_maximal_entropy_is_learned_towards() {
    let (env, log_reward) = grid(4, 1e-2);
    let dag = Dag::new(&env).expect("keeps its contract");
    let log_n = log_path_counts(&dag);
    let entropy = |policy: &dyn Fn(&Frontier<'_, Hypergrid>) -> Vec<f64>| {
        let frontier = Frontier::new(&env, dag.states().to_vec(), Vec::new());
        trajectory_entropy(&dag, &log_softmax_rows(&frontier.moves, &policy(&frontier)))
    };
    let rates = AdamConfig::with_rates(0.03, 0.1);
    let mut uniform = Tabular::new(&env);
    train(
        &env,
        &mut uniform,
        &Objective::TrajectoryBalance,
        rates.clone(),
        3000,
        &log_reward,
    );
    let backward = ByParent::<Hypergrid, _>::new(|cell: &Cell| log_n[env.index(cell)]);
    let mut most = WithBackward {
        forward: Tabular::new(&env),
        backward,
    };
    train(
        &env,
        &mut most,
        &Objective::TrajectoryBalance,
        rates,
        3000,
        &log_reward,
    );
    let (low, high) = (
        entropy(&|f| uniform.scores(f).expect("scores").moves),
        entropy(&|f| most.scores(f).expect("scores").moves),
    );
    println!("trajectory entropy: uniform {low:.4}, maximal {high:.4}");
    assert!(
        (low - 2.3891).abs() < 0.02 && (high - 2.4250).abs() < 0.02,
        "{low} {high}"
    );
    let tv = exact_total_variation(&env, &most, &log_reward);
    assert!(tv < 0.02, "total variation {tv}");
}

#[test]
fn flow_iteration_learns_the_target() {
    let (env, log_reward) = grid(6, 1e-2);
    let mut model = Tabular::new(&env);
    let mut adam = Adam::new(AdamConfig::with_rates(0.05, 0.05), model.params());
    let seed = Seed::new(0);
    for step in 0..1500 {
        let explorer = StateFlows {
            flows: &model,
            log_reward: &log_reward,
        };
        let sampled = sample(&env, &explorer, &[], 16, (seed, "rollout", step)).expect("samples");
        let states = sampled.states.items().to_vec();
        let frontier = Frontier::new(&env, states.clone(), Vec::new());
        let edges = child_flows(&model, &frontier, &log_reward).expect("flows");
        let targets: Vec<f64> = (0..states.len())
            .map(|row| anabranch_core::logspace::log_sum_exp(&edges[frontier.moves.range(row)]))
            .collect();
        regress_flows(&env, &mut model, &mut adam, &states, &targets, |d| {
            (d * d, 2.0 * d)
        })
        .expect("trains");
    }
    let policy = StateFlows {
        flows: &model,
        log_reward: &log_reward,
    };
    let tv = exact_total_variation(&env, &policy, &log_reward);
    println!("flow iteration: total variation {tv:.4}");
    assert!(tv < 0.03, "total variation {tv}");
}

#[test]
fn bootstrapped_heads_each_learn_the_target() {
    let (env, log_reward) = grid(6, 0.1);
    let heads = 3;
    let mut rng = Seed::new(4).stream("init", &[]);
    let config = MlpConfig {
        hidden: 32,
        layers: 2,
        learned_backward: false,
        shared_trunk: true,
        flow: false,
    };
    // log Z is one number for all heads: the objective estimates it from the batch.
    let network = Mlp::new(&env, 1, config).with_heads(heads);
    let mut model = Neural::new(network, 1, 0.0, &mut rng);
    let mut adam = Adam::new(AdamConfig::with_rates(3e-3, 0.01), model.params());
    let seed = Seed::new(5);
    for step in 0..800 {
        let mut rng = seed.stream("heads", &[step]);
        let conditions = draw_heads(16, heads, &mut rng);
        let sampled =
            sample(&env, &model, &conditions, 16, (seed, "rollout", step)).expect("samples");
        let (batch, origins) = bootstrap(&sampled, heads, 0.5, &mut rng);
        assert_eq!(batch.len(), origins.len());
        assert!(
            (0..16).all(|i| origins.contains(&i)),
            "no trajectory is lost"
        );
        let rewards: Vec<f64> = batch.objects().iter().map(&log_reward).collect();
        let objective = Objective::LogPartitionVariance;
        train_step(
            &env,
            &mut model,
            &mut adam,
            |t| objective.loss(t),
            &batch,
            &rewards,
        )
        .expect("trains");
    }
    let dag = Dag::new(&env).expect("keeps its contract");
    let rewards: Vec<f64> = dag.states().iter().map(&log_reward).collect();
    for head in 0..heads {
        let conditions = vec![head as f32; dag.len()];
        let frontier = Frontier::new(&env, dag.states().to_vec(), conditions);
        let scores = model.scores(&frontier).expect("scores").moves;
        let log_p = terminating_distribution(&dag, &log_softmax_rows(&frontier.moves, &scores));
        let target = anabranch_core::exact::target(&rewards);
        let tv = anabranch_core::metric::total_variation(&log_p, &target);
        println!("head {head}: total variation {tv:.4}");
        assert!(tv < 0.12, "head {head}: total variation {tv}");
    }
}

#[test]
fn guides_are_distributions_over_the_ways_to_an_object() {
    let (env, _) = grid(4, 0.1);
    let contains = |part: &Cell, whole: &Cell| {
        let (part, whole) = (env.coordinates(part), env.coordinates(whole));
        part.iter().zip(whole).all(|(p, w)| p <= w)
    };
    let known: Vec<(Cell, f64)> = env
        .states()
        .into_iter()
        .zip(1..)
        .map(|(s, i)| (s, f64::from(i)))
        .collect();
    let guide = SubstructureGuide::new(&env, contains, known, 2.0);
    let object = *env.states().last().expect("a far corner");
    // Every way to the corner by uniform backward walks, each once.
    let mut ways: Vec<Trajectories<Hypergrid>> = Vec::new();
    for step in 0..200 {
        let at = (Seed::new(1), "ways", step);
        let way = anabranch_learn::step::sample_backward(
            &env,
            &Uniform::<Hypergrid>::new(),
            &[object],
            &[],
            at,
        )
        .expect("a way");
        if !ways.iter().any(|w| w.states.items() == way.states.items()) {
            ways.push(way);
        }
    }
    assert_eq!(ways.len(), 20, "6 choose 3 ways");
    let total: f64 = ways
        .iter()
        .map(|way| guide.log_probabilities(way)[0].exp())
        .sum();
    assert!((total - 1.0).abs() < 1e-9, "they sum to {total}");
    let mut rng = Seed::new(3).stream("guide", &[]);
    let (drawn, log_p) = guide.draw(&object, &mut rng).expect("a way");
    assert!((guide.log_probabilities(&drawn)[0] - log_p).abs() < 1e-12);
}
