//! Exact solutions against enumerated trajectories, and the objectives at and near them.

mod common;

use anabranch_core::exact::{self, Dag, Solution};
use anabranch_core::logspace::{log_softmax, log_sum_exp};
use anabranch_core::metric::{log_probability, log_z_importance, total_variation};
use anabranch_core::objective::{
    TransitionReduction, detailed_balance, log_partition_variance, sub_trajectory_balance,
    trajectory_balance,
};
use anabranch_core::rng::Stream;
use anabranch_core::{CoreError, Enumerable, Loss, Seed, Terms};
use common::{
    Grid, Layered, Pairs, all_paths, assert_close, noise, random_log_pb, random_log_pf,
    random_log_reward, terms_of,
};

fn stream(test: &str, number: u64) -> Stream {
    Seed::new(3).stream(test, &[number])
}

/// A grid, pairs with isomorphic states, and random layered graphs, as graphs of numbers.
fn dags(stream: &mut Stream) -> Vec<Dag<usize>> {
    let mut out = vec![
        numbered(&Grid { side: 2 }),
        numbered(&Grid { side: 4 }),
        numbered(&Pairs {
            most: 3,
            count_parents_twice: false,
        }),
    ];
    for layers in 1..=3 {
        out.push(Dag::new(&Layered::random(layers, 3, stream)).unwrap());
    }
    out
}

/// The same graph with numbers for states.
fn numbered<E: Enumerable>(env: &E) -> Dag<usize> {
    let dag = Dag::new(env).unwrap();
    let edges = (0..dag.len()).flat_map(|state| {
        let row = dag.moves(state);
        let children: Vec<_> = row.filter_map(|index| dag.child(index)).collect();
        children.into_iter().map(move |child| (state, child))
    });
    let stops = (0..dag.len()).map(|state| dag.can_stop(state)).collect();
    Dag::new(&Layered {
        edges: edges.collect(),
        stops,
    })
    .unwrap()
}

/// p(x) is the sum over all trajectories to x, and a sweep finds the same.
#[test]
fn terminating_distribution_equals_enumeration() {
    let mut stream = stream("terminating", 0);
    for dag in dags(&mut stream) {
        let log_pf = random_log_pf(&dag, &mut stream);
        let mut p = vec![0.0; dag.len()];
        let mut entropy = 0.0;
        for path in all_paths(&dag) {
            let log_p: f64 = path.moves.iter().map(|&index| log_pf[index]).sum();
            p[*path.states.last().unwrap()] += log_p.exp();
            entropy -= log_p.exp() * log_p;
        }
        let log_p = exact::terminating_distribution(&dag, &log_pf);
        for (got, expected) in log_p.iter().zip(&p) {
            assert_close(got.exp(), *expected, 1e-13);
        }
        assert_close(log_sum_exp(&log_p), 0.0, 1e-13);
        assert_close(exact::trajectory_entropy(&dag, &log_pf), entropy, 1e-12);
        let direct: f64 = p.iter().filter(|&&p| p > 0.0).map(|p| -p * p.ln()).sum();
        assert_close(exact::entropy(&log_p), direct, 1e-12);
    }
}

#[test]
fn path_counts_equal_enumeration() {
    let mut stream = stream("counts", 0);
    for dag in dags(&mut stream) {
        let mut count = vec![0.0; dag.len()];
        for path in all_paths(&dag) {
            count[*path.states.last().unwrap()] += 1.0;
        }
        for (state, log_n) in exact::log_path_counts(&dag).into_iter().enumerate() {
            if dag.can_stop(state) {
                assert_close(log_n.exp(), count[state], 1e-12);
            }
        }
    }
}

/// Whatever P_B, the exact policy ends in x with probability R(x) / Z, and Z is the sum of R.
#[test]
fn exact_flows_reach_the_target() {
    let mut stream = stream("target", 0);
    for dag in dags(&mut stream) {
        let log_reward = random_log_reward(&dag, &mut stream);
        let target = exact::target(&log_reward);
        let max_entropy = exact::max_entropy_log_pb(&dag);
        let mut highest = f64::NEG_INFINITY;
        for log_pb in [
            random_log_pb(&dag, &mut stream),
            exact::uniform_log_pb(&dag),
            max_entropy.clone(),
        ] {
            for state in 1..dag.len() {
                assert_close(log_sum_exp(&log_pb[dag.parents(state)]), 0.0, 1e-12);
            }
            let solution = exact::exact_flows(&dag, &log_reward, &log_pb);
            assert_close(solution.log_z, log_sum_exp(&log_reward), 1e-12);
            let log_p = exact::terminating_distribution(&dag, &solution.log_pf);
            assert!(total_variation(&log_p, &target) < 1e-13);
            let bounds = exact::bounds(&dag, &solution.log_pf, &log_pb, &log_reward);
            assert_close(bounds.elbo, solution.log_z, 1e-12);
            assert_close(bounds.eubo, solution.log_z, 1e-12);
            highest = highest.max(exact::trajectory_entropy(&dag, &solution.log_pf));
        }
        let best = exact::exact_flows(&dag, &log_reward, &max_entropy);
        assert_close(
            exact::trajectory_entropy(&dag, &best.log_pf),
            highest,
            1e-12,
        );
    }
}

#[test]
fn bounds_equal_enumeration() {
    let mut stream = stream("bounds", 0);
    for dag in dags(&mut stream) {
        let log_reward = random_log_reward(&dag, &mut stream);
        let log_pb = random_log_pb(&dag, &mut stream);
        let log_pf = random_log_pf(&dag, &mut stream);
        let log_z = log_sum_exp(&log_reward);
        let model = Solution {
            log_z,
            log_flow: vec![0.0; dag.len()],
            log_pf,
        };
        let terms = terms_of(&dag, &all_paths(&dag), &model, &log_pb, &log_reward);
        let estimates = terms.log_z_estimates();
        let (forward, backward) = (terms.sum_log_pf(), terms.sum_log_pb());
        let (mut elbo, mut eubo) = (0.0, 0.0);
        for k in 0..terms.len() {
            elbo += forward[k].exp() * estimates[k];
            eubo += (terms.log_reward[k] + backward[k] - log_z).exp() * estimates[k];
        }
        let bounds = exact::bounds(&dag, &model.log_pf, &log_pb, &log_reward);
        assert_close(bounds.elbo, elbo, 1e-12);
        assert_close(bounds.eubo, eubo, 1e-12);
        assert!(bounds.elbo < log_z && log_z < bounds.eubo);
    }
}

type Objective = fn(&Terms) -> Result<Loss, CoreError>;

const OBJECTIVES: [Objective; 4] = [
    trajectory_balance,
    log_partition_variance,
    |terms| detailed_balance(terms, TransitionReduction::Mean),
    |terms| sub_trajectory_balance(terms, 0.9),
];

/// Which of log P_F, log P_B, log F, log Z, log R each of [`OBJECTIVES`] can see.
const SEES: [[bool; 5]; 4] = [
    [true, true, false, true, true],
    [true, true, false, false, true],
    [true, true, true, false, true],
    [true, true, true, false, true],
];

#[test]
fn objectives_vanish_at_the_exact_flow_and_only_there() {
    let mut stream = stream("vanish", 0);
    for dag in dags(&mut stream) {
        let log_reward = random_log_reward(&dag, &mut stream);
        let log_pb = random_log_pb(&dag, &mut stream);
        let solution = exact::exact_flows(&dag, &log_reward, &log_pb);
        let terms = terms_of(&dag, &all_paths(&dag), &solution, &log_pb, &log_reward);
        let last = terms.log_pf.len() - 1;
        let mut disturbed = vec![terms.clone(); 5];
        disturbed[0].log_pf[last] += 0.1;
        disturbed[1].log_pb[last] += 0.1;
        disturbed[2].log_flow.as_mut().unwrap()[last] += 0.1;
        disturbed[3].log_z[0] += 0.1;
        disturbed[4].log_reward[0] += 0.1;
        for (objective, sees) in OBJECTIVES.into_iter().zip(SEES) {
            let loss = objective(&terms).unwrap();
            assert!(loss.value.abs() < 1e-25, "{}", loss.value);
            let slopes = [
                loss.grad.log_pf,
                loss.grad.log_pb,
                loss.grad.log_flow,
                loss.grad.log_z,
            ];
            assert!(slopes.iter().flatten().all(|slope| slope.abs() < 1e-12));
            for (case, seen) in disturbed.iter().zip(sees) {
                // The variance of a single trajectory is none.
                let seen = seen && (terms.len() > 1 || sees[2] || sees[3]);
                let value = objective(case).unwrap().value;
                assert!(
                    if seen {
                        value > 1e-6
                    } else {
                        value.abs() < 1e-25
                    },
                    "{value}"
                );
            }
        }
    }
}

/// On policy, trajectory balance follows the reverse KL: E[grad delta^2] = 2 grad KL(P_F || target) for
/// every log Z (Malkin et al. 2023, arXiv 2210.00580), here with a logit for every move.
#[test]
fn trajectory_balance_on_policy_descends_the_reverse_kl() {
    let mut stream = stream("reverse", 0);
    for dag in dags(&mut stream) {
        let log_reward = random_log_reward(&dag, &mut stream);
        let log_pb = random_log_pb(&dag, &mut stream);
        let logits = noise(&mut stream, dag.num_moves());
        let policy = |logits: &[f64]| {
            let mut log_pf = logits.to_vec();
            for state in 0..dag.len() {
                log_softmax(&mut log_pf[dag.moves(state)]);
            }
            log_pf
        };
        let log_pf = policy(&logits);
        let model = Solution {
            log_z: 0.7,
            log_flow: vec![0.0; dag.len()],
            log_pf,
        };
        let paths = all_paths(&dag);
        let terms = terms_of(&dag, &paths, &model, &log_pb, &log_reward);
        let loss = trajectory_balance(&terms).unwrap();
        let probability = terms.sum_log_pf();
        let mut slopes = vec![0.0; dag.num_moves()];
        for (k, path) in paths.iter().enumerate() {
            // The loss is a mean over the list; its expectation weighs by P_F instead.
            let weight = probability[k].exp() * terms.len() as f64;
            for (edge, &index) in terms.range(k).zip(&path.moves) {
                slopes[index] += weight * loss.grad.log_pf[edge];
            }
        }
        let elbo = |logits: &[f64]| exact::bounds(&dag, &policy(logits), &log_pb, &log_reward).elbo;
        for state in 0..dag.len() {
            let row = dag.moves(state);
            let total: f64 = slopes[row.clone()].iter().sum();
            for index in row {
                let got = slopes[index] - model.log_pf[index].exp() * total;
                let at = |by: f64| {
                    let mut nudged = logits.clone();
                    nudged[index] += by;
                    -elbo(&nudged)
                };
                assert_close(got, 2.0 * (at(1e-4) - at(-1e-4)) / 2e-4, 1e-6);
            }
        }
    }
}

/// Averaged over P_B the weight of a trajectory is p(x); at the exact flow every single one is.
#[test]
fn log_probability_from_all_ways_back() {
    let mut stream = stream("ways back", 0);
    for dag in dags(&mut stream) {
        let log_reward = random_log_reward(&dag, &mut stream);
        let log_pb = random_log_pb(&dag, &mut stream);
        let solution = exact::exact_flows(&dag, &log_reward, &log_pb);
        let paths = all_paths(&dag);
        let terms = terms_of(&dag, &paths, &solution, &log_pb, &log_reward);
        assert_close(log_z_importance(&terms).unwrap(), solution.log_z, 1e-12);
        let (forward, backward) = (terms.sum_log_pf(), terms.sum_log_pb());
        let target = exact::target(&log_reward);
        for (k, path) in paths.iter().enumerate() {
            let got = log_probability(&forward[k..=k], &backward[k..=k]).unwrap();
            assert_close(got.estimate, target[*path.states.last().unwrap()], 1e-12);
        }

        let log_pf = random_log_pf(&dag, &mut stream);
        let log_p = exact::terminating_distribution(&dag, &log_pf);
        let mut mean = vec![0.0; dag.len()];
        let other = Solution { log_pf, ..solution };
        let terms = terms_of(&dag, &paths, &other, &log_pb, &log_reward);
        let forward = terms.sum_log_pf();
        for (k, path) in paths.iter().enumerate() {
            let weight = log_probability(&forward[k..=k], &backward[k..=k]).unwrap();
            mean[*path.states.last().unwrap()] += (backward[k] + weight.estimate).exp();
        }
        for (state, expected) in log_p.iter().enumerate() {
            assert_close(mean[state], expected.exp(), 1e-12);
        }
    }
}

/// Where no reward lies ahead there is no flow; the rest is as if those states were not there.
#[test]
fn states_without_reward_ahead_get_no_flow() {
    let dag = Dag::new(&Grid { side: 2 }).unwrap();
    let mut log_reward = [1.0, 2.0, 3.0, 4.0].map(f64::ln);
    log_reward[1] = f64::NEG_INFINITY;
    log_reward[3] = f64::NEG_INFINITY;
    let solution = exact::exact_flows(&dag, &log_reward, &exact::uniform_log_pb(&dag));
    assert_eq!(solution.log_flow[1], f64::NEG_INFINITY);
    assert_close(solution.log_z, 4.0_f64.ln(), 1e-14);
    assert!(solution.log_pf.iter().all(|p| !p.is_nan()));
    let log_p = exact::terminating_distribution(&dag, &solution.log_pf);
    assert!(total_variation(&log_p, &exact::target(&log_reward)) < 1e-14);
    assert_close(
        exact::entropy(&log_p),
        exact::entropy(&[0.25_f64.ln(), 0.75_f64.ln()]),
        1e-14,
    );
}

#[test]
fn nan_scores_are_not_hidden() {
    let dag = Dag::new(&Grid { side: 3 }).unwrap();
    let mut log_pf = exact::uniform_log_pf(&dag);
    log_pf[0] = f64::NAN;
    let log_p = exact::terminating_distribution(&dag, &log_pf);
    assert!(total_variation(&log_p, &log_p).is_nan());
    assert!(exact::entropy(&log_p).is_nan());
}

/// A million paths of flow: rewards whose logarithms span thousands stay in range.
#[test]
fn extreme_rewards_stay_in_range() {
    let dag = Dag::new(&Grid { side: 12 }).unwrap();
    let log_reward: Vec<f64> = (0..dag.len()).map(|s| 40.0 * s as f64 - 3000.0).collect();
    let solution = exact::exact_flows(&dag, &log_reward, &exact::uniform_log_pb(&dag));
    let log_p = exact::terminating_distribution(&dag, &solution.log_pf);
    for (got, expected) in log_p.iter().zip(exact::target(&log_reward)) {
        assert_close(*got, expected, 1e-12);
    }
}
