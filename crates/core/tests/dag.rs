//! An environment written down: every edge where a frontier lists it, or an error.

mod common;

use anabranch_core::exact::Dag;
use anabranch_core::reward::FromFn;
use anabranch_core::{CoreError, Discrete, Enumerable, Environment, Frontier, Move, Seed};
use common::{Grid, Layered, Pairs};

/// Moves, parents and their matching, checked against a frontier over the same states.
fn fits_its_frontier<E: Enumerable>(env: &E) {
    let dag = Dag::new(env).unwrap();
    let frontier = Frontier::new(env, dag.states().to_vec(), vec![]);
    assert_eq!(frontier.moves.items().len(), dag.num_moves());
    assert_eq!(frontier.parents.items().len(), dag.num_parents());
    let mut met = vec![0; dag.num_parents()];
    for (place, state) in dag.states().iter().enumerate() {
        assert_eq!(frontier.moves.range(place), dag.moves(place));
        assert_eq!(frontier.parents.range(place), dag.parents(place));
        for index in dag.moves(place) {
            let Move::Apply(action) = frontier.moves.items()[index] else {
                assert!(dag.child(index).is_none() && dag.parent_of_move(index).is_none());
                assert!(env.can_stop(state) && dag.can_stop(place));
                continue;
            };
            let mut child = state.clone();
            env.step(&mut child, action);
            let (to, parent) = (
                dag.child(index).unwrap(),
                dag.parent_of_move(index).unwrap(),
            );
            assert_eq!(to, env.index(&child));
            assert!(dag.parents(to).contains(&parent));
            assert_eq!(dag.parent_state(parent), place);
            met[parent] += 1;
            if child == dag.states()[to] {
                assert_eq!(
                    frontier.parents.items()[parent],
                    env.listed_parent(&child, action)
                );
            }
        }
    }
    assert!(
        met.iter().all(|&times| times == 1),
        "every parent is one move's other end"
    );
}

#[test]
fn edges_stand_where_a_frontier_lists_them() {
    fits_its_frontier(&Grid { side: 5 });
    fits_its_frontier(&Pairs {
        most: 4,
        count_parents_twice: false,
    });
    for number in 0..10 {
        fits_its_frontier(&Layered::random(
            4,
            4,
            &mut Seed::new(3).stream("frontier", &[number]),
        ));
    }
}

#[test]
fn edges_that_are_not_counted_alike_are_refused() {
    let refused = Dag::new(&Pairs {
        most: 2,
        count_parents_twice: true,
    });
    assert!(matches!(refused, Err(CoreError::Conformance(_))));
}

#[test]
fn only_complete_objects_are_scored() {
    let env = Layered {
        edges: vec![(0, 1), (1, 2), (0, 2)],
        stops: vec![false, true, true],
    };
    let dag = Dag::new(&env).unwrap();
    let reward = FromFn(|&state: &usize| {
        assert!(state > 0, "the source is no object");
        state as f64
    });
    assert_eq!(
        dag.log_reward(&reward).unwrap(),
        [f64::NEG_INFINITY, 1.0, 2.0]
    );
}

/// States listed before their parents are an error, not a wrong answer.
#[test]
fn an_order_that_is_not_topological_is_refused() {
    struct Reversed(Grid);
    impl Environment for Reversed {
        type State = [usize; 2];
        type Action = usize;
        fn source(&self) -> [usize; 2] {
            self.0.source()
        }
        fn can_stop(&self, state: &[usize; 2]) -> bool {
            self.0.can_stop(state)
        }
        fn step(&self, state: &mut [usize; 2], action: usize) {
            self.0.step(state, action);
        }
        fn undo(&self, state: &mut [usize; 2], action: usize) {
            self.0.undo(state, action);
        }
    }
    impl Discrete for Reversed {
        fn actions(&self, state: &[usize; 2], out: &mut Vec<usize>) {
            self.0.actions(state, out);
        }
        fn parents(&self, state: &[usize; 2], out: &mut Vec<usize>) {
            self.0.parents(state, out);
        }
    }
    impl Enumerable for Reversed {
        fn states(&self) -> Vec<[usize; 2]> {
            self.0.states().into_iter().rev().collect()
        }
        fn index(&self, state: &[usize; 2]) -> usize {
            self.0.side.pow(2) - 1 - self.0.index(state)
        }
    }
    assert!(matches!(
        Dag::new(&Reversed(Grid { side: 3 })),
        Err(CoreError::Conformance(_))
    ));
}
