//! What holds for every objective that a configuration can name: gradients, the exact flow, scale.
#![allow(
    clippy::needless_range_loop,
    reason = "references count as the formulas do"
)]

mod common;

use anabranch_core::exact::{self, Dag};
use anabranch_core::objective::*;
use anabranch_core::rng::Stream;
use anabranch_core::{CoreError, Enumerable, Given, Seed, Terms};
use common::*;
use rand::RngExt;

const COSTS: [Residual; 6] = [
    Residual::Squared,
    Residual::HalfSquared,
    Residual::Absolute,
    Residual::Huber { delta: 1.0 },
    Residual::ShiftedCosh,
    Residual::Linex { a: 0.5 },
];

const WEIGHTINGS: [SubTrajectoryWeighting; 9] = [
    SubTrajectoryWeighting::Transitions,
    SubTrajectoryWeighting::TransitionsWithin,
    SubTrajectoryWeighting::Whole,
    SubTrajectoryWeighting::Geometric { lambda: 0.7 },
    SubTrajectoryWeighting::Geometric { lambda: 1.4 },
    SubTrajectoryWeighting::GeometricWithin { lambda: 0.9 },
    SubTrajectoryWeighting::GeometricWithin { lambda: 1.3 },
    SubTrajectoryWeighting::Equal,
    SubTrajectoryWeighting::EqualWithin,
];

const REDUCTIONS: [TransitionReduction; 3] = [
    TransitionReduction::Mean,
    TransitionReduction::HalfMean,
    TransitionReduction::TrajectorySum,
];

fn centres() -> Vec<Centre> {
    let means = [BatchMean::Attached, BatchMean::Detached];
    let both = means.map(|mean| {
        [true, false].map(|leave_one_out| Centre {
            mean,
            leave_one_out,
        })
    });
    both.concat()
}

fn shaped() -> Vec<Objective> {
    let mut out = Vec::new();
    for residual in COSTS {
        let mut balances = vec![Balance::TrajectoryBalance];
        balances.extend(REDUCTIONS.map(|reduction| Balance::DetailedBalance { reduction }));
        balances.extend(WEIGHTINGS.map(|weighting| Balance::SubTrajectoryBalance { weighting }));
        for centre in centres() {
            balances.push(Balance::LogPartitionVariance { centre });
            balances.push(Balance::ConditionalLogPartitionVariance { centre });
        }
        out.extend(
            balances
                .into_iter()
                .map(|balance| Objective::Shaped { balance, residual }),
        );
        for reduction in REDUCTIONS {
            out.push(Objective::ModifiedDetailedBalance {
                reduction,
                residual,
            });
            out.push(Objective::ForwardLookingDetailedBalance {
                reduction,
                residual,
            });
        }
        for weighting in WEIGHTINGS {
            out.push(Objective::ForwardLookingSubTrajectoryBalance {
                weighting,
                residual,
            });
            let correction = Correction::BackwardPolicy;
            out.push(Objective::PathConsistency {
                correction,
                weighting,
                residual,
            });
        }
        for weight in [0.0, 0.3, 1.0] {
            out.push(Objective::GuidedTrajectoryBalance { weight, residual });
        }
        out.push(Objective::BackwardGuidance { residual });
        out.push(Objective::RelativeTrajectoryBalance { residual });
        out.extend(
            centres()
                .into_iter()
                .map(|centre| Objective::RelativeLogPartitionVariance { centre, residual }),
        );
        out.push(Objective::TrustPathConsistency {
            alpha: 0.4,
            residual,
        });
        for munchausen in [
            None,
            Some(Munchausen::default()),
            Some(Munchausen {
                share: 0.5,
                floor: -0.5,
            }),
        ] {
            for correction in [
                Correction::BackwardPolicy,
                Correction::None,
                Correction::PathCounts,
            ] {
                let terminal_weight = 5.0;
                out.push(Objective::SoftQLearning(SoftQ {
                    correction,
                    munchausen,
                    terminal_weight,
                    residual,
                }));
            }
        }
        for over in [
            PathCountLoss::Transition,
            PathCountLoss::SubTrajectory,
            PathCountLoss::FromSource,
            PathCountLoss::Trajectory,
        ] {
            out.push(Objective::PathCountBalance { over, residual });
        }
    }
    out
}

/// Those with short names, and those that are likelihoods.
fn plain() -> Vec<Objective> {
    vec![
        Objective::TrajectoryBalance,
        Objective::DetailedBalance,
        Objective::SubTrajectoryBalance { lambda: 0.9 },
        Objective::LogPartitionVariance,
        Objective::ConditionalLogPartitionVariance,
        Objective::WeightedLogPartitionVariance { power: 0.0 },
        Objective::MaximumLikelihood {
            weights: LikelihoodWeights::Uniform,
        },
        Objective::BackwardLikelihood,
    ]
}

fn gradients() -> Vec<Objective> {
    let baselines = [
        Baseline::BatchMean,
        Baseline::LeaveOneOut,
        Baseline::LogZ,
        Baseline::Flow,
        Baseline::Gae { lambda: 0.7 },
    ];
    let mut out = baselines
        .map(|baseline| Objective::PolicyGradient { baseline })
        .to_vec();
    out.push(Objective::EntropicPpo(EntropicPpo::default()));
    out
}

fn stream(test: &str) -> Stream {
    Seed::new(12).stream(test, &[])
}

/// log P_B is a constant of these: finite differences see it, the gradient must not.
fn holds_backward(objective: &Objective) -> bool {
    objective.needs_fixed_backward()
        || matches!(objective, Objective::GuidedTrajectoryBalance { .. })
}

#[test]
fn gradients_equal_finite_differences() {
    let mut stream = stream("differences");
    for lengths in [[3, 1, 6, 2].as_slice(), &[1], &[9]] {
        let mut terms = random_terms(&mut stream, lengths);
        // Small enough that no exponential drowns the rest.
        for values in [&mut terms.log_pf, &mut terms.log_pb] {
            values.iter_mut().for_each(|v| *v *= 0.5);
        }
        let given = random_given(&mut stream, &terms);
        for objective in [shaped(), plain()].concat() {
            // Held against a frozen mean in objective_references.rs.
            if format!("{objective:?}").contains("Detached") {
                continue;
            }
            let loss = objective.loss_given(&terms, &given).unwrap();
            let check = |what: &str, got: &[f64], nudge: &dyn Fn(&mut Terms, usize, f64)| {
                for (place, &slope) in got.iter().enumerate() {
                    let at = |by| {
                        let mut nudged = terms.clone();
                        nudge(&mut nudged, place, by);
                        objective.loss_given(&nudged, &given).unwrap().value
                    };
                    let expected = (at(1e-4) - at(-1e-4)) / 2e-4;
                    let error =
                        (slope - expected).abs() / expected.abs().max(1e-2 * (1.0 + loss.value));
                    assert!(
                        error < 1e-6,
                        "{objective:?}, {what}[{place}]: {slope} for {expected}"
                    );
                }
            };
            check("log_pf", &loss.grad.log_pf, &|t, i, by| t.log_pf[i] += by);
            if holds_backward(&objective) {
                assert!(loss.grad.log_pb.iter().all(|&g| g == 0.0), "{objective:?}");
            } else {
                check("log_pb", &loss.grad.log_pb, &|t, i, by| t.log_pb[i] += by);
            }
            check("log_z", &loss.grad.log_z, &|t, i, by| t.log_z[i] += by);
            check("log_flow", &loss.grad.log_flow, &|t, i, by| {
                t.log_flow.as_mut().unwrap()[i] += by
            });
            check("log_stop", &loss.grad.log_stop, &|t, i, by| {
                t.log_stop.as_mut().unwrap()[i] += by
            });
            let mean = loss.per_trajectory.iter().sum::<f64>();
            assert!(mean.is_finite() && loss.per_trajectory.len() == terms.len());
        }
    }
}

/// Terms of all trajectories of an environment under its exact flow, with everything given as it is
/// where the objective is at its optimum.
fn at_optimum<E: Enumerable>(
    env: &E,
    objective: &Objective,
    stream: &mut Stream,
) -> (Terms, Given) {
    let dag = Dag::new(env).unwrap();
    let mut log_pb = random_log_pb(&dag, stream);
    let mut log_reward = random_log_reward(&dag, stream);
    let rewards = log_reward.clone();
    let log_n = exact::log_path_counts(&dag);
    let prior = random_log_pf(&dag, stream);
    let correction = match objective {
        Objective::SoftQLearning(config) => config.correction,
        _ => Correction::BackwardPolicy,
    };
    let on_moves = |log_pf: &[f64]| -> Vec<f64> {
        let mut out = vec![0.0; dag.num_parents()];
        for index in 0..dag.num_moves() {
            dag.parent_of_move(index)
                .into_iter()
                .for_each(|p| out[p] = log_pf[index]);
        }
        out
    };
    let true_pb = log_pb.clone();
    if objective.needs_prior() {
        log_pb = on_moves(&prior);
        for (s, r) in log_reward
            .iter_mut()
            .enumerate()
            .filter(|(s, _)| dag.can_stop(*s))
        {
            *r += prior[dag.moves(s).last().unwrap()];
        }
    }
    match correction {
        Correction::BackwardPolicy => {}
        Correction::None => log_pb.fill(0.0),
        Correction::PathCounts => {
            log_pb.fill(0.0);
            log_reward.iter_mut().zip(&log_n).for_each(|(r, n)| *r -= n);
        }
    }
    let solution = exact::exact_flows(&dag, &log_reward, &log_pb);
    let paths = all_paths(&dag);
    let shown_pb = match objective {
        Objective::PathCountBalance { .. } => exact::max_entropy_log_pb(&dag),
        _ => true_pb,
    };
    let mut terms = terms_of(&dag, &paths, &solution, &shown_pb, &rewards);
    let flat = |f: &dyn Fn(usize) -> f64| -> Vec<f64> {
        paths
            .iter()
            .flat_map(|path| path.states.iter().map(|&s| f(s)).collect::<Vec<_>>())
            .collect()
    };
    let stop = |s: usize| dag.can_stop(s).then(|| dag.moves(s).last().unwrap());
    terms.log_stop = Some(flat(&|s| {
        stop(s).map_or(f64::NEG_INFINITY, |m| solution.log_pf[m])
    }));
    let mut given = Given {
        log_reward_at: Some(flat(&|s| rewards[s])),
        log_prior: Some(
            paths
                .iter()
                .map(|p| p.moves.iter().map(|&m| prior[m]).sum())
                .collect(),
        ),
        log_guide: Some(terms.sum_log_pb()),
        log_pf_behaviour: Some(terms.log_pf.clone()),
        log_path_count: Some(
            paths
                .iter()
                .map(|p| log_n[*p.states.last().unwrap()])
                .collect(),
        ),
        ..Given::default()
    };
    if !rewards.iter().all(|r| r.is_finite()) {
        // Where some states are no objects, forward-looking rewards may be any numbers.
        let any = noise(stream, dag.len());
        given.log_reward_at = Some(flat(&|s| any[s]));
    }
    let forward_looking = matches!(
        objective,
        Objective::ForwardLookingDetailedBalance { .. }
            | Objective::ForwardLookingSubTrajectoryBalance { .. }
    );
    if forward_looking {
        let flows = terms.log_flow.as_mut().unwrap().iter_mut();
        flows
            .zip(given.log_reward_at.as_ref().unwrap())
            .for_each(|(f, r)| *f -= r);
    }
    if matches!(objective, Objective::PathCountBalance { .. }) {
        terms.log_flow = Some(flat(&|s| log_n[s]));
    }
    (terms, given)
}

/// Munchausen's floor and temperature change nothing at the optimum only where the floor is not reached.
fn reaches_floor(objective: &Objective) -> bool {
    matches!(objective, Objective::SoftQLearning(SoftQ { munchausen: Some(m), .. }) if m.floor > -50.0)
}

fn is_zero_at_optimum(env: &impl Enumerable, all_terminal: bool, stream: &mut Stream) {
    let balances = [shaped(), plain()[..6].to_vec()].concat();
    for objective in balances.into_iter().filter(|o| !reaches_floor(o)) {
        if objective.needs_stop() && !all_terminal {
            continue;
        }
        let (mut terms, given) = at_optimum(env, &objective, stream);
        let loss = objective.loss_given(&terms, &given).unwrap();
        let flat = |loss: &anabranch_core::Loss| {
            [
                &loss.grad.log_pf,
                &loss.grad.log_pb,
                &loss.grad.log_flow,
                &loss.grad.log_z,
                &loss.grad.log_stop,
            ]
            .into_iter()
            .flatten()
            .fold(0.0_f64, |most, g| most.max(g.abs()))
        };
        let absolute =
            matches!(serde_json::to_string(&objective), Ok(text) if text.contains("absolute"));
        assert!(loss.value < 1e-9, "{objective:?}: {}", loss.value);
        assert!(
            absolute || flat(&loss) < 1e-9,
            "{objective:?}: {}",
            flat(&loss)
        );
        let noisy = noise(stream, terms.log_pf.len());
        match objective {
            Objective::PathCountBalance { .. } | Objective::BackwardGuidance { .. } => {
                terms
                    .log_pb
                    .iter_mut()
                    .zip(noisy)
                    .for_each(|(v, n)| *v += n);
            }
            _ => terms
                .log_pf
                .iter_mut()
                .zip(noisy)
                .for_each(|(v, n)| *v += n),
        }
        let disturbed = objective.loss_given(&terms, &given).unwrap();
        assert!(disturbed.value > 1e-3, "{objective:?}: {}", disturbed.value);
    }
    for objective in gradients() {
        let (mut terms, given) = at_optimum(env, &objective, stream);
        let loss = objective.loss_given(&terms, &given).unwrap();
        let most = loss
            .grad
            .log_pf
            .iter()
            .chain(&loss.grad.log_flow)
            .fold(0.0_f64, |m, g| m.max(g.abs()));
        assert!(most < 1e-9, "{objective:?}: {most}");
        terms.log_reward[0] += 1.0;
        let loss = objective.loss_given(&terms, &given).unwrap();
        assert!(
            loss.grad.log_pf.iter().any(|g| g.abs() > 1e-6),
            "{objective:?}"
        );
    }
}

#[test]
fn zero_at_the_exact_flow_of_grids() {
    let mut stream = stream("grids");
    is_zero_at_optimum(&Grid { side: 3 }, true, &mut stream);
}

#[test]
fn zero_at_the_exact_flow_of_objects_with_symmetry() {
    let mut stream = stream("pairs");
    is_zero_at_optimum(
        &Pairs {
            most: 2,
            count_parents_twice: false,
        },
        true,
        &mut stream,
    );
}

#[test]
fn zero_at_the_exact_flow_of_random_graphs() {
    let mut stream = stream("layers");
    for _ in 0..3 {
        let layers = stream.random_range(2..4);
        let env = Layered::random(layers, 2, &mut stream);
        is_zero_at_optimum(&env, false, &mut stream);
    }
}

/// R -> cR with log Z and flows moved by log c: the same loss, the same gradient.
#[test]
fn a_common_factor_of_reward_and_flow_drops_out() {
    let mut stream = stream("factor");
    let terms = random_terms(&mut stream, &[4, 7, 1]);
    let given = random_given(&mut stream, &terms);
    for objective in [shaped(), plain(), gradients()].concat() {
        let (mut other, mut beside) = (terms.clone(), given.clone());
        let more = |values: &mut Vec<f64>| values.iter_mut().for_each(|v| *v += 3.5);
        more(&mut other.log_reward);
        more(&mut other.log_z);
        beside.log_flow_target.iter_mut().for_each(more);
        match objective {
            Objective::PathCountBalance { .. } => {}
            Objective::ForwardLookingDetailedBalance { .. }
            | Objective::ForwardLookingSubTrajectoryBalance { .. } => {
                beside.log_reward_at.iter_mut().for_each(more);
            }
            _ => {
                beside.log_reward_at.iter_mut().for_each(more);
                other.log_flow.iter_mut().for_each(more);
            }
        }
        let one = objective.loss_given(&terms, &given).unwrap();
        let two = objective.loss_given(&other, &beside).unwrap();
        let shift = if matches!(objective, Objective::PolicyGradient { .. }) {
            -3.5
        } else {
            0.0
        };
        assert_close(two.value, one.value + shift, 1e-10);
        for (a, b) in two.grad.log_pf.iter().zip(&one.grad.log_pf) {
            assert_close(*a, *b, 1e-10);
        }
    }
}

/// Every objective comes back from its configuration, and names with only defaults are complete.
#[test]
fn configurations_name_them_all() {
    for objective in [shaped(), plain(), gradients()].concat() {
        let text = serde_json::to_string(&objective).unwrap();
        assert_eq!(
            serde_json::from_str::<Objective>(&text).unwrap(),
            objective,
            "{text}"
        );
    }
    for name in [
        "trajectory_balance",
        "detailed_balance",
        "log_partition_variance",
        "pessimistic",
        "trajectory_likelihood",
    ] {
        serde_json::from_str::<Objective>(&format!("\"{name}\"")).unwrap();
    }
    for name in [
        "sub_trajectory_balance",
        "modified_detailed_balance",
        "forward_looking_detailed_balance",
        "forward_looking_sub_trajectory_balance",
        "guided_trajectory_balance",
        "backward_guidance",
        "relative_trajectory_balance",
        "relative_log_partition_variance",
        "trust_path_consistency",
        "soft_q_learning",
        "path_consistency",
        "policy_gradient",
        "entropic_ppo",
        "maximum_likelihood",
        "path_count_balance",
        "weighted_log_partition_variance",
    ] {
        serde_json::from_str::<Objective>(&format!("{{\"{name}\":{{}}}}")).unwrap();
    }
}

/// Whatever an objective needs and does not find is named in an error, and what it says it does not
/// need it does without.
#[test]
fn what_is_missing_is_named() {
    let mut stream = stream("missing");
    let full = random_terms(&mut stream, &[3, 2]);
    for objective in [shaped(), plain(), gradients()].concat() {
        let given = random_given(&mut stream, &full);
        let bare = Given {
            log_reward_at: given
                .log_reward_at
                .clone()
                .filter(|_| objective.needs_state_rewards()),
            log_prior: given.log_prior.clone().filter(|_| objective.needs_prior()),
            log_guide: given.log_guide.clone().filter(|_| objective.needs_guide()),
            log_pf_behaviour: given
                .log_pf_behaviour
                .clone()
                .filter(|_| objective.needs_behaviour()),
            log_path_count: given
                .log_path_count
                .clone()
                .filter(|_| objective.needs_path_counts()),
            ..Given::default()
        };
        let mut terms = full.clone();
        terms.log_flow = terms.log_flow.filter(|_| objective.needs_flow());
        terms.log_stop = terms.log_stop.filter(|_| objective.needs_stop());
        objective.loss_given(&terms, &bare).unwrap();
        let mut none = full.clone();
        none.log_flow = None;
        none.log_stop = None;
        let needs = objective.needs_flow()
            || objective.needs_stop()
            || objective.needs_state_rewards()
            || objective.needs_prior()
            || objective.needs_guide()
            || objective.needs_behaviour();
        match objective.loss(&none) {
            Ok(_) => assert!(!needs, "{objective:?}"),
            Err(error) => {
                assert!(needs, "{objective:?}: {error}");
                assert!(
                    matches!(
                        error,
                        CoreError::Missing { .. } | CoreError::MissingFlow { .. }
                    ),
                    "{error}"
                );
            }
        }
    }
}
