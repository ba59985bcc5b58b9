//! Every objective against plain loops over one trajectory at a time.
#![allow(
    clippy::needless_range_loop,
    reason = "references count as the formulas do"
)]

mod common;

use anabranch_core::objective::*;
use anabranch_core::rng::Stream;
use anabranch_core::{Given, Seed, Terms};
use common::*;
use rand::RngExt;

const COSTS: [Residual; 6] = [
    Residual::Squared,
    Residual::HalfSquared,
    Residual::Absolute,
    Residual::Huber { delta: 1.5 },
    Residual::ShiftedCosh,
    Residual::Linex { a: -0.7 },
];

fn stream(test: &str) -> Stream {
    Seed::new(13).stream(test, &[])
}

fn batches(test: &str) -> Vec<(Terms, Given)> {
    let mut stream = stream(test);
    let mut out = Vec::new();
    for _ in 0..6 {
        let lengths: Vec<usize> = (0..5).map(|_| stream.random_range(1..=12)).collect();
        let terms = random_terms(&mut stream, &lengths);
        let given = random_given(&mut stream, &terms);
        out.push((terms, given));
    }
    out
}

/// The sum of `f(edge)` over the edges of a trajectory.
fn sum(terms: &Terms, b: usize, f: impl Fn(usize) -> f64) -> f64 {
    terms.range(b).map(f).sum()
}

/// Mean over trajectories of `f`.
fn mean(terms: &Terms, f: impl Fn(usize) -> f64) -> f64 {
    (0..terms.len()).map(f).sum::<f64>() / terms.len() as f64
}

/// log F(s_i) + sum log P_F - log F(s_j) - sum log P_B, the sink last.
fn residual(terms: &Terms, flows: &[f64], b: usize, i: usize, j: usize) -> f64 {
    let begin = terms.range(b).start;
    let flow = |t: usize| match begin + t == terms.range(b).end {
        true => terms.log_reward[b],
        false => flows[begin + t],
    };
    let inside = (begin + i..begin + j).map(|e| terms.log_pf[e] - terms.log_pb[e]);
    flow(i) - flow(j) + inside.sum::<f64>()
}

/// All (b, i, j).
fn pairs(terms: &Terms) -> Vec<(usize, usize, usize)> {
    let of = |b: usize| {
        let n = terms.range(b).len();
        (1..=n).flat_map(move |j| (0..j).map(move |i| (b, i, j)))
    };
    (0..terms.len()).flat_map(of).collect()
}

fn naive_sub(terms: &Terms, flows: &[f64], weighting: SubTrajectoryWeighting, g: Residual) -> f64 {
    use SubTrajectoryWeighting as W;
    let all = pairs(terms);
    let edges = |b: usize| terms.range(b).len();
    let longest = (0..terms.len()).map(edges).max().unwrap();
    let count = terms.len() as f64;
    let weight = |b: usize, k: usize| -> f64 {
        let one = |yes: bool| if yes { 1.0 } else { 0.0 };
        match weighting {
            W::Transitions => one(k == 1) / terms.log_pf.len() as f64,
            W::TransitionsWithin => one(k == 1) / edges(b) as f64 / count,
            W::Whole => one(k == edges(b)) / count,
            W::Equal => 1.0 / all.len() as f64,
            W::EqualWithin => 1.0 / all.iter().filter(|p| p.0 == b).count() as f64 / count,
            W::GeometricWithin { lambda } => {
                let own = all.iter().filter(|p| p.0 == b);
                let total: f64 = own.map(|p| lambda.powi((p.2 - p.1 - 1) as i32)).sum();
                lambda.powi(k as i32 - 1) / total / count
            }
            W::Geometric { lambda } => {
                let total: f64 = (0..longest).map(|n| lambda.powi(n as i32)).sum();
                let same = all.iter().filter(|p| p.2 - p.1 == k).count();
                lambda.powi(k as i32 - 1) / total / same as f64
            }
        }
    };
    let values = all
        .iter()
        .map(|&(b, i, j)| weight(b, j - i) * g.value(residual(terms, flows, b, i, j)));
    values.sum()
}

#[test]
fn sub_trajectories() {
    use SubTrajectoryWeighting as W;
    for (terms, given) in batches("sub") {
        let flows = terms.log_flow.clone().unwrap();
        let known = given.log_reward_at.as_ref().unwrap();
        let ahead: Vec<f64> = flows.iter().zip(known).map(|(f, r)| f + r).collect();
        for g in COSTS {
            for weighting in [
                W::Transitions,
                W::TransitionsWithin,
                W::Whole,
                W::Equal,
                W::EqualWithin,
                W::Geometric { lambda: 0.8 },
                W::Geometric { lambda: 1.2 },
                W::GeometricWithin { lambda: 0.0 },
                W::GeometricWithin { lambda: 0.9 },
                W::GeometricWithin { lambda: 1.7 },
            ] {
                let loss = sub_trajectory_balance_with(&terms, weighting, g).unwrap();
                assert_close(loss.value, naive_sub(&terms, &flows, weighting, g), 1e-11);
                let loss =
                    forward_looking_sub_trajectory_balance(&terms, &given, weighting, g).unwrap();
                assert_close(loss.value, naive_sub(&terms, &ahead, weighting, g), 1e-11);
                let loss =
                    path_consistency(&terms, &given, Correction::None, weighting, g).unwrap();
                let mut free = terms.clone();
                free.log_pb.fill(0.0);
                assert_close(loss.value, naive_sub(&free, &flows, weighting, g), 1e-11);
            }
            let mean = TransitionReduction::Mean;
            let loss = detailed_balance_with(&terms, mean, g).unwrap();
            assert_close(
                loss.value,
                naive_sub(&terms, &flows, W::Transitions, g),
                1e-11,
            );
            let loss = forward_looking_detailed_balance(&terms, &given, mean, g).unwrap();
            assert_close(
                loss.value,
                naive_sub(&terms, &ahead, W::Transitions, g),
                1e-11,
            );
        }
    }
}

#[test]
fn whole_trajectories() {
    for (t, given) in batches("whole") {
        let (prior, guide) = (
            given.log_prior.as_ref().unwrap(),
            given.log_guide.as_ref().unwrap(),
        );
        let pf = |b| sum(&t, b, |e| t.log_pf[e]);
        let pb = |b| sum(&t, b, |e| t.log_pb[e]);
        for g in COSTS {
            let expected = mean(&t, |b| {
                g.value(t.log_z[b] + pf(b) - t.log_reward[b] - pb(b))
            });
            assert_close(
                trajectory_balance_with(&t, g).unwrap().value,
                expected,
                1e-12,
            );
            let relative = |b: usize| t.log_z[b] + pf(b) - prior[b] - t.log_reward[b];
            let loss = relative_trajectory_balance(&t, &given, g).unwrap();
            assert_close(loss.value, mean(&t, |b| g.value(relative(b))), 1e-12);
            let loss = trust_path_consistency(&t, &given, 0.3, g).unwrap();
            assert_close(loss.value, mean(&t, |b| g.value(0.3 * relative(b))), 1e-12);
            for w in [0.0, 0.25, 1.0] {
                let target = |b: usize| {
                    w * (t.log_reward[b] + pb(b)) + (1.0 - w) * (t.log_reward[b] + guide[b])
                };
                let loss = guided_trajectory_balance(&t, &given, w, g).unwrap();
                assert_close(
                    loss.value,
                    mean(&t, |b| g.value(t.log_z[b] + pf(b) - target(b))),
                    1e-12,
                );
            }
            let loss = backward_guidance(&t, &given, g).unwrap();
            assert_close(loss.value, mean(&t, |b| g.value(guide[b] - pb(b))), 1e-12);
        }
        let loss = maximum_likelihood(&t, &given, LikelihoodWeights::Uniform).unwrap();
        assert_close(loss.value, -mean(&t, pf), 1e-12);
        assert_close(backward_likelihood(&t).unwrap().value, -mean(&t, pb), 1e-12);
    }
}

/// Value of every centre, and the gradient of a detached one by differences with the mean frozen.
#[test]
fn variances() {
    for (t, given) in batches("variance") {
        let groups = given.group.clone().unwrap();
        let prior = given.log_prior.clone().unwrap();
        let zeta = |t: &Terms, b: usize| t.log_reward[b] - sum(t, b, |e| t.log_pf[e] - t.log_pb[e]);
        let centre_of = |values: &[f64], b: usize, leave: bool| {
            let members: Vec<usize> = (0..t.len()).filter(|&a| groups[a] == groups[b]).collect();
            let kept: Vec<f64> = members
                .iter()
                .filter(|&&a| !leave || a != b)
                .map(|&a| values[a])
                .collect();
            if members.len() == 1 {
                values[b]
            } else {
                kept.iter().sum::<f64>() / kept.len() as f64
            }
        };
        let estimates: Vec<f64> = (0..t.len()).map(|b| zeta(&t, b)).collect();
        let relative: Vec<f64> = (0..t.len())
            .map(|b| t.log_reward[b] + prior[b] - sum(&t, b, |e| t.log_pf[e]))
            .collect();
        for g in COSTS {
            for leave_one_out in [false, true] {
                let frozen: Vec<f64> = (0..t.len())
                    .map(|b| centre_of(&estimates, b, leave_one_out))
                    .collect();
                let expected = mean(&t, |b| g.value(frozen[b] - estimates[b]));
                for kind in [BatchMean::Attached, BatchMean::Detached] {
                    let centre = Centre {
                        mean: kind,
                        leave_one_out,
                    };
                    let loss = log_partition_variance_by(&t, &groups, centre, g).unwrap();
                    assert_close(loss.value, expected, 1e-11);
                    let loss =
                        relative_log_partition_variance(&t, &given, &groups, centre, g).unwrap();
                    let expected = mean(&t, |b| {
                        g.value(centre_of(&relative, b, leave_one_out) - relative[b])
                    });
                    assert_close(loss.value, expected, 1e-11);
                }
                let centre = Centre {
                    mean: BatchMean::Detached,
                    leave_one_out,
                };
                let grad = log_partition_variance_by(&t, &groups, centre, g)
                    .unwrap()
                    .grad;
                for edge in 0..t.log_pf.len() {
                    let at = |by: f64| {
                        let mut nudged = t.clone();
                        nudged.log_pf[edge] += by;
                        mean(&t, |b| {
                            if centre_of(&estimates, b, false) == estimates[b] {
                                0.0
                            } else {
                                g.value(frozen[b] - zeta(&nudged, b))
                            }
                        })
                    };
                    let expected_slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                    assert!(
                        (grad.log_pf[edge] - expected_slope).abs() < 1e-6 * (1.0 + expected),
                        "{g:?}"
                    );
                    assert_eq!(grad.log_pb[edge], -grad.log_pf[edge]);
                }
            }
        }
        // Weights by hand, frozen: gradient by differences.
        let behaviour = given.log_pf_behaviour.clone().unwrap();
        let raw: Vec<f64> = (0..t.len())
            .map(|b| (0.5 * (t.log_reward[b] + sum(&t, b, |e| t.log_pb[e] - behaviour[e]))).exp())
            .collect();
        let total: f64 = raw.iter().sum();
        let value = |t: &Terms| {
            let centre: f64 = (0..t.len()).map(|b| raw[b] / total * zeta(t, b)).sum();
            (0..t.len())
                .map(|b| raw[b] / total * (zeta(t, b) - centre).powi(2))
                .sum::<f64>()
        };
        let loss = weighted_log_partition_variance(&t, &given, 0.5).unwrap();
        assert_close(loss.value, value(&t), 1e-11);
        for edge in 0..t.log_pf.len() {
            let at = |by: f64| {
                let mut n = t.clone();
                n.log_pf[edge] += by;
                value(&n)
            };
            assert_close(loss.grad.log_pf[edge], (at(1e-3) - at(-1e-3)) / 2e-3, 1e-8);
        }
        // Power 1 without a behaviour: weights are exp zeta.
        let raw: Vec<f64> = estimates.iter().map(|z| z.exp()).collect();
        let total: f64 = raw.iter().sum();
        let loss =
            maximum_likelihood(&t, &Given::default(), LikelihoodWeights::Importance).unwrap();
        let expected: f64 = (0..t.len())
            .map(|b| -raw[b] / total * sum(&t, b, |e| t.log_pf[e]))
            .sum();
        assert_close(loss.value, expected, 1e-11);
        for b in 0..t.len() {
            assert_close(loss.grad.log_pf[t.range(b).start], -raw[b] / total, 1e-12);
        }
    }
}

#[test]
fn transitions_with_constants() {
    for (t, given) in batches("transitions") {
        let flows = t.log_flow.as_ref().unwrap();
        let (stop, at) = (
            t.log_stop.as_ref().unwrap(),
            given.log_reward_at.as_ref().unwrap(),
        );
        let edges = t.log_pf.len() as f64;
        for g in COSTS {
            let modified = |b: usize| {
                (t.range(b).start..t.range(b).end - 1)
                    .map(|e| {
                        g.value(
                            at[e] - stop[e] + t.log_pf[e] - at[e + 1] + stop[e + 1] - t.log_pb[e],
                        )
                    })
                    .sum::<f64>()
            };
            let sums: f64 = (0..t.len()).map(modified).sum();
            for (reduction, scale) in [
                (TransitionReduction::Mean, 1.0 / (edges - t.len() as f64)),
                (
                    TransitionReduction::HalfMean,
                    0.5 / (edges - t.len() as f64),
                ),
                (TransitionReduction::TrajectorySum, 1.0 / t.len() as f64),
            ] {
                let loss = modified_detailed_balance(&t, &given, reduction, g).unwrap();
                assert_close(loss.value, sums * scale, 1e-11);
            }
            let frozen = Given {
                log_flow_target: t.log_flow.clone(),
                log_pf_target: Some(t.log_pf.clone()),
                ..given.clone()
            };
            let own = Given {
                log_flow_target: None,
                log_pf_target: None,
                ..given.clone()
            };
            for share in [0.0, 0.15] {
                for correction in [
                    Correction::BackwardPolicy,
                    Correction::None,
                    Correction::PathCounts,
                ] {
                    let munchausen = (share > 0.0).then_some(Munchausen { share, floor: -1.0 });
                    let config = SoftQ {
                        correction,
                        munchausen,
                        terminal_weight: 5.0,
                        residual: g,
                    };
                    let expected = |given: &Given| {
                        let next = given.log_flow_target.as_ref().unwrap();
                        let other = given.log_pf_target.as_ref().unwrap();
                        let tau = 1.0 / (1.0 - share);
                        let mut total = 0.0;
                        for b in 0..t.len() {
                            for e in t.range(b) {
                                let inside = e + 1 < t.range(b).end;
                                let n = given.log_path_count.as_ref().unwrap()[b];
                                let (pb, end) = match correction {
                                    Correction::BackwardPolicy => (t.log_pb[e], t.log_reward[b]),
                                    Correction::None => (0.0, t.log_reward[b]),
                                    Correction::PathCounts => (0.0, t.log_reward[b] - n),
                                };
                                let value = if inside { next[e + 1] } else { end };
                                let target = pb + value + share * (tau * other[e]).max(-1.0);
                                let weight = if inside { 1.0 } else { 5.0 };
                                total += weight * g.value(flows[e] + tau * t.log_pf[e] - target);
                            }
                        }
                        total / edges
                    };
                    let loss = soft_q_learning(&t, &given, config).unwrap();
                    assert_close(loss.value, expected(&given), 1e-11);
                    // One's own next value is a constant too.
                    let loss = soft_q_learning(&t, &own, config).unwrap();
                    let same = soft_q_learning(&t, &frozen, config).unwrap();
                    assert_close(loss.value, expected(&frozen), 1e-11);
                    assert_eq!(loss.grad, same.grad);
                }
            }
        }
    }
}

#[test]
fn path_counts() {
    for (t, _) in batches("counts") {
        let l = |b: usize, i: usize| {
            if i == 0 {
                0.0
            } else {
                t.log_flow.as_ref().unwrap()[t.range(b).start + i]
            }
        };
        for g in COSTS {
            let d = |b: usize, i: usize, j: usize| {
                let begin = t.range(b).start;
                g.value(
                    l(b, j) - l(b, i) + (begin + i..begin + j).map(|e| t.log_pb[e]).sum::<f64>(),
                )
            };
            let last = |b: usize| t.range(b).len() - 1;
            let average = |values: Vec<f64>| {
                if values.is_empty() {
                    0.0
                } else {
                    values.iter().sum::<f64>() / values.len() as f64
                }
            };
            let expected = [
                (
                    PathCountLoss::Transition,
                    mean(&t, |b| {
                        average((0..last(b)).map(|i| d(b, i, i + 1)).collect())
                    }),
                ),
                (
                    PathCountLoss::SubTrajectory,
                    mean(&t, |b| {
                        average(
                            (1..=last(b))
                                .flat_map(|j| (0..j).map(move |i| (i, j)))
                                .map(|(i, j)| d(b, i, j))
                                .collect(),
                        )
                    }),
                ),
                (
                    PathCountLoss::FromSource,
                    mean(&t, |b| average((1..=last(b)).map(|j| d(b, 0, j)).collect())),
                ),
                (
                    PathCountLoss::Trajectory,
                    mean(&t, |b| if last(b) == 0 { 0.0 } else { d(b, 0, last(b)) }),
                ),
            ];
            for (over, expected) in expected {
                assert_close(
                    path_count_balance(&t, over, g).unwrap().value,
                    expected,
                    1e-11,
                );
            }
        }
    }
}

#[test]
fn policy_gradients() {
    for (t, given) in batches("gradient") {
        let count = t.len() as f64;
        let cost = |b: usize, from: usize, pf: &[f64]| {
            (from..t.range(b).end)
                .map(|e| pf[e] - t.log_pb[e])
                .sum::<f64>()
                - t.log_reward[b]
        };
        let start = |b: usize| t.range(b).start;
        let flows = t.log_flow.as_ref().unwrap();
        let average = mean(&t, |b| cost(b, start(b), &t.log_pf));
        for b in 0..t.len() {
            let own = cost(b, start(b), &t.log_pf);
            let others = (count * average - own) / (count - 1.0);
            let expected = [
                (Baseline::BatchMean, own - average),
                (Baseline::LeaveOneOut, own - others),
                (Baseline::LogZ, own + t.log_z[b]),
            ];
            for (baseline, expected) in expected {
                let loss = policy_gradient(&t, baseline).unwrap();
                assert_close(loss.value, average, 1e-12);
                for e in t.range(b) {
                    assert_close(loss.grad.log_pf[e] * count, expected, 1e-11);
                }
                assert!(loss.grad.log_pb.iter().all(|&g| g == 0.0));
            }
            for e in t.range(b) {
                let expected = flows[e] + cost(b, e, &t.log_pf);
                let loss = policy_gradient(&t, Baseline::Flow).unwrap();
                assert_close(loss.grad.log_pf[e] * count, expected, 1e-11);
                assert_close(
                    loss.grad.log_flow[e] * t.log_pf.len() as f64,
                    2.0 * expected,
                    1e-11,
                );
                let gae = |lambda: f64, pf: &[f64]| {
                    (e..t.range(b).end)
                        .map(|k| {
                            let next = if k + 1 == t.range(b).end {
                                t.log_reward[b]
                            } else {
                                flows[k + 1]
                            };
                            lambda.powi((k - e) as i32) * (flows[k] + pf[k] - t.log_pb[k] - next)
                        })
                        .sum::<f64>()
                };
                let loss = policy_gradient(&t, Baseline::Gae { lambda: 0.7 }).unwrap();
                assert_close(loss.grad.log_pf[e] * count, gae(0.7, &t.log_pf), 1e-11);
                let same = Given {
                    log_pf_behaviour: Some(t.log_pf.clone()),
                    ..Given::default()
                };
                let ppo = entropic_ppo(&t, &same, EntropicPpo::default()).unwrap();
                assert_close(ppo.grad.log_pf[e], loss.grad.log_pf[e], 1e-11);
            }
        }
        // The clipped surrogate by plain loops, and its slope with advantages frozen.
        let old = given.log_pf_behaviour.as_ref().unwrap();
        let value = |pf: &[f64]| {
            mean(&t, |b| {
                t.range(b)
                    .map(|e| {
                        let advantage = (e..t.range(b).end)
                            .map(|k| {
                                let next = if k + 1 == t.range(b).end {
                                    t.log_reward[b]
                                } else {
                                    flows[k + 1]
                                };
                                0.7_f64.powi((k - e) as i32)
                                    * (flows[k] + old[k] - t.log_pb[k] - next)
                            })
                            .sum::<f64>();
                        let rho = (pf[e] - old[e]).exp();
                        (rho * advantage).max(rho.clamp(0.8, 1.2) * advantage) + rho * rho.ln()
                            - rho
                            + 1.0
                    })
                    .sum()
            })
        };
        let loss = entropic_ppo(&t, &given, EntropicPpo::default()).unwrap();
        assert_close(loss.value, value(&t.log_pf), 1e-11);
        for e in 0..t.log_pf.len() {
            let at = |by: f64| {
                let mut pf = t.log_pf.clone();
                pf[e] += by;
                value(&pf)
            };
            let expected = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!(
                (loss.grad.log_pf[e] - expected).abs()
                    < 1e-6 * (1.0 + expected.abs() + loss.value.abs() * 1e-3)
            );
        }
    }
}
