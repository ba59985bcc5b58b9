//! A list of states that does not fit its environment is found and the misfit named.

mod common;

use anabranch_core::{Discrete, Enumerable, Environment, Seed, conformance};
use common::{Grid, Pairs};

/// The bias by |Aut(x)|: each listing is sound by itself, and together they count edges differently.
#[test]
fn isomorphic_parents_counted_twice_are_found() {
    let pairs = Pairs {
        most: 3,
        count_parents_twice: true,
    };
    conformance::check(&pairs, Seed::new(0), 40).unwrap();
    let message = conformance::check_edges_counted_alike(&pairs)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("1 actions lead from [0, 1] to [1, 1] and 2 parents lead back"),
        "{message}"
    );
}

/// A grid whose list of states is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Listing {
    IndexShifted,
    StateMissing,
    SourceNotFirst,
    CountWrong,
    ChildFirst,
    ParentForgotten,
    UnlikeStatesShareAnIndex,
    ColumnMissing,
}

struct Listed(Grid, Listing);

impl Environment for Listed {
    type State = [usize; 2];
    type Action = usize;
    fn source(&self) -> [usize; 2] {
        [usize::from(self.1 == Listing::ColumnMissing), 0]
    }
    fn can_stop(&self, state: &[usize; 2]) -> bool {
        self.1 != Listing::UnlikeStatesShareAnIndex || state[0] >= state[1]
    }
    fn step(&self, state: &mut [usize; 2], action: usize) {
        self.0.step(state, action);
    }
    fn undo(&self, state: &mut [usize; 2], action: usize) {
        self.0.undo(state, action);
    }
}

impl Discrete for Listed {
    fn actions(&self, state: &[usize; 2], out: &mut Vec<usize>) {
        self.0.actions(state, out);
    }
    fn parents(&self, state: &[usize; 2], out: &mut Vec<usize>) {
        if *state != self.source() {
            self.0.parents(state, out);
        }
        if self.1 == Listing::ParentForgotten && *state == [2, 2] {
            out.pop();
        }
    }
}

impl Enumerable for Listed {
    fn states(&self) -> Vec<[usize; 2]> {
        let mut out = self.0.states();
        match self.1 {
            Listing::StateMissing => drop(out.pop()),
            Listing::SourceNotFirst => out.swap(0, 1),
            Listing::ChildFirst => out.swap(1, 2),
            Listing::UnlikeStatesShareAnIndex => drop(out.remove(2)),
            // The source stands in the second column and nothing leads to the first.
            Listing::ColumnMissing => out.retain(|state| state[0] > 0),
            _ => {}
        }
        out
    }
    fn index(&self, state: &[usize; 2]) -> usize {
        let index = self.0.index(state);
        match self.1 {
            Listing::IndexShifted => index + 1,
            Listing::ColumnMissing if state[0] == 0 => usize::MAX,
            Listing::ColumnMissing => index - state[1] - 1,
            // (0, 1) is taken for (1, 0), on a grid of side two.
            Listing::UnlikeStatesShareAnIndex => [0, 1, 1, 2][index],
            Listing::ChildFirst if (1..=2).contains(&index) => 3 - index,
            _ => index,
        }
    }
    fn num_states(&self) -> usize {
        self.states().len() + usize::from(self.1 == Listing::CountWrong)
    }
}

#[test]
fn every_wrong_listing_is_named() {
    for (listing, expected) in [
        (Listing::IndexShifted, "index([0, 0]) is 1"),
        (
            Listing::StateMissing,
            "[2, 2], which states() does not list",
        ),
        (Listing::SourceNotFirst, "not with the source"),
        (
            Listing::CountWrong,
            "num_states() is 10 and states() lists 9",
        ),
        (Listing::ChildFirst, "which states() lists before it"),
        (
            Listing::ColumnMissing,
            "gives [0, 1], which is not listed before it",
        ),
        (
            Listing::ParentForgotten,
            "1 actions lead from [2, 1] to [2, 2] and 0 parents lead back",
        ),
    ] {
        let refused = conformance::check_edges_counted_alike(&Listed(Grid { side: 3 }, listing));
        let message = refused.unwrap_err().to_string();
        assert!(message.contains(expected), "{listing:?}: {message}");
    }
}

#[test]
fn unlike_states_with_one_index_are_found() {
    let merged = Listed(Grid { side: 2 }, Listing::UnlikeStatesShareAnIndex);
    let message = conformance::check_edges_counted_alike(&merged)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("[0, 1] and [1, 0] have one index"),
        "{message}"
    );
}
