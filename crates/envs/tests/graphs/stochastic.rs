//! The grid on which moves go astray.

use anabranch_core::exact::{self, Dag};
use anabranch_core::logspace::log_sum_exp;
use anabranch_core::{Discrete, Enumerable, Environment, Seed, metric};
use anabranch_envs::stochastic::{NoisyCell, NoisyGrid};

fn dag() -> (NoisyGrid, Dag<NoisyCell>) {
    let env = NoisyGrid::new(6, 0.2).unwrap();
    let dag = Dag::new(&env).unwrap();
    (env, dag)
}

#[test]
fn chance_is_listed_with_the_outcomes() {
    let (env, dag) = dag();
    assert_eq!((dag.len(), env.num_states()), (96, 96));
    for state in dag.states() {
        let mut actions = Vec::new();
        env.actions(state, &mut actions);
        match env.chance(state) {
            None => assert!(env.can_stop(state)),
            Some(log_p) => {
                assert_eq!(log_p.len(), actions.len());
                assert!(log_sum_exp(&log_p).abs() < 1e-12 && !env.can_stop(state));
            }
        }
    }
    assert!(NoisyGrid::new(6, 0.0).is_err() && NoisyGrid::new(1, 0.2).is_err());
}

/// Enumerates the trajectories of a 3 x 3 grid one by one, chance included.
#[test]
fn terminating_distribution_by_trajectories() {
    let env = NoisyGrid::new(3, 0.3).unwrap();
    let dag = Dag::new(&env).unwrap();
    let agent = exact::uniform_log_pf(&dag);
    fn walk(env: &NoisyGrid, cell: [u8; 2], p: f64, out: &mut [[f64; 3]; 3]) {
        let free: Vec<usize> = (0..2).filter(|&i| cell[i] < 2).collect();
        let share = p / (free.len() + 1) as f64;
        out[usize::from(cell[0])][usize::from(cell[1])] += share;
        for &chosen in &free {
            for &moved in &free {
                let kept = if chosen == moved {
                    1.0 - env.noise()
                } else {
                    0.0
                };
                let mut next = cell;
                next[moved] += 1;
                walk(
                    env,
                    next,
                    share * (kept + env.noise() / free.len() as f64),
                    out,
                );
            }
        }
    }
    let mut expected = [[0.0; 3]; 3];
    walk(&env, [0, 0], 1.0, &mut expected);
    let found = env.terminating_distribution(&dag, &agent);
    for (state, log_p) in dag.states().iter().zip(found) {
        let cell = state.cell.map(usize::from);
        let wanted = if state.chosen.is_none() {
            expected[cell[0]][cell[1]]
        } else {
            0.0
        };
        assert!((log_p.exp() - wanted).abs() < 1e-12, "{state:?}");
    }
}

/// The realisable reward is matched by the policy that made it, with the backward policy that belongs
/// to it; a policy that ignores the noise misses it.
#[test]
fn a_realisable_reward_is_solved_by_its_policy() {
    let (env, dag) = dag();
    let agent = env.random_policy(&dag, 3.0, Seed::new(5));
    let log_reward = dag
        .log_reward(&env.realisable_reward(&dag, &agent))
        .unwrap();
    assert!(log_sum_exp(&log_reward).abs() < 1e-12);
    let visits = exact::log_visits(&dag, &agent);
    let mut log_pb = vec![0.0; dag.num_parents()];
    for state in 0..dag.len() {
        for index in dag.moves(state) {
            if let Some((child, parent)) = dag.child(index).zip(dag.parent_of_move(index)) {
                log_pb[parent] = visits[state] + agent[index] - visits[child];
            }
        }
    }
    let solution = exact::exact_flows(&dag, &log_reward, &log_pb);
    assert!(
        solution
            .log_pf
            .iter()
            .zip(&agent)
            .all(|(a, b)| (a - b).abs() < 1e-9)
    );
    // The flows of a uniform backward policy ask chance to behave otherwise than it does.
    let naive = exact::exact_flows(&dag, &log_reward, &exact::uniform_log_pb(&dag));
    let believed = exact::terminating_distribution(&dag, &naive.log_pf);
    let real = env.terminating_distribution(&dag, &naive.log_pf);
    assert!(metric::total_variation(&believed, &log_reward) < 1e-10);
    let missed = metric::total_variation(&real, &log_reward);
    println!("ignoring the noise: TV {missed:.3}");
    assert!(missed > 0.02);
}
