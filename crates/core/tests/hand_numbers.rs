//! Numbers that were worked out by hand or by peers, as literals.
#![allow(
    clippy::approx_constant,
    reason = "the sheet's own digits, log 2 among them"
)]

mod common;

use anabranch_core::exact::{self, Dag, Solution};
use anabranch_core::metric::{elbo, jensen_shannon, kl, total_variation};
use anabranch_core::objective::*;
use anabranch_core::{Given, Loss, Ragged, Terms};
use common::{Grid, Path, all_paths, assert_close, terms_of};

fn one(log_pf: &[f64], log_pb: &[f64], flows: &[f64], log_reward: f64, log_z: f64) -> Terms {
    let row = |values: &[f64]| Ragged::from_iter([values.to_vec()]);
    let mut terms = Terms::new(row(log_pf), row(log_pb), vec![log_z], vec![log_reward]);
    terms.log_flow = Some(flows.to_vec());
    terms
}

/// RGFN (koziarskilab/RGFN), tests/shared/objectives: its mock policies use 1/n *as* log-probabilities.
/// Re-computed by hand: u = (0, 5/6, 2, 5/6).
#[test]
fn rgfn_sub_trajectory_balance() {
    let (third, half) = (1.0 / 3.0, 0.5);
    let terms = one(
        &[half, third, half],
        &[third, half, third],
        &[0.0, 1.0, 2.0],
        1.0,
        0.0,
    );
    for (lambda, expected) in [(1.0, 1.351852), (0.5, 1.315359)] {
        let loss = sub_trajectory_balance(&terms, lambda).unwrap();
        assert!((loss.value - expected).abs() < 5e-7, "{}", loss.value);
    }
}

/// RGFN, tests/shared/objectives: forward and backward sums cancel, log R = 1, log Z starts at 150/64;
/// with log F(s_0) as log Z: 3 -> 4, and 2 and 0 -> mean 1.
#[test]
fn rgfn_trajectory_balance() {
    let loss = |log_z: &[f64]| {
        let rows = || log_z.iter().map(|_| vec![-0.3, -0.7, -0.2]).collect();
        let terms = Terms::new(rows(), rows(), log_z.to_vec(), vec![1.0; log_z.len()]);
        trajectory_balance(&terms).unwrap().value
    };
    assert!((loss(&[150.0 / 64.0]) - 1.805664).abs() < 5e-7);
    assert_close(loss(&[3.0]), 4.0, 1e-14);
    assert_close(loss(&[2.0, 0.0]), 1.0, 1e-14);
}

/// Ours, to compare peers with: P_F = (.5, .25, .8), P_B = (1, .5, 1/3), log F = (1.2, .7, -.3),
/// R = 2.5, log Z = 1.5, computed by hand in f64. Mean: torchgfn, alexhernandezgarcia/gflownet; sum:
/// recursionpharma/gflownet; half-mean: gfnx. SubTB: gfnx, RGFN, torchgfn geometric-within.
#[test]
fn one_trajectory_for_all_peers() {
    let log_pf = [0.5, 0.25, 0.8].map(f64::ln);
    let log_pb = [1.0, 0.5, 1.0 / 3.0].map(f64::ln);
    let terms = one(&log_pf, &log_pb, &[1.2, 0.7, -0.3], 2.5_f64.ln(), 1.5);
    let balance = trajectory_balance(&terms).unwrap();
    assert!((balance.value - 0.005312025615173736).abs() < 1e-15);
    assert!((balance.grad.log_z[0] - 0.1457672887197088).abs() < 1e-14);
    assert!((terms.log_z[0] - terms.log_z_estimates()[0] - 0.0728836443598544).abs() < 1e-14);

    let sum = detailed_balance(&terms, TransitionReduction::TrajectorySum).unwrap();
    let residuals = [-0.1931471805599453, 0.3068528194400547, -0.3408219945202551];
    for (slope, residual) in sum.grad.log_pf.iter().zip(residuals) {
        assert!((slope / 2.0 - residual).abs() < 1e-14);
    }
    for (reduction, expected) in [
        (TransitionReduction::Mean, 0.0825413727017772),
        (TransitionReduction::TrajectorySum, 0.2476241181053317),
        (TransitionReduction::HalfMean, 0.0412706863508886),
    ] {
        let value = detailed_balance(&terms, reduction).unwrap().value;
        assert!((value - expected).abs() < 1e-14);
    }
    for (lambda, expected) in [
        (1.0, 0.0522148057122260),
        (0.9, 0.0538467018086667),
        (0.5, 0.0629555332798891),
    ] {
        let value = sub_trajectory_balance(&terms, lambda).unwrap().value;
        assert!((value - expected).abs() < 1e-14);
    }
}

/// The 2x2 grid with R = 1, 2, 3, 4 in the cells 00, 10, 01, 11; Z = 10. Worked out exactly, apart from
/// this code, and given to six decimals.
struct Square {
    dag: Dag<[usize; 2]>,
    log_reward: Vec<f64>,
    log_pb: Vec<f64>,
}

impl Square {
    fn new() -> Self {
        let dag = Dag::new(&Grid { side: 2 }).unwrap();
        assert_eq!(dag.states(), [[0, 0], [1, 0], [0, 1], [1, 1]]);
        let log_pb = exact::uniform_log_pb(&dag);
        let log_reward = [1.0, 2.0, 3.0, 4.0].map(f64::ln).to_vec();
        Self {
            dag,
            log_reward,
            log_pb,
        }
    }

    /// A model with all logits, flows and log Z at 0.
    fn untrained(&self) -> Solution {
        Solution {
            log_z: 0.0,
            log_flow: vec![0.0; 4],
            log_pf: exact::uniform_log_pf(&self.dag),
        }
    }

    fn terms(&self, paths: &[Path], solution: &Solution) -> Terms {
        terms_of(&self.dag, paths, solution, &self.log_pb, &self.log_reward)
    }
}

fn near(got: f64, expected: f64) {
    assert!(
        (got - expected).abs() < 5.1e-7,
        "got {got}, expected {expected}"
    );
}

#[test]
fn square_at_its_optimum() {
    let square = Square::new();
    let solution = exact::exact_flows(&square.dag, &square.log_reward, &square.log_pb);
    near(solution.log_z.exp(), 10.0);
    for (got, expected) in solution.log_flow.iter().zip([10.0, 4.0, 5.0, 4.0]) {
        assert_close(got.exp(), expected, 1e-14);
    }
    // Moves: to the right, upwards, stop.
    let policy = [0.4, 0.5, 0.1, 0.5, 0.5, 0.4, 0.6, 1.0];
    for (got, expected) in solution.log_pf.iter().zip(policy) {
        assert_close(got.exp(), expected, 1e-14);
    }
    let log_n = exact::log_path_counts(&square.dag);
    for (got, expected) in log_n.iter().zip([1.0, 1.0, 1.0, 2.0]) {
        assert_close(got.exp(), expected, 1e-14);
    }
    assert_eq!(exact::max_entropy_log_pb(&square.dag), square.log_pb);
    // MaxEnt RL without the correction by P_B: p = 1/14, 2/14, 3/14, 8/14.
    let free = exact::exact_flows(&square.dag, &square.log_reward, &[0.0; 4]);
    let log_p = exact::terminating_distribution(&square.dag, &free.log_pf);
    for (got, expected) in log_p.iter().zip([1.0, 2.0, 3.0, 8.0]) {
        assert_close(got.exp(), expected / 14.0, 1e-14);
    }
}

#[test]
fn square_before_training() {
    let square = Square::new();
    let model = square.untrained();
    let paths = all_paths(&square.dag);
    let terms = square.terms(&paths, &model);
    let expected: [(&[usize], f64, f64); 5] = [
        (&[0], 1.0 / 3.0, -1.098612),
        (&[0, 1], 1.0 / 6.0, -2.484907),
        (&[0, 1, 3], 1.0 / 6.0, -2.484907),
        (&[0, 2], 1.0 / 6.0, -2.890372),
        (&[0, 2, 3], 1.0 / 6.0, -2.484907),
    ];
    assert_eq!(paths.len(), expected.len());
    let p: Vec<f64> = terms.sum_log_pf().iter().map(|p| p.exp()).collect();
    let residuals: Vec<f64> = terms.log_z_estimates().iter().map(|z| -z).collect();
    for (states, probability, residual) in expected {
        let place = paths.iter().position(|path| path.states == states).unwrap();
        assert_close(p[place], probability, 1e-14);
        near(residuals[place], residual);
    }

    let mean = |values: &[f64]| p.iter().zip(values).map(|(p, v)| p * v).sum::<f64>();
    near(
        mean(&trajectory_balance(&terms).unwrap().per_trajectory),
        4.882072,
    );
    let best = Solution {
        log_z: 2.090386,
        ..model.clone()
    };
    let at_best = trajectory_balance(&square.terms(&paths, &best)).unwrap();
    near(mean(&at_best.per_trajectory), 0.512358);

    let bounds = exact::bounds(
        &square.dag,
        &model.log_pf,
        &square.log_pb,
        &square.log_reward,
    );
    near(bounds.elbo, 2.090386);
    near(bounds.eubo, 2.467917);
    near(10.0_f64.ln() - bounds.elbo, 0.212199);
    near(bounds.eubo - 10.0_f64.ln(), 0.165332);

    let log_p = exact::terminating_distribution(&square.dag, &model.log_pf);
    let target = exact::target(&square.log_reward);
    near(total_variation(&log_p, &target), 0.233333);
    near(jensen_shannon(&log_p, &target), 0.045071);
    // The two ways to 11 are as likely as its P_B says, so objects differ as trajectories do.
    near(kl(&log_p, &target), 0.212199);
    near(kl(&target, &log_p), 0.165332);
}

/// A batch that holds each trajectory as often as the policy takes it: six draws.
#[test]
fn square_variance_of_an_exact_batch() {
    let square = Square::new();
    let mut paths = all_paths(&square.dag);
    paths.push(Path {
        states: vec![0],
        moves: vec![2],
    });
    let terms = square.terms(&paths, &square.untrained());
    near(log_partition_variance(&terms).unwrap().value, 0.512358);
    near(elbo(&terms).unwrap(), 2.090386);
}

#[test]
fn square_sub_trajectories() {
    let square = Square::new();
    let path = Path {
        states: vec![0, 1, 3],
        moves: vec![0, 3, 7],
    };
    let terms = square.terms(&[path], &square.untrained());
    near(sub_trajectory_balance(&terms, 1.0).unwrap().value, 2.072047);
    near(sub_trajectory_balance(&terms, 0.9).unwrap().value, 1.951195);
    let transitions = detailed_balance(&terms, TransitionReduction::Mean).unwrap();
    near(transitions.value, 1.042920);
    // The residuals of the three transitions, by the slope of the loss: d01, d12, d23.
    for (slope, residual) in transitions
        .grad
        .log_pf
        .iter()
        .zip([-1.098612, 0.0, -1.386294])
    {
        near(slope * 3.0 / 2.0, residual);
    }
}

/// The trajectory 00, 10, 11 with all logits, flows and log Z at 0.
fn untrained_terms() -> (Terms, Given) {
    let square = Square::new();
    let path = Path {
        states: vec![0, 1, 3],
        moves: vec![0, 3, 7],
    };
    let mut terms = square.terms(&[path], &square.untrained());
    terms.log_stop = Some([1.0 / 3.0, 0.5, 1.0].map(f64::ln).to_vec());
    let given = Given {
        log_reward_at: Some([1.0, 2.0, 4.0].map(f64::ln).to_vec()),
        log_path_count: Some(vec![2.0_f64.ln()]),
        ..Given::default()
    };
    (terms, given)
}

/// Residuals of transitions, from the slopes of a sum of squares.
fn residuals(loss: &Loss) -> Vec<f64> {
    loss.grad.log_pf.iter().map(|slope| slope / 2.0).collect()
}

/// The sheet gives modified detailed balance as backward minus forward; ours is forward minus backward.
#[test]
fn square_with_rewards_of_states() {
    let (terms, given) = untrained_terms();
    let sum = TransitionReduction::TrajectorySum;
    let loss = modified_detailed_balance(&terms, &given, sum, Residual::Squared).unwrap();
    // 00 -> 10: log 1 - log 1/3 + log 1/3 - log 2 + log 1/2 = -2 log 2. 10 -> 11: log 2 - log 1/2 + log 1/2 - log 4 - log 1/2 = 0.
    near(residuals(&loss)[0], -1.386294);
    near(residuals(&loss)[1], 0.0);
    let loss = forward_looking_detailed_balance(&terms, &given, sum, Residual::Squared).unwrap();
    near(residuals(&loss)[0], -1.791759);
}

#[test]
fn square_soft_q_targets() {
    // Edge flows at 0: V(s) is the log of the number of moves, log P_F minus that.
    let (mut terms, given) = untrained_terms();
    terms.log_flow = Some([3.0, 2.0, 1.0].map(f64::ln).to_vec());
    let config = SoftQ {
        terminal_weight: 1.0,
        residual: Residual::Squared,
        ..SoftQ::default()
    };
    let loss = soft_q_learning(&terms, &given, config).unwrap();
    // Q = 0, so the residual is minus the target: 0.693147 from 00, log(1/2) + 0 from 10, log 4 at the end.
    let expected = [-0.693147, 0.693147, -1.386294];
    for (slope, expected) in loss.grad.log_pf.iter().zip(expected) {
        near(slope * 3.0 / 2.0, expected);
    }
}

#[test]
fn square_flow_matching() {
    // All edge flows 1; into 10 leads one edge, out of it one move and stopping.
    let row = |values: &[f64]| values.to_vec();
    let terms = FlowMatchingTerms {
        inflow: Ragged::from_iter([row(&[0.0]), row(&[0.0, 0.0])]),
        outflow: Ragged::from_iter([row(&[0.0, 0.0]), row(&[0.0])]),
        leaf: vec![false, false],
        stop: vec![0.0],
        stop_log_reward: vec![4.0_f64.ln()],
    };
    let loss = flow_matching(&terms, FlowMatching::default()).unwrap();
    near(loss.residuals[0], -0.693147);
    near(loss.residuals[1], 0.693147);
    near(loss.stop_residuals[0], -1.386294);
    // Flow iteration at 10: log(R(10) + F(11) / 2).
    near(
        flow_iteration_target(Some(2.0_f64.ln()), &[(0.0, 2)]),
        0.916291,
    );
}

/// p = 1/14, 2/14, 3/14, 8/14 is where the uncorrected losses vanish; with path counts p = R / 10.
#[test]
fn square_without_correction() {
    let square = Square::new();
    let counts = exact::log_path_counts(&square.dag);
    let spread: Vec<f64> = square
        .log_reward
        .iter()
        .zip(&counts)
        .map(|(r, n)| r - n)
        .collect();
    let cases = [
        (
            Correction::None,
            &square.log_reward,
            14.0,
            [1.0, 2.0, 3.0, 8.0],
        ),
        (Correction::PathCounts, &spread, 10.0, [1.0, 2.0, 3.0, 4.0]),
    ];
    for (correction, ends, total, expected) in cases {
        let solution = exact::exact_flows(&square.dag, ends, &[0.0; 4]);
        let log_p = exact::terminating_distribution(&square.dag, &solution.log_pf);
        for (got, expected) in log_p.iter().zip(expected) {
            assert_close(got.exp(), expected / total, 1e-14);
        }
        let paths = all_paths(&square.dag);
        let terms = square.terms(&paths, &solution);
        let ends = paths
            .iter()
            .map(|path| counts[*path.states.last().unwrap()])
            .collect();
        let given = Given {
            log_path_count: Some(ends),
            ..Given::default()
        };
        let config = SoftQ {
            correction,
            ..SoftQ::default()
        };
        assert!(soft_q_learning(&terms, &given, config).unwrap().value < 1e-20);
        let weighting = SubTrajectoryWeighting::default();
        let loss = path_consistency(&terms, &given, correction, weighting, Residual::Squared);
        assert!(loss.unwrap().value < 1e-20);
        let plain = soft_q_learning(&terms, &given, SoftQ::default())
            .unwrap()
            .value;
        assert!(plain > 1e-3);
    }
}

/// Free energies: sums of R over all descendants, 10, 6, 7, 4: each child once, by enumeration.
#[test]
fn square_free_energies() {
    let square = Square::new();
    let states = square.dag.states();
    for (state, expected) in states.iter().zip([10.0, 6.0, 7.0, 4.0]) {
        let above = |other: &[usize; 2]| other[0] >= state[0] && other[1] >= state[1];
        let kept = states
            .iter()
            .zip(&square.log_reward)
            .filter(|(s, _)| above(s));
        assert_close(kept.map(|(_, r)| r.exp()).sum(), expected, 1e-14);
    }
}
