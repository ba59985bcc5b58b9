//! Identities between objectives.
#![allow(
    clippy::needless_range_loop,
    reason = "references count as the formulas do"
)]

mod common;

use anabranch_core::exact::{self, Dag};
use anabranch_core::objective::*;
use anabranch_core::rng::Stream;
use anabranch_core::{Given, Seed, Terms, logspace};
use common::*;

fn stream(test: &str) -> Stream {
    Seed::new(15).stream(test, &[])
}

#[track_caller]
fn all_close(got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    got.iter()
        .zip(expected)
        .for_each(|(g, e)| assert_close(*g, *e, tolerance));
}

/// A small graph with logits for P_F and P_B and a reward: everything an expectation is made of.
struct Model {
    dag: Dag<usize>,
    paths: Vec<Path>,
    logits: Vec<f64>,
    back: Vec<f64>,
    log_reward: Vec<f64>,
}

impl Model {
    fn new(stream: &mut Stream) -> Self {
        let dag = Dag::new(&Layered::random(3, 2, stream)).unwrap();
        Self {
            paths: all_paths(&dag),
            logits: noise(stream, dag.num_moves()),
            back: noise(stream, dag.num_parents()),
            log_reward: random_log_reward(&dag, stream),
            dag,
        }
    }

    fn log_pf(&self) -> Vec<f64> {
        let mut out = self.logits.clone();
        (0..self.dag.len()).for_each(|s| logspace::log_softmax(&mut out[self.dag.moves(s)]));
        out
    }

    fn log_pb(&self) -> Vec<f64> {
        let mut out = self.back.clone();
        (0..self.dag.len()).for_each(|s| logspace::log_softmax(&mut out[self.dag.parents(s)]));
        out
    }

    fn terms(&self) -> Terms {
        let solution = exact::Solution {
            log_z: 0.7,
            log_flow: vec![0.0; self.dag.len()],
            log_pf: self.log_pf(),
        };
        terms_of(
            &self.dag,
            &self.paths,
            &solution,
            &self.log_pb(),
            &self.log_reward,
        )
    }

    /// KL(P_F || R P_B / Z) with Z left out, and KL(P_B || P_F) of trajectories of the target.
    fn divergences(&self) -> (f64, f64) {
        let terms = self.terms();
        let total = logspace::log_sum_exp(&self.log_reward);
        let (pf, pb) = (terms.sum_log_pf(), terms.sum_log_pb());
        let each = 0..terms.len();
        let forward = each
            .clone()
            .map(|b| pf[b].exp() * (pf[b] - pb[b] - terms.log_reward[b]))
            .sum();
        let backward = each
            .map(|b| {
                let log_q = pb[b] + terms.log_reward[b] - total;
                log_q.exp() * (log_q - pf[b])
            })
            .sum();
        (forward, backward)
    }

    /// dL/dlogit from dL/dlog P_F of the edges of trajectories, each with a weight.
    fn to_logits(&self, by_edge: &[f64], forward: bool) -> Vec<f64> {
        let probabilities = if forward {
            self.log_pf()
        } else {
            self.log_pb()
        };
        let mut out = vec![0.0; probabilities.len()];
        let edges = self
            .paths
            .iter()
            .flat_map(|path| path.states.iter().zip(&path.moves));
        for ((&state, &index), slope) in edges.zip(by_edge) {
            let (place, row) = match forward {
                true => (Some(index), self.dag.moves(state)),
                false => {
                    let row = self
                        .dag
                        .child(index)
                        .map_or(0..0, |child| self.dag.parents(child));
                    (self.dag.parent_of_move(index), row)
                }
            };
            if let Some(place) = place {
                out[place] += slope;
                row.for_each(|other| out[other] -= slope * probabilities[other].exp());
            }
        }
        out
    }
}

/// d delta_i^2 / d log P on every edge, each trajectory alone, times `weights`.
fn slopes(terms: &Terms, weights: &[f64], forward: bool) -> Vec<f64> {
    let loss = trajectory_balance(terms).unwrap();
    let values = if forward {
        &loss.grad.log_pf
    } else {
        &loss.grad.log_pb
    };
    let mut out = Vec::new();
    for (b, weight) in weights.iter().enumerate() {
        out.extend(
            terms
                .range(b)
                .map(|e| weight * terms.len() as f64 * values[e]),
        );
    }
    out
}

/// (i) Malkin et al. 2022, arXiv 2210.00580: on-policy E[grad delta^2] = 2 grad KL(P_F || R P_B / Z), any
/// log Z; (iv) for P_B with trajectories of P_B, E[grad delta^2] = 2 grad KL(P_B || P_F).
#[test]
fn expected_gradients_are_those_of_divergences() {
    let mut stream = stream("divergences");
    for _ in 0..3 {
        let model = Model::new(&mut stream);
        let terms = model.terms();
        let on_policy: Vec<f64> = terms.sum_log_pf().iter().map(|p| p.exp()).collect();
        let got = model.to_logits(&slopes(&terms, &on_policy, true), true);
        let gradient = policy_gradient(&terms, Baseline::LogZ).unwrap().grad.log_pf;
        let mut weighted = Vec::new();
        for (b, p) in on_policy.iter().enumerate() {
            weighted.extend(terms.range(b).map(|e| p * terms.len() as f64 * gradient[e]));
        }
        let score = model.to_logits(&weighted, true);
        for place in 0..got.len() {
            let at = |by| {
                let mut logits = model.logits.clone();
                logits[place] += by;
                let (dag, paths) = (model.dag.clone(), all_paths(&model.dag));
                Model {
                    dag,
                    paths,
                    logits,
                    back: model.back.clone(),
                    log_reward: model.log_reward.clone(),
                }
                .divergences()
                .0
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert_close(got[place], 2.0 * slope, 1e-8);
            assert_close(score[place], slope, 1e-8);
        }
        let total = logspace::log_sum_exp(&model.log_reward);
        let pb = terms.sum_log_pb();
        let from_target: Vec<f64> = (0..terms.len())
            .map(|b| (terms.log_reward[b] - total + pb[b]).exp())
            .collect();
        let got = model.to_logits(&slopes(&terms, &from_target, false), false);
        for place in 0..got.len() {
            let at = |by| {
                let mut back = model.back.clone();
                back[place] += by;
                let (dag, paths) = (model.dag.clone(), all_paths(&model.dag));
                Model {
                    dag,
                    paths,
                    logits: model.logits.clone(),
                    back,
                    log_reward: model.log_reward.clone(),
                }
                .divergences()
                .1
            };
            assert_close(got[place], (at(1e-5) - at(-1e-5)) / 1e-5, 1e-8);
        }
    }
}

/// (ii) The VarGrad gradient is 2 (N - 1) / N times the leave-one-out policy gradient; (iii)
/// dL_TB / d log Z = 2 mean delta; trajectory balance is twice the policy gradient with log Z.
#[test]
fn variance_is_a_policy_gradient() {
    let mut stream = stream("variance");
    let terms = random_terms(&mut stream, &[3, 8, 1, 5, 5]);
    let factor = 2.0 * 4.0 / 5.0;
    let variance = log_partition_variance(&terms).unwrap();
    let gradient = policy_gradient(&terms, Baseline::LeaveOneOut).unwrap();
    let scaled: Vec<f64> = gradient.grad.log_pf.iter().map(|g| factor * g).collect();
    all_close(&variance.grad.log_pf, &scaled, 1e-12);
    let balance = trajectory_balance(&terms).unwrap();
    let estimates = terms.log_z_estimates();
    let mean = (0..5).map(|b| terms.log_z[b] - estimates[b]).sum::<f64>() / 5.0;
    assert_close(balance.grad.log_z.iter().sum(), 2.0 * mean, 1e-13);
    let half = policy_gradient(&terms, Baseline::LogZ).unwrap();
    let twice = |values: &[f64]| values.iter().map(|g| 2.0 * g).collect::<Vec<_>>();
    all_close(&balance.grad.log_pf, &twice(&half.grad.log_pf), 1e-13);
    all_close(&balance.grad.log_z, &twice(&half.grad.log_z), 1e-13);
    let one = policy_gradient(&terms, Baseline::Flow).unwrap();
    let gae = policy_gradient(&terms, Baseline::Gae { lambda: 1.0 }).unwrap();
    all_close(&gae.grad.log_pf, &one.grad.log_pf, 1e-13);
}

/// Path consistency with log P_B as its reward is sub-trajectory balance, over whole episodes trajectory
/// balance.
#[test]
fn path_consistency_is_sub_trajectory_balance() {
    let mut stream = stream("consistency");
    let mut terms = random_terms(&mut stream, &[4, 1, 9]);
    let none = Given::default();
    let weighting = SubTrajectoryWeighting::default();
    let pcl = path_consistency(
        &terms,
        &none,
        Correction::BackwardPolicy,
        weighting,
        Residual::Squared,
    )
    .unwrap();
    let sub = sub_trajectory_balance(&terms, 0.9).unwrap();
    assert_eq!(pcl.value, sub.value);
    assert_eq!(
        (&pcl.grad.log_pf, &pcl.grad.log_flow),
        (&sub.grad.log_pf, &sub.grad.log_flow)
    );
    terms.log_z = (0..3)
        .map(|b| terms.log_flow.as_ref().unwrap()[terms.range(b).start])
        .collect();
    let whole = SubTrajectoryWeighting::Whole;
    let pcl = path_consistency(
        &terms,
        &none,
        Correction::BackwardPolicy,
        whole,
        Residual::Squared,
    )
    .unwrap();
    let balance = trajectory_balance(&terms).unwrap();
    assert_close(pcl.value, balance.value, 1e-12);
    all_close(&pcl.grad.log_pf, &balance.grad.log_pf, 1e-12);
}

/// Modified detailed balance is detailed balance with F(s) = R(s) / P_F(stop | s); and, with uniform P_B,
/// the residual of pi-SQL: r(s') - r(s) - log #parents + log pi(stop|s') + ... with its sign turned.
#[test]
fn modified_detailed_balance_is_detailed_balance() {
    let mut stream = stream("modified");
    let mut terms = random_terms(&mut stream, &[4, 1, 9]);
    let given = random_given(&mut stream, &terms);
    let reward = given.log_reward_at.as_ref().unwrap();
    let stop = terms.log_stop.clone().unwrap();
    for b in 0..terms.len() {
        let last = terms.range(b).end - 1;
        terms.log_pf[last] = stop[last];
        terms.log_pb[last] = 0.0;
        terms.log_reward[b] = reward[last];
    }
    terms.log_flow = Some(reward.iter().zip(&stop).map(|(r, s)| r - s).collect());
    let sum = TransitionReduction::TrajectorySum;
    let balance = detailed_balance(&terms, sum).unwrap();
    let modified = modified_detailed_balance(&terms, &given, sum, Residual::Squared).unwrap();
    assert_close(modified.value, balance.value, 1e-12);
    for e in 0..terms.log_pf.len() {
        let stops = (0..terms.len()).any(|b| terms.range(b).end == e + 1);
        if !stops {
            assert_close(modified.grad.log_pf[e], balance.grad.log_pf[e], 1e-12);
        }
        // F takes the place of -log_stop, and the stop edge of its own residual, which is 0.
        assert_close(modified.grad.log_stop[e], -balance.grad.log_flow[e], 1e-12);
    }
    let parents = [3.0_f64, 2.0, 1.0];
    let mut one = random_terms(&mut stream, &[4]);
    let given = random_given(&mut stream, &one);
    (0..3).for_each(|t| one.log_pb[t] = -parents[t].ln());
    let (stop, r) = (
        one.log_stop.as_ref().unwrap(),
        given.log_reward_at.as_ref().unwrap(),
    );
    let pi_sql: f64 = (0..3)
        .map(|t| {
            let reward = r[t + 1] - r[t] - parents[t].ln();
            // Q(s, s') - target, where V(s) = -log pi(stop | s) up to r(s).
            (reward + stop[t] - stop[t + 1] - one.log_pf[t]).powi(2)
        })
        .sum();
    let flipped: f64 = (0..3)
        .map(|t| {
            let d = r[t] - stop[t] + one.log_pf[t] - r[t + 1] + stop[t + 1] + parents[t].ln();
            d * d
        })
        .sum();
    let modified = modified_detailed_balance(&one, &given, sum, Residual::Squared).unwrap();
    assert_close(modified.value, flipped, 1e-12);
    assert_close(modified.value, pi_sql, 1e-12);
}

#[test]
fn trust_path_consistency_is_alpha_squared_relative_balance() {
    let mut stream = stream("trust");
    let terms = random_terms(&mut stream, &[4, 1, 9]);
    let given = random_given(&mut stream, &terms);
    for g in [Residual::Squared, Residual::HalfSquared] {
        let relative = relative_trajectory_balance(&terms, &given, g).unwrap();
        for alpha in [0.1, 1.0, 3.0] {
            let trust = trust_path_consistency(&terms, &given, alpha, g).unwrap();
            assert_close(trust.value, alpha * alpha * relative.value, 1e-12);
            let scaled: Vec<f64> = relative
                .grad
                .log_pf
                .iter()
                .map(|v| alpha * alpha * v)
                .collect();
            all_close(&trust.grad.log_pf, &scaled, 1e-12);
        }
    }
    // With the backward policy as the prior it is trajectory balance.
    let prior = Given {
        log_prior: Some(terms.sum_log_pb()),
        ..Given::default()
    };
    let relative = relative_trajectory_balance(&terms, &prior, Residual::Squared).unwrap();
    let balance = trajectory_balance(&terms).unwrap();
    assert_close(relative.value, balance.value, 1e-12);
    all_close(&relative.grad.log_pf, &balance.grad.log_pf, 1e-12);
}

/// Detailed balance with the gradient of its right side stopped is soft Q-learning.
#[test]
fn soft_q_learning_is_one_sided_detailed_balance() {
    let mut stream = stream("soft");
    let terms = random_terms(&mut stream, &[4, 1, 9]);
    let config = SoftQ {
        terminal_weight: 1.0,
        residual: Residual::Squared,
        ..SoftQ::default()
    };
    let soft = soft_q_learning(&terms, &Given::default(), config).unwrap();
    let balance = detailed_balance(&terms, TransitionReduction::Mean).unwrap();
    assert_close(soft.value, balance.value, 1e-12);
    all_close(&soft.grad.log_pf, &balance.grad.log_pf, 1e-12);
}

/// GSQL has the trajectories of the maximum-entropy backward policy; its values are lower by log n(s).
#[test]
fn path_counts_give_the_trajectories_of_maximal_entropy() {
    let mut stream = stream("counts");
    for _ in 0..3 {
        let dag = Dag::new(&Layered::random(3, 3, &mut stream)).unwrap();
        let log_reward = random_log_reward(&dag, &mut stream);
        let log_n = exact::log_path_counts(&dag);
        let spread: Vec<f64> = log_reward.iter().zip(&log_n).map(|(r, n)| r - n).collect();
        let zeros = vec![0.0; dag.num_parents()];
        let gsql = exact::exact_flows(&dag, &spread, &zeros);
        let maxent = exact::exact_flows(&dag, &log_reward, &exact::max_entropy_log_pb(&dag));
        all_close(&gsql.log_pf, &maxent.log_pf, 1e-12);
        let paths = all_paths(&dag);
        let terms = terms_of(&dag, &paths, &gsql, &zeros, &log_reward);
        let counts = paths
            .iter()
            .map(|p| log_n[*p.states.last().unwrap()])
            .collect();
        let given = Given {
            log_path_count: Some(counts),
            ..Given::default()
        };
        let config = SoftQ {
            correction: Correction::PathCounts,
            ..SoftQ::default()
        };
        assert!(soft_q_learning(&terms, &given, config).unwrap().value < 1e-20);
        for s in 0..dag.len() {
            if maxent.log_flow[s].is_finite() {
                assert_close(maxent.log_flow[s], gsql.log_flow[s] + log_n[s], 1e-12);
            }
        }
    }
}

/// A constant of relative weights: subtracting the same number from numerator and denominator.
#[test]
fn uniform_weights_are_the_plain_variance() {
    let mut stream = stream("weights");
    let terms = random_terms(&mut stream, &[4, 1, 9]);
    let plain = log_partition_variance(&terms).unwrap();
    let weighted = weighted_log_partition_variance(&terms, &Given::default(), 0.0).unwrap();
    assert_close(weighted.value, plain.value, 1e-12);
    all_close(&weighted.grad.log_pf, &plain.grad.log_pf, 1e-12);
}
