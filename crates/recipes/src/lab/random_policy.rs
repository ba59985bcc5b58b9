//! The uniform random policy on a graph that is written down: its value V, the factor g = product of
//! A(s) / B(s') along a way, and the policies that the two make.
//!
//! He et al. 2024, arXiv 2406.02213: V = g F where every way to a state has the same g. A counts the
//! moves out of a state, stopping among them, B the edges into one.

use std::collections::BTreeMap;

use anabranch_core::Enumerable;
use anabranch_core::exact::{exact_flows, uniform_log_pb};
use anabranch_core::logspace::log_softmax;
use anabranch_core::objective::{log_path_ratio, random_policy_target};

use super::Exact;

/// What is kept of a log g: so many steps in a nat.
const PER_NAT: f64 = 1e9;

/// `[N]` log g with g taken along the first listed parents, and `[N]` log V of the uniform policy with
/// the reward g(x) R(x).
pub fn by_first_parents<E: Enumerable>(exact: &Exact<'_, E>) -> (Vec<f64>, Vec<f64>) {
    let dag = &exact.dag;
    let mut log_g = vec![0.0; dag.len()];
    for state in 1..dag.len() {
        let parents = dag.parents(state);
        let parent = dag.parent_state(parents.start);
        log_g[state] = log_path_ratio(log_g[parent], dag.moves(parent).len(), parents.len());
    }
    let mut log_v = vec![0.0; dag.len()];
    for state in (0..dag.len()).rev() {
        let children = dag.moves(state).filter_map(|index| dag.child(index));
        let values: Vec<(f64, f64)> = children.map(|child| (log_v[child], 0.0)).collect();
        let reward = dag.can_stop(state).then_some(exact.log_reward[state]);
        log_v[state] = random_policy_target(reward, log_g[state], &values);
    }
    (log_g, log_v)
}

/// Largest relative difference of V and g F over the states, F for uniform P_B.
pub fn identity_error<E: Enumerable>(exact: &Exact<'_, E>) -> f64 {
    let (log_g, log_v) = by_first_parents(exact);
    let log_pb = uniform_log_pb(&exact.dag);
    let log_flow = exact_flows(&exact.dag, &exact.log_reward, &log_pb).log_flow;
    let logs = log_v.iter().zip(&log_g).zip(&log_flow);
    let errors = logs.map(|((v, g), flow)| (v - g - flow).exp_m1().abs());
    errors.fold(0.0, f64::max)
}

/// `[M]` log P_F in proportion to V(s') / (g(s') B(s')), and to R(s) for stopping, with one g for each
/// state.
pub fn policy_by_state<E: Enumerable>(
    exact: &Exact<'_, E>,
    log_g: &[f64],
    log_v: &[f64],
) -> Vec<f64> {
    let dag = &exact.dag;
    let mut log_pf = Vec::with_capacity(dag.num_moves());
    for state in 0..dag.len() {
        let moves = dag.moves(state);
        let mut scores: Vec<f64> = moves
            .map(|index| match dag.child(index) {
                Some(child) => log_v[child] - log_g[child] - (dag.parents(child).len() as f64).ln(),
                None => exact.log_reward[state],
            })
            .collect();
        log_softmax(&mut scores);
        log_pf.extend(scores);
    }
    log_pf
}

/// `[N]` log p(x) of the same policy with the g of the way that was taken: a sweep over states with each g
/// that they are reached with.
pub fn distribution_by_way<E: Enumerable>(exact: &Exact<'_, E>, log_v: &[f64]) -> Vec<f64> {
    let dag = &exact.dag;
    let mut reached: Vec<BTreeMap<i64, f64>> = vec![BTreeMap::new(); dag.len()];
    reached[0].insert(0, 1.0);
    let mut p = vec![0.0; dag.len()];
    for state in 0..dag.len() {
        let moves = dag.moves(state);
        for (key, mass) in std::mem::take(&mut reached[state]) {
            let log_g = key as f64 / PER_NAT;
            // g(s') B(s') = g(s) A(s).
            let ahead = log_g + (moves.len() as f64).ln();
            let score = |index| match dag.child(index) {
                Some(child) => log_v[child] - ahead,
                None => exact.log_reward[state],
            };
            let mut scores: Vec<f64> = moves.clone().map(score).collect();
            log_softmax(&mut scores);
            for (index, score) in moves.clone().zip(scores) {
                let arrives = mass * score.exp();
                match dag.child(index) {
                    Some(child) => {
                        let log_g = log_path_ratio(log_g, moves.len(), dag.parents(child).len());
                        let key = (log_g * PER_NAT).round() as i64;
                        *reached[child].entry(key).or_default() += arrives;
                    }
                    None => p[state] += arrives,
                }
            }
        }
    }
    p.into_iter().map(f64::ln).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_core::Seed;
    use anabranch_core::metric::total_variation;
    use anabranch_envs::hypergrid::{Hypergrid, Terminal};
    use anabranch_envs::set::{QuadraticEnergy, Subsets};

    #[test]
    fn where_ways_agree_on_the_factor_the_policy_draws_from_the_target() {
        let sets = Subsets::exactly(6, 3).expect("sets");
        let energy = QuadraticEnergy::random(6, Seed::new(1)).expect("an energy");
        let exact = Exact::new(&sets, |set| -energy.energy(set)).expect("writes down");
        assert!(identity_error(&exact) < 1e-12);
        let (log_g, log_v) = by_first_parents(&exact);
        let by_state = exact.figures_of(policy_by_state(&exact, &log_g, &log_v), vec![], None);
        assert!(by_state.total_variation < 1e-12);
        let by_way = distribution_by_way(&exact, &log_v);
        assert!(total_variation(&by_way, &exact.target) < 1e-8);
    }

    #[test]
    fn on_the_grid_they_do_not() {
        let grid = Hypergrid::new(2, 4, Terminal::All).expect("a grid");
        let reward = grid.corners(0.1).expect("a reward");
        let exact = Exact::new(&grid, |cell| reward.reward(cell).ln()).expect("writes down");
        assert!(identity_error(&exact) > 0.1);
        let (_, log_v) = by_first_parents(&exact);
        let log_p = distribution_by_way(&exact, &log_v);
        let total: f64 = log_p.iter().map(|p| p.exp()).sum();
        assert!((total - 1.0).abs() < 1e-9, "{total}");
        assert!(total_variation(&log_p, &exact.target) > 0.01);
    }
}
