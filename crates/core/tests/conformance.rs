//! Honest environments pass; each kind of lie is found and named.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use anabranch_core::conformance::{self, Report};
use anabranch_core::{Discrete, Environment, Seed};
use common::{Grid, Layered, Pairs};

#[test]
fn honest_environments_pass() {
    let seed = Seed::new(2);
    for side in [1, 2, 5] {
        let walked = conformance::check(&Grid { side }, seed, 40).unwrap();
        assert!(walked.longest < 2 * side && (side == 1 || walked.states >= 40));
        // Edges of a square lattice, counted from both ends; the longest path goes along two sides.
        let listed = conformance::check_edges_counted_alike(&Grid { side }).unwrap();
        assert_eq!(
            listed,
            Report {
                states: side * side,
                edges: 4 * side * (side - 1),
                longest: 2 * side - 1,
            }
        );
        assert!(side > 2 || walked.longest == listed.longest);
    }
    let pairs = Pairs {
        most: 4,
        count_parents_twice: false,
    };
    conformance::check(&pairs, seed, 40).unwrap();
    assert_eq!(
        conformance::check_edges_counted_alike(&pairs)
            .unwrap()
            .states,
        15
    );
    for number in 0..10 {
        let layered = Layered::random(4, 3, &mut seed.stream("layered", &[number]));
        conformance::check(&layered, seed, 40).unwrap();
        let report = conformance::check_edges_counted_alike(&layered).unwrap();
        assert_eq!(report.edges, 2 * layered.edges.len());
    }
}

#[test]
fn one_seed_walks_one_way() {
    let check = |seed| conformance::check(&Grid { side: 6 }, Seed::new(seed), 30).unwrap();
    assert_eq!(check(1), check(1));
    assert_ne!(check(1), check(2));
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Lie {
    UndoMissesOne,
    StepDoesNothing,
    ParentForgotten,
    NoParents,
    SourceHasParents,
    SourceChanges,
    DeadEnd,
    ActionTwice,
    ParentTwice,
    ParentNeverTaken,
    OutputCleared,
    OrderChanges,
    StepAround,
}

/// A chain 0, 1, .. with two edges between neighbours (add one by either hand), and one lie.
struct Chain {
    lie: Lie,
    asked: AtomicUsize,
}

const LAST: usize = 6;

impl Chain {
    fn new(lie: Lie) -> Self {
        Self {
            lie,
            asked: AtomicUsize::new(0),
        }
    }

    fn tells(&self, lie: Lie) -> bool {
        self.lie == lie
    }

    /// True every second time.
    fn alternates(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed) % 2 == 1
    }
}

impl Environment for Chain {
    type State = (usize, Vec<bool>);
    type Action = bool;

    fn source(&self) -> Self::State {
        (
            usize::from(self.tells(Lie::SourceChanges) && self.alternates()),
            vec![],
        )
    }

    fn can_stop(&self, state: &Self::State) -> bool {
        match self.lie {
            Lie::DeadEnd => state.0 < LAST,
            _ => true,
        }
    }

    fn step(&self, state: &mut Self::State, action: bool) {
        if self.tells(Lie::StepDoesNothing) && state.0 == 3 {
            return;
        }
        if self.tells(Lie::StepAround) {
            state.0 = (state.0 + 1) % (LAST + 1);
            return;
        }
        state.0 += 1;
        state.1.push(action);
    }

    fn undo(&self, state: &mut Self::State, _: bool) {
        if self.tells(Lie::StepAround) {
            state.0 = (state.0 + LAST) % (LAST + 1);
            return;
        }
        state.0 -= 1;
        if !(self.tells(Lie::UndoMissesOne) && state.0 == 2) {
            state.1.pop();
        }
    }
}

impl Discrete for Chain {
    fn actions(&self, state: &Self::State, out: &mut Vec<bool>) {
        match self.lie {
            Lie::OutputCleared => out.clear(),
            Lie::OrderChanges if self.alternates() => {
                out.extend([true, false]);
                return;
            }
            Lie::ActionTwice => out.push(true),
            _ => {}
        }
        if state.0 < LAST || self.tells(Lie::StepAround) {
            out.extend([false, true]);
        }
    }

    fn parents(&self, state: &Self::State, out: &mut Vec<bool>) {
        match self.lie {
            Lie::NoParents => return,
            Lie::SourceHasParents if state.0 == 0 => out.push(true),
            Lie::StepAround if state.0 > 0 => out.extend([false, true]),
            // A state knows by which hand it was entered.
            _ => out.extend(state.1.last()),
        }
        match self.lie {
            Lie::ParentForgotten if state.0 == 3 => drop(out.pop()),
            Lie::ParentTwice => out.extend(state.1.last()),
            Lie::ParentNeverTaken => out.extend(state.1.last().map(|hand| !hand)),
            _ => {}
        }
    }
}

#[test]
fn every_lie_is_named() {
    for (lie, expected) in [
        (Lie::UndoMissesOne, "undoing it gives"),
        (Lie::StepDoesNothing, "as it is"),
        (Lie::ParentForgotten, "not among the parents"),
        (Lie::NoParents, "not among the parents"),
        (
            Lie::SourceHasParents,
            "the source (0, []) has the parents [true]",
        ),
        (Lie::SourceChanges, "asked again"),
        (Lie::DeadEnd, "has no action and cannot stop"),
        (Lie::ActionTwice, "twice among the actions"),
        (Lie::ParentTwice, "twice among the parents"),
        (Lie::ParentNeverTaken, "and taking it again"),
        (Lie::OutputCleared, "must append the same list"),
        (Lie::OrderChanges, "must append the same list"),
        (Lie::StepAround, "not among the parents"),
    ] {
        let message = conformance::check(&Chain::new(lie), Seed::new(0), 60)
            .unwrap_err()
            .to_string();
        assert!(message.contains(expected), "{lie:?}: {message}");
    }
}

/// No walk enters by a forgotten action, so only walking home from a state that others reach shows it.
struct Forgetful(Grid);

impl Environment for Forgetful {
    type State = [usize; 2];
    type Action = usize;
    fn source(&self) -> [usize; 2] {
        [0, 0]
    }
    fn can_stop(&self, _: &[usize; 2]) -> bool {
        true
    }
    fn step(&self, state: &mut [usize; 2], action: usize) {
        self.0.step(state, action);
    }
    fn undo(&self, state: &mut [usize; 2], action: usize) {
        self.0.undo(state, action);
    }
}

impl Discrete for Forgetful {
    fn actions(&self, state: &[usize; 2], out: &mut Vec<usize>) {
        self.0.actions(state, out);
        if *state == [1, 0] {
            out.retain(|&d| d == 0);
        }
    }
    fn parents(&self, state: &[usize; 2], out: &mut Vec<usize>) {
        self.0.parents(state, out);
    }
}

#[test]
fn a_forgotten_action_is_found_from_its_child() {
    let refused = conformance::check(&Forgetful(Grid { side: 3 }), Seed::new(0), 60);
    let message = refused.unwrap_err().to_string();
    assert!(
        message.contains("undoing 1 in [1, 1] gives [1, 0]"),
        "{message}"
    );
    assert!(message.contains("not among the actions [0]"), "{message}");
}

/// A grid that begins in its second column but lists parents in the first, which nothing leads to.
struct Orphans(Grid);

impl Environment for Orphans {
    type State = [usize; 2];
    type Action = usize;
    fn source(&self) -> [usize; 2] {
        [1, 0]
    }
    fn can_stop(&self, _: &[usize; 2]) -> bool {
        true
    }
    fn step(&self, state: &mut [usize; 2], action: usize) {
        self.0.step(state, action);
    }
    fn undo(&self, state: &mut [usize; 2], action: usize) {
        self.0.undo(state, action);
    }
}

impl Discrete for Orphans {
    fn actions(&self, state: &[usize; 2], out: &mut Vec<usize>) {
        self.0.actions(state, out);
    }
    fn parents(&self, state: &[usize; 2], out: &mut Vec<usize>) {
        if *state != [1, 0] {
            self.0.parents(state, out);
        }
    }
}

#[test]
fn parents_that_the_source_does_not_lead_to_are_found() {
    let orphans = Orphans(Grid { side: 3 });
    let message = conformance::check(&orphans, Seed::new(0), 60)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("[0, 0] has no parents and is not the source"),
        "{message}"
    );
}

#[test]
fn a_cycle_is_an_error() {
    let round = Layered {
        edges: vec![(0, 1), (1, 2), (2, 1)],
        stops: vec![true; 3],
    };
    let message = conformance::check(&round, Seed::new(0), 60)
        .unwrap_err()
        .to_string();
    assert!(message.contains("in one direction met"), "{message}");
}

#[test]
fn a_walk_without_end_is_an_error() {
    /// Counts for ever.
    struct Endless;
    impl Environment for Endless {
        type State = usize;
        type Action = ();
        fn source(&self) -> usize {
            0
        }
        fn can_stop(&self, _: &usize) -> bool {
            false
        }
        fn step(&self, state: &mut usize, _: ()) {
            *state += 1;
        }
        fn undo(&self, state: &mut usize, _: ()) {
            *state -= 1;
        }
    }
    impl Discrete for Endless {
        fn actions(&self, _: &usize, out: &mut Vec<()>) {
            out.push(());
        }
        fn parents(&self, state: &usize, out: &mut Vec<()>) {
            out.extend((*state > 0).then_some(()));
        }
    }
    let refused = conformance::check(&Endless, Seed::new(0), 1);
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("did not stop within 100000 steps")
    );
}
