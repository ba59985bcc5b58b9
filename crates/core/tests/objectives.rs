//! Every objective against plain loops and finite differences, and the identities between them.

mod common;

use anabranch_core::objective::{
    TransitionReduction, conditional_log_partition_variance, detailed_balance,
    log_partition_variance, sub_trajectory_balance, trajectory_balance,
};
use anabranch_core::rng::Stream;
use anabranch_core::{CoreError, Loss, Ragged, Seed, Terms};
use common::{assert_close, random_terms};
use rand::RngExt;

const LAMBDAS: [f64; 7] = [0.0, 0.3, 0.5, 0.9, 0.99, 1.0, 1.5];

type Objective = Box<dyn Fn(&Terms) -> Result<Loss, CoreError>>;

/// Every objective with all of its switches.
fn objectives() -> Vec<(String, Objective)> {
    let mut out: Vec<(String, Objective)> = vec![
        ("trajectory balance".into(), Box::new(trajectory_balance)),
        (
            "log-partition variance".into(),
            Box::new(log_partition_variance),
        ),
        (
            "conditional log-partition variance".into(),
            Box::new(conditional_log_partition_variance),
        ),
    ];
    for reduction in [
        TransitionReduction::Mean,
        TransitionReduction::HalfMean,
        TransitionReduction::TrajectorySum,
    ] {
        let name = format!("detailed balance {reduction:?}");
        out.push((
            name,
            Box::new(move |terms| detailed_balance(terms, reduction)),
        ));
    }
    for lambda in LAMBDAS {
        let name = format!("sub-trajectory balance {lambda}");
        out.push((
            name,
            Box::new(move |terms| sub_trajectory_balance(terms, lambda)),
        ));
    }
    out
}

fn stream(test: &str) -> Stream {
    Seed::new(11).stream(test, &[])
}

/// Batches of one trajectory of each length, and of many of different ones.
fn batches(stream: &mut Stream) -> Vec<Terms> {
    let mut out: Vec<Terms> = (1..=20).map(|n| random_terms(stream, &[n])).collect();
    for _ in 0..5 {
        let lengths: Vec<usize> = (0..8).map(|_| stream.random_range(1..=20)).collect();
        out.push(random_terms(stream, &lengths));
    }
    out
}

/// Residual of the sub-trajectory from state `i` to state `j` (the sink is last), term by term.
fn residual(terms: &Terms, trajectory: usize, i: usize, j: usize) -> f64 {
    let range = terms.range(trajectory);
    let flows = terms.log_flow.as_ref().unwrap();
    let flow = |t: usize| match t == range.len() {
        true => terms.log_reward[trajectory],
        false => flows[range.start + t],
    };
    let mut out = flow(i) - flow(j);
    for t in i..j {
        out += terms.log_pf[range.start + t] - terms.log_pb[range.start + t];
    }
    out
}

fn naive_trajectory_balance(terms: &Terms) -> f64 {
    let mut sum = 0.0;
    for b in 0..terms.len() {
        let first = terms.log_flow.as_ref().unwrap()[terms.range(b).start];
        let whole = residual(terms, b, 0, terms.range(b).len());
        sum += (whole - first + terms.log_z[b]).powi(2);
    }
    sum / terms.len() as f64
}

fn naive_sub_trajectory_balance(terms: &Terms, lambda: f64) -> f64 {
    let mut sum = 0.0;
    for b in 0..terms.len() {
        let (mut loss, mut weights) = (0.0, 0.0);
        for j in 1..=terms.range(b).len() {
            for i in 0..j {
                let weight = lambda.powi((j - i - 1) as i32);
                loss += weight * residual(terms, b, i, j).powi(2);
                weights += weight;
            }
        }
        sum += loss / weights;
    }
    sum / terms.len() as f64
}

/// With `conditional` the learned log Z is taken off each estimate.
fn naive_variance(terms: &Terms, conditional: bool) -> f64 {
    let count = terms.len() as f64;
    let mut sum = 0.0;
    // Variance as half the mean square of all differences.
    for a in 0..terms.len() {
        for b in 0..terms.len() {
            let estimate = |k: usize| {
                let first = terms.log_flow.as_ref().unwrap()[terms.range(k).start];
                let learned = if conditional { terms.log_z[k] } else { 0.0 };
                first - residual(terms, k, 0, terms.range(k).len()) - learned
            };
            sum += (estimate(a) - estimate(b)).powi(2);
        }
    }
    sum / (2.0 * count * count)
}

#[test]
fn values_equal_plain_loops() {
    for terms in batches(&mut stream("loops")) {
        let value = trajectory_balance(&terms).unwrap().value;
        assert_close(value, naive_trajectory_balance(&terms), 1e-12);
        let value = log_partition_variance(&terms).unwrap().value;
        assert_close(value, naive_variance(&terms, false), 1e-12);
        let value = conditional_log_partition_variance(&terms).unwrap().value;
        assert_close(value, naive_variance(&terms, true), 1e-12);
        for lambda in LAMBDAS {
            let value = sub_trajectory_balance(&terms, lambda).unwrap().value;
            assert_close(value, naive_sub_trajectory_balance(&terms, lambda), 1e-12);
        }
        let (mut sum, mut edges) = (0.0, 0);
        for b in 0..terms.len() {
            for t in 0..terms.range(b).len() {
                sum += residual(&terms, b, t, t + 1).powi(2);
                edges += 1;
            }
        }
        for (reduction, scale) in [
            (TransitionReduction::Mean, 1.0 / edges as f64),
            (TransitionReduction::HalfMean, 0.5 / edges as f64),
            (TransitionReduction::TrajectorySum, 1.0 / terms.len() as f64),
        ] {
            let value = detailed_balance(&terms, reduction).unwrap().value;
            assert_close(value, sum * scale, 1e-12);
        }
    }
}

/// Losses are quadratic in every term, so a central difference has no truncation error.
#[test]
fn gradients_equal_finite_differences() {
    let mut stream = stream("differences");
    let batch = [1, 2, 20, 7, 13].as_slice();
    for lengths in [batch, &[1], &[20]] {
        let terms = random_terms(&mut stream, lengths);
        for (name, objective) in objectives() {
            let grad = objective(&terms).unwrap().grad;
            let check = |what: &str, got: &[f64], nudge: &dyn Fn(&mut Terms, usize, f64)| {
                for (place, &slope) in got.iter().enumerate() {
                    let at = |by| {
                        let mut nudged = terms.clone();
                        nudge(&mut nudged, place, by);
                        objective(&nudged).unwrap().value
                    };
                    let expected = (at(0.01) - at(-0.01)) / 0.02;
                    let error = (slope - expected).abs() / expected.abs().max(1e-3);
                    assert!(
                        error < 1e-6,
                        "{name}, {what}[{place}]: {slope} for {expected}"
                    );
                }
            };
            check("log_pf", &grad.log_pf, &|t, i, by| t.log_pf[i] += by);
            check("log_pb", &grad.log_pb, &|t, i, by| t.log_pb[i] += by);
            check("log_z", &grad.log_z, &|t, i, by| t.log_z[i] += by);
            check("log_flow", &grad.log_flow, &|t, i, by| {
                t.log_flow.as_mut().unwrap()[i] += by;
            });
        }
    }
}

#[test]
fn one_edge_has_one_residual() {
    let mut stream = stream("one edge");
    for _ in 0..20 {
        let mut terms = random_terms(&mut stream, &[1]);
        terms.log_z[0] = terms.log_flow.as_ref().unwrap()[0];
        let expected = residual(&terms, 0, 0, 1).powi(2);
        let balance = detailed_balance(&terms, TransitionReduction::TrajectorySum).unwrap();
        assert_close(balance.value, expected, 1e-13);
        for lambda in LAMBDAS {
            let sub = sub_trajectory_balance(&terms, lambda).unwrap();
            assert_close(sub.value, expected, 1e-13);
            assert_close(sub.grad.log_pf[0], balance.grad.log_pf[0], 1e-13);
            assert_close(sub.grad.log_flow[0], balance.grad.log_flow[0], 1e-13);
        }
        assert_close(trajectory_balance(&terms).unwrap().value, expected, 1e-13);
    }
}

/// Madan et al. 2022: detailed balance is the limit lambda -> 0, trajectory balance lambda -> infinity.
#[test]
fn sub_trajectory_balance_lies_between_the_other_two() {
    let mut stream = stream("limits");
    for length in 1..=20 {
        let mut terms = random_terms(&mut stream, &[length]);
        terms.log_z[0] = terms.log_flow.as_ref().unwrap()[0];
        let short = sub_trajectory_balance(&terms, 0.0).unwrap();
        let transitions = detailed_balance(&terms, TransitionReduction::Mean).unwrap();
        assert_close(short.value, transitions.value, 1e-12);
        for edge in 0..length {
            assert_close(
                short.grad.log_pf[edge],
                transitions.grad.log_pf[edge],
                1e-12,
            );
        }
        let long = sub_trajectory_balance(&terms, 1e12).unwrap();
        let whole = trajectory_balance(&terms).unwrap();
        assert_close(long.value, whole.value, 1e-9);
        for edge in 0..length {
            assert_close(long.grad.log_pf[edge], whole.grad.log_pf[edge], 1e-9);
        }
    }
}

/// 10^400 is beyond f64; the weights are never written out.
#[test]
fn long_trajectories_and_large_lambda_do_not_overflow() {
    let mut stream = stream("long");
    let terms = random_terms(&mut stream, &[401]);
    for lambda in [0.5, 1.5, 10.0] {
        let loss = sub_trajectory_balance(&terms, lambda).unwrap();
        assert!(loss.value.is_finite() && loss.grad.log_pf.iter().all(|g| g.is_finite()));
    }
}

/// The variance is trajectory balance at its best log Z, and a common factor of R drops out.
#[test]
fn log_partition_variance_needs_no_log_z() {
    let mut stream = stream("variance");
    let terms = random_terms(&mut stream, &[3, 9, 1, 20, 5]);
    let variance = log_partition_variance(&terms).unwrap();
    let best = terms.log_z_estimates().iter().sum::<f64>() / terms.len() as f64;
    let mut at = terms.clone();
    at.log_z.fill(best);
    let balance = trajectory_balance(&at).unwrap();
    assert_close(variance.value, balance.value, 1e-13);
    assert_close(balance.grad.log_z.iter().sum(), 0.0, 1e-13);
    for edge in 0..terms.log_pf.len() {
        assert_close(variance.grad.log_pf[edge], balance.grad.log_pf[edge], 1e-13);
        assert_close(variance.grad.log_pb[edge], balance.grad.log_pb[edge], 1e-13);
    }
    let mut scaled = terms.clone();
    scaled.log_reward.iter_mut().for_each(|r| *r += 40.0);
    scaled.log_z.fill(-7.0);
    assert_close(
        log_partition_variance(&scaled).unwrap().value,
        variance.value,
        1e-12,
    );
}

/// Scaling R by c shifts log Z and all flows by log c: no balance objective sees it.
#[test]
fn a_common_factor_of_reward_and_flow_drops_out() {
    let mut stream = stream("factor");
    let terms = random_terms(&mut stream, &[4, 11, 2]);
    let mut scaled = terms.clone();
    for values in [&mut scaled.log_reward, &mut scaled.log_z] {
        values.iter_mut().for_each(|v| *v += 3.5);
    }
    scaled.log_flow.iter_mut().flatten().for_each(|v| *v += 3.5);
    for (_, objective) in objectives() {
        let (one, other) = (objective(&terms).unwrap(), objective(&scaled).unwrap());
        assert_close(other.value, one.value, 1e-12);
    }
}

/// The loss of a batch is the mean of its trajectories' losses, whatever else is in it.
#[test]
fn trajectories_do_not_see_each_other() {
    let mut stream = stream("alone");
    let batch = random_terms(&mut stream, &[6, 1, 17]);
    let alone = |b: usize| {
        let row = |values: &[f64]| Ragged::from_iter([values[batch.range(b)].to_vec()]);
        let mut one = Terms::new(
            row(&batch.log_pf),
            row(&batch.log_pb),
            vec![batch.log_z[b]],
            vec![batch.log_reward[b]],
        );
        one.log_flow = batch
            .log_flow
            .as_ref()
            .map(|flows| flows[batch.range(b)].to_vec());
        one
    };
    for (name, objective) in objectives() {
        if name.ends_with("log-partition variance") {
            continue;
        }
        let loss = objective(&batch).unwrap();
        for b in 0..batch.len() {
            assert_eq!(
                loss.per_trajectory[b],
                objective(&alone(b)).unwrap().per_trajectory[0]
            );
        }
    }
}

#[test]
fn what_cannot_be_trained_on_is_refused() {
    let mut stream = stream("refused");
    let terms = random_terms(&mut stream, &[2, 3]);
    let none = Terms::new(Ragged::new(), Ragged::new(), vec![], vec![]);
    let rows = || Ragged::from_iter([vec![-1.0], vec![]]);
    let mut edgeless = Terms::new(rows(), rows(), vec![0.0; 2], vec![0.0; 2]);
    edgeless.log_flow = Some(vec![0.0]);
    for (name, objective) in objectives() {
        assert!(
            matches!(objective(&none), Err(CoreError::EmptyBatch)),
            "{name}"
        );
        let refused = objective(&edgeless);
        assert!(
            matches!(refused, Err(CoreError::EmptyTrajectory { trajectory: 1 })),
            "{name}"
        );
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut broken = [terms.clone(), terms.clone(), terms.clone(), terms.clone()];
            broken[0].log_pf[2] = bad;
            broken[1].log_pb[4] = bad;
            broken[2].log_z[1] = bad;
            broken[3].log_reward[1] = bad;
            for case in &broken {
                let refused = objective(case);
                assert!(
                    matches!(refused, Err(CoreError::NotFinite { trajectory: 1, .. })),
                    "{name}"
                );
            }
        }
    }
    for lambda in [-0.1, f64::NAN, f64::INFINITY] {
        assert!(matches!(
            sub_trajectory_balance(&terms, lambda),
            Err(CoreError::BadConstant { name: "lambda", .. })
        ));
    }
    let mut without = terms.clone();
    without.log_flow = None;
    assert!(matches!(
        detailed_balance(&without, TransitionReduction::Mean),
        Err(CoreError::MissingFlow { .. })
    ));
    let mut broken = terms;
    broken.log_flow.as_mut().unwrap()[2] = f64::NAN;
    assert!(matches!(
        sub_trajectory_balance(&broken, 0.9),
        Err(CoreError::NotFinite {
            name: "log_flow",
            trajectory: 1,
            ..
        })
    ));
}
