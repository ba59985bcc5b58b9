//! Exact solutions of environments that can be written down: the terminating distribution of a policy,
//! and the flow and policy of a reward.
//!
//! Everything is one sweep over the edges of a [`Dag`], in nats.
//!
//! ```
//! # use anabranch_core::{Discrete, Enumerable, Environment};
//! use anabranch_core::exact::{self, Dag};
//! /// Counts to two; may stop anywhere.
//! struct Count;
//! # impl Environment for Count {
//! #     type State = u8;
//! #     type Action = ();
//! #     fn source(&self) -> u8 { 0 }
//! #     fn can_stop(&self, _: &u8) -> bool { true }
//! #     fn step(&self, state: &mut u8, _: ()) { *state += 1; }
//! #     fn undo(&self, state: &mut u8, _: ()) { *state -= 1; }
//! # }
//! # impl Discrete for Count {
//! #     fn actions(&self, state: &u8, out: &mut Vec<()>) { if *state < 2 { out.push(()); } }
//! #     fn parents(&self, state: &u8, out: &mut Vec<()>) { if *state > 0 { out.push(()); } }
//! # }
//! # impl Enumerable for Count {
//! #     fn states(&self) -> Vec<u8> { vec![0, 1, 2] }
//! #     fn index(&self, state: &u8) -> usize { usize::from(*state) }
//! # }
//! let dag = Dag::new(&Count)?;
//! let log_reward = [1.0_f64, 2.0, 5.0].map(f64::ln);
//! let solution = exact::exact_flows(&dag, &log_reward, &exact::uniform_log_pb(&dag));
//! assert!((solution.log_z - 8.0_f64.ln()).abs() < 1e-12);
//! let log_p = exact::terminating_distribution(&dag, &solution.log_pf);
//! assert!((log_p[2] - (5.0_f64 / 8.0).ln()).abs() < 1e-12);
//! # Ok::<(), anabranch_core::CoreError>(())
//! ```

mod dag;

pub use dag::Dag;

use crate::logspace::{log_add_exp, log_sum_exp};

/// The flow that a reward and a backward policy determine.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// log Z in nats.
    pub log_z: f64,
    /// `[N]` log F(s); negative infinity where no reward can be reached.
    pub log_flow: Vec<f64>,
    /// `[M]` log P_F of every move; uniform where no reward can be reached.
    pub log_pf: Vec<f64>,
}

/// Evidence bounds on log Z, exact, in nats: `elbo <= log Z <= eubo`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// log Z - KL(P_F || target) over trajectories.
    pub elbo: f64,
    /// log Z + KL(target || P_F) over trajectories.
    pub eubo: f64,
}

/// `[N]` log-probability that a trajectory of the policy `log_pf` `[M]` visits each state.
///
/// Bengio et al. 2021, arXiv 2111.09266: reach(s_0) = 1, then
/// reach(s') += reach(s) P_F(s' | s) in topological order, in logs. NaN scores give NaN.
///
/// # Panics
/// If `log_pf` is not of length M.
pub fn log_visits<S>(dag: &Dag<S>, log_pf: &[f64]) -> Vec<f64> {
    assert_eq!(log_pf.len(), dag.num_moves(), "one score a move");
    let mut visits = vec![f64::NEG_INFINITY; dag.len()];
    visits[0] = 0.0;
    for state in 0..dag.len() {
        for index in dag.moves(state) {
            if let Some(child) = dag.child(index) {
                visits[child] = log_add_exp(visits[child], visits[state] + log_pf[index]);
            }
        }
    }
    visits
}

/// `[N]` log p(x): the log-probability that a trajectory of the policy `log_pf` `[M]` ends in each
/// state; negative infinity where none can.
///
/// p(x) = visits(x) P_F(stop | x). NaN scores give NaN.
///
/// # Panics
/// If `log_pf` is not of length M.
pub fn terminating_distribution<S>(dag: &Dag<S>, log_pf: &[f64]) -> Vec<f64> {
    let mut log_p = log_visits(dag, log_pf);
    for (state, value) in log_p.iter_mut().enumerate() {
        let stop = dag.moves(state).last().filter(|_| dag.can_stop(state));
        *value = stop.map_or(f64::NEG_INFINITY, |index| *value + log_pf[index]);
    }
    log_p
}

/// The flow of `log_reward` `[N]` (negative infinity where a state is no complete object) under the
/// backward policy `log_pb` `[P]`: F(s) = R(s) + sum over children of F(s') P_B(s | s').
///
/// Bengio et al. 2021, arXiv 2111.09266: detailed balance solved from the sink. R and P_B determine F.
///
/// # Panics
/// If a length is wrong.
pub fn exact_flows<S>(dag: &Dag<S>, log_reward: &[f64], log_pb: &[f64]) -> Solution {
    assert_eq!(log_reward.len(), dag.len(), "one reward a state");
    assert_eq!(log_pb.len(), dag.num_parents(), "one score a parent");
    let mut log_flow = vec![f64::NEG_INFINITY; dag.len()];
    let mut log_pf = vec![0.0; dag.num_moves()];
    for state in (0..dag.len()).rev() {
        let row = dag.moves(state);
        for index in row.clone() {
            log_pf[index] = match dag.child(index).zip(dag.parent_of_move(index)) {
                Some((child, parent)) => log_flow[child] + log_pb[parent],
                None => log_reward[state],
            };
        }
        let scores = &mut log_pf[row];
        log_flow[state] = log_sum_exp(scores);
        if log_flow[state] == f64::NEG_INFINITY {
            let uniform = -(scores.len() as f64).ln();
            scores.fill(uniform);
        } else {
            scores.iter_mut().for_each(|v| *v -= log_flow[state]);
        }
    }
    Solution {
        log_z: log_flow[0],
        log_flow,
        log_pf,
    }
}

/// `[M]` log P_F of the policy that takes every legal move alike.
pub fn uniform_log_pf<S>(dag: &Dag<S>) -> Vec<f64> {
    let rows = (0..dag.len()).map(|state| dag.moves(state).len());
    rows.flat_map(uniform).collect()
}

/// `[P]` log P_B of the backward policy that takes every parent alike.
pub fn uniform_log_pb<S>(dag: &Dag<S>) -> Vec<f64> {
    let rows = (0..dag.len()).map(|state| dag.parents(state).len());
    rows.flat_map(uniform).collect()
}

fn uniform(count: usize) -> impl Iterator<Item = f64> {
    std::iter::repeat_n(-(count as f64).ln(), count)
}

/// `[P]` log P_B of maximal trajectory entropy: n(s) / n(s'), where n counts the ways to build a state.
///
/// Mohammadpour et al. 2023, arXiv 2312.14331.
pub fn max_entropy_log_pb<S>(dag: &Dag<S>) -> Vec<f64> {
    let log_n = log_path_counts(dag);
    let mut out = Vec::with_capacity(dag.num_parents());
    for state in 0..dag.len() {
        out.extend(
            dag.parents(state)
                .map(|p| log_n[dag.parent_state(p)] - log_n[state]),
        );
    }
    out
}

/// `[N]` log n(s): the logarithm of the number of ways to build each state, edges counted.
pub fn log_path_counts<S>(dag: &Dag<S>) -> Vec<f64> {
    log_visits(dag, &vec![0.0; dag.num_moves()])
}

/// `[N]` log p*(x) = log R(x) - log Z from `log_reward` `[N]`.
pub fn target(log_reward: &[f64]) -> Vec<f64> {
    let log_z = log_sum_exp(log_reward);
    log_reward.iter().map(|r| r - log_z).collect()
}

/// Entropy in nats of the distribution `log_p` `[N]`.
pub fn entropy(log_p: &[f64]) -> f64 {
    -expectation(log_p.iter().map(|&p| (p, p)))
}

/// Entropy in nats of the trajectories of the policy `log_pf` `[M]`:
/// minus the sum over states of visits(s) times the sum over moves of P_F log P_F.
///
/// # Panics
/// If `log_pf` is not of length M.
pub fn trajectory_entropy<S>(dag: &Dag<S>, log_pf: &[f64]) -> f64 {
    -over_moves(dag, &log_visits(dag, log_pf), log_pf, |_, index| {
        log_pf[index]
    })
}

/// Bounds on log Z of the policy `log_pf` `[M]` with `log_pb` `[P]` and `log_reward` `[N]` (negative
/// infinity where a state is no complete object): the mean of
/// `log R(x) + sum log P_B - sum log P_F` over trajectories of P_F (ELBO) and over trajectories of P_B
/// from objects of the target (EUBO).
///
/// # Panics
/// If a length is wrong.
pub fn bounds<S>(dag: &Dag<S>, log_pf: &[f64], log_pb: &[f64], log_reward: &[f64]) -> Bounds {
    let ratio = |state: usize, index: usize| {
        let back = dag
            .parent_of_move(index)
            .map_or(log_reward[state], |parent| log_pb[parent]);
        back - log_pf[index]
    };
    let solution = exact_flows(dag, log_reward, log_pb);
    let visits = log_visits(dag, &solution.log_pf);
    Bounds {
        elbo: over_moves(dag, &log_visits(dag, log_pf), log_pf, ratio),
        eubo: over_moves(dag, &visits, &solution.log_pf, ratio),
    }
}

/// Expected sum of `value(state, move)` over the moves of a trajectory.
fn over_moves<S>(
    dag: &Dag<S>,
    log_visits: &[f64],
    log_pf: &[f64],
    value: impl Fn(usize, usize) -> f64,
) -> f64 {
    let rows = (0..dag.len()).flat_map(|state| dag.moves(state).map(move |index| (state, index)));
    expectation(rows.map(|(state, index)| (log_visits[state] + log_pf[index], value(state, index))))
}

/// Sum of p v over pairs (log p, v); what has no probability adds nothing, even if infinite.
fn expectation(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let kept = pairs.filter(|(log_p, _)| *log_p != f64::NEG_INFINITY);
    kept.map(|(log_p, value)| log_p.exp() * value).sum()
}
