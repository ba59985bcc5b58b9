//! Objectives over states and edges: flow matching and flow iteration.
#![allow(
    clippy::needless_range_loop,
    reason = "references count as the formulas do"
)]

mod common;

use anabranch_core::exact::{self, Dag};
use anabranch_core::logspace::log_sum_exp;
use anabranch_core::objective::*;
use anabranch_core::rng::Stream;
use anabranch_core::{CoreError, Enumerable, Ragged, Seed};
use common::*;

const COSTS: [Residual; 6] = [
    Residual::Squared,
    Residual::HalfSquared,
    Residual::Absolute,
    Residual::Huber { delta: 1.5 },
    Residual::ShiftedCosh,
    Residual::Linex { a: -0.7 },
];

fn stream(test: &str) -> Stream {
    Seed::new(14).stream(test, &[])
}

#[test]
fn flow_matching_and_flow_regression() {
    let mut stream = stream("matching");
    let row = |stream: &mut Stream, n: usize| noise(stream, n);
    let terms = FlowMatchingTerms {
        inflow: Ragged::from_iter([
            row(&mut stream, 2),
            row(&mut stream, 1),
            row(&mut stream, 3),
        ]),
        outflow: Ragged::from_iter([
            row(&mut stream, 3),
            row(&mut stream, 1),
            row(&mut stream, 1),
        ]),
        leaf: vec![false, false, true],
        stop: row(&mut stream, 2),
        stop_log_reward: row(&mut stream, 2),
    };
    for residual in COSTS {
        for log_epsilon in [None, Some(-1.3)] {
            for kind in [FlowMatchingMean::All, FlowMatchingMean::ByKind] {
                let config = FlowMatching {
                    log_epsilon,
                    leaf_weight: 10.0,
                    mean: kind,
                    residual,
                };
                let naive =
                    |terms: &FlowMatchingTerms| {
                        let eps = log_epsilon.map_or(0.0, f64::exp);
                        let log =
                            |flows: &[f64]| (flows.iter().map(|f| f.exp()).sum::<f64>() + eps).ln();
                        let (mut inside, mut outer) = (vec![], vec![]);
                        for s in 0..3 {
                            let d = residual
                                .value(log(terms.inflow.row(s)) - log(terms.outflow.row(s)));
                            if terms.leaf[s] {
                                outer.push(d)
                            } else {
                                inside.push(d)
                            }
                        }
                        for k in 0..2 {
                            outer.push(residual.value(
                                log(&terms.stop[k..=k]) - log(&terms.stop_log_reward[k..=k]),
                            ));
                        }
                        let (a, b) = (inside.iter().sum::<f64>(), outer.iter().sum::<f64>());
                        match kind {
                            FlowMatchingMean::All => (a + 10.0 * b) / 5.0,
                            FlowMatchingMean::ByKind => a / 2.0 + 10.0 * b / 3.0,
                        }
                    };
                let loss = flow_matching(&terms, config).unwrap();
                assert_close(loss.value, naive(&terms), 1e-12);
                let check = |got: f64, nudge: &dyn Fn(&mut FlowMatchingTerms, f64)| {
                    let at = |by: f64| {
                        let mut n = terms.clone();
                        nudge(&mut n, by);
                        naive(&n)
                    };
                    let expected = (at(1e-5) - at(-1e-5)) / 2e-5;
                    assert!(
                        (got - expected).abs() < 1e-6 * (1.0 + loss.value),
                        "{config:?}: {got} for {expected}"
                    );
                };
                for s in 0..3 {
                    for (i, &got) in loss.grad.inflow.row(s).iter().enumerate() {
                        check(got, &|t, by| t.inflow.row_mut(s)[i] += by);
                    }
                    for (i, &got) in loss.grad.outflow.row(s).iter().enumerate() {
                        if terms.leaf[s] {
                            assert_eq!(got, 0.0)
                        } else {
                            check(got, &|t, by| t.outflow.row_mut(s)[i] += by)
                        }
                    }
                }
                for k in 0..2 {
                    check(loss.grad.stop[k], &|t, by| t.stop[k] += by);
                }
            }
        }
        let (flows, targets) = (noise(&mut stream, 7), noise(&mut stream, 7));
        let (value, grad) = flow_regression(&flows, &targets, residual).unwrap();
        let naive = flows
            .iter()
            .zip(&targets)
            .map(|(f, t)| residual.value(f - t))
            .sum::<f64>()
            / 7.0;
        assert_close(value, naive, 1e-13);
        for i in 0..7 {
            assert_close(grad[i], residual.slope(flows[i] - targets[i]) / 7.0, 1e-13);
        }
    }
}

/// Flow-matching terms of every state of an environment from log edge flows `[M]`.
fn edge_terms<S>(dag: &Dag<S>, edge: &[f64], log_reward: &[f64]) -> FlowMatchingTerms {
    let mut terms = FlowMatchingTerms {
        inflow: Ragged::new(),
        outflow: Ragged::new(),
        leaf: Vec::new(),
        stop: Vec::new(),
        stop_log_reward: Vec::new(),
    };
    for state in 0..dag.len() {
        let leaf = dag.can_stop(state) && dag.moves(state).len() == 1;
        if state > 0 {
            let into = (0..dag.num_moves()).filter(|&m| dag.child(m) == Some(state));
            terms.inflow.push_row(into.map(|m| edge[m]));
            match leaf {
                true => terms.outflow.push_row([log_reward[state]]),
                false => terms.outflow.push_row(dag.moves(state).map(|m| edge[m])),
            }
            terms.leaf.push(leaf);
        }
        if dag.can_stop(state) && !leaf {
            terms.stop.push(edge[dag.moves(state).last().unwrap()]);
            terms.stop_log_reward.push(log_reward[state]);
        }
    }
    terms
}

fn vanishes_at_the_exact_flow(env: &impl Enumerable, stream: &mut Stream) {
    let dag = Dag::new(env).unwrap();
    let log_reward = random_log_reward(&dag, stream);
    let solution = exact::exact_flows(&dag, &log_reward, &random_log_pb(&dag, stream));
    let mut edge = solution.log_pf.clone();
    for state in 0..dag.len() {
        edge[dag.moves(state)]
            .iter_mut()
            .for_each(|v| *v += solution.log_flow[state]);
    }
    let off = noise(stream, edge.len());
    for log_epsilon in [None, Some(-2.0)] {
        let config = FlowMatching {
            log_epsilon,
            ..FlowMatching::default()
        };
        let at = |edge: &[f64], scale: f64| {
            let rewards: Vec<f64> = log_reward.iter().map(|r| r + scale).collect();
            let edge: Vec<f64> = edge.iter().map(|f| f + scale).collect();
            let config = FlowMatching {
                log_epsilon: log_epsilon.map(|e| e + scale),
                ..config
            };
            flow_matching(&edge_terms(&dag, &edge, &rewards), config).unwrap()
        };
        assert!(at(&edge, 0.0).value < 1e-20);
        let mut wrong = edge.clone();
        wrong.iter_mut().zip(&off).for_each(|(v, n)| *v += n);
        assert!(at(&wrong, 0.0).value > 1e-4);
        assert_close(at(&wrong, 4.0).value, at(&wrong, 0.0).value, 1e-11);
    }
    // Flow iteration: uniform P_B, edges counted.
    let solution = exact::exact_flows(&dag, &log_reward, &exact::uniform_log_pb(&dag));
    for state in 0..dag.len() {
        let children: Vec<(f64, usize)> = dag
            .moves(state)
            .filter_map(|m| dag.child(m))
            .map(|c| (solution.log_flow[c], dag.parents(c).len()))
            .collect();
        let reward = dag.can_stop(state).then_some(log_reward[state]);
        assert_close(
            flow_iteration_target(reward, &children),
            solution.log_flow[state],
            1e-12,
        );
    }
}

#[test]
fn zero_at_the_exact_flow_of_environments() {
    let mut stream = stream("exact");
    vanishes_at_the_exact_flow(&Grid { side: 4 }, &mut stream);
    vanishes_at_the_exact_flow(
        &Pairs {
            most: 3,
            count_parents_twice: false,
        },
        &mut stream,
    );
    for _ in 0..3 {
        let env = Layered::random(3, 3, &mut stream);
        vanishes_at_the_exact_flow(&env, &mut stream);
    }
}

/// He et al. 2024, theorem 4.1, on a tree of three-letter strings: the uniform policy's value of g R is
/// g F; the target in logs, and log g along any way, agree with flow iteration.
#[test]
fn the_random_policy_evaluates_flows_of_trees() {
    // A source with two leaves' parents; leaf rewards 1, 2, 3; the parents may stop too, with 4 and 5.
    let (r, ln) = ([1.0, 2.0, 3.0, 4.0, 5.0], f64::ln);
    let flow_a = r[0] + r[1] + r[3];
    let flow_b = r[2] + r[4];
    // A(source) = 2, A(a) = 3, A(b) = 2, B = 1 everywhere.
    let g_child = log_path_ratio(0.0, 2, 1);
    assert_close(g_child, ln(2.0), 1e-15);
    let g_leaf_a = log_path_ratio(g_child, 3, 1);
    let target = random_policy_target(
        Some(ln(r[3])),
        g_child,
        &[(ln(r[0]), g_leaf_a), (ln(r[1]), g_leaf_a)],
    );
    assert_close(target, ln(flow_a) + g_child, 1e-14);
    let target = random_policy_target(None, 0.0, &[(ln(flow_a), g_child), (ln(flow_b), g_child)]);
    assert_close(target, ln(flow_a + flow_b), 1e-14);
    let forced = random_policy_target(Some(ln(r[2])), g_leaf_a, &[]);
    assert_close(forced, ln(r[2]) + g_leaf_a, 1e-14);
}

#[test]
fn what_is_no_flow_is_refused() {
    let good = FlowMatchingTerms {
        inflow: Ragged::from_iter([vec![0.0, 1.0]]),
        outflow: Ragged::from_iter([vec![0.5]]),
        leaf: vec![true],
        stop: vec![0.0],
        stop_log_reward: vec![1.0],
    };
    let run = |terms: &FlowMatchingTerms| flow_matching(terms, FlowMatching::default());
    run(&good).unwrap();
    for bad in [f64::NAN, f64::INFINITY] {
        let mut terms = good.clone();
        terms.inflow.row_mut(0)[1] = bad;
        assert!(matches!(
            run(&terms),
            Err(CoreError::StateNotFinite {
                name: "inflow",
                state: 0,
                ..
            })
        ));
        let mut terms = good.clone();
        terms.stop_log_reward[0] = bad;
        assert!(matches!(
            run(&terms),
            Err(CoreError::StateNotFinite {
                name: "stop_log_reward",
                ..
            })
        ));
    }
    // One edge without flow is fine, none at all is not.
    let mut terms = good.clone();
    terms.inflow.row_mut(0)[1] = f64::NEG_INFINITY;
    assert_eq!(run(&terms).unwrap().grad.inflow.row(0)[1], 0.0);
    terms.inflow.row_mut(0)[0] = f64::NEG_INFINITY;
    assert!(run(&terms).is_err());
    let mut terms = good;
    terms.leaf.clear();
    assert!(matches!(
        run(&terms),
        Err(CoreError::WrongLength {
            name: "leaf",
            got: 0,
            expected: 1
        })
    ));
    assert!(flow_regression(&[], &[], Residual::Squared).is_err());
    assert!(flow_regression(&[0.0], &[f64::NAN], Residual::Squared).is_err());
    assert_eq!(flow_iteration_target(None, &[]), f64::NEG_INFINITY);
    assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
}
