//! What can still be built from one state: the environment below an anchor.
//!
//! Bengio et al. 2023 (arXiv 2111.09266), sections on state-conditional flows and free energies. The
//! flow through a state carries only the share of its descendants' rewards that the backward policy
//! sends through it; the flow *from* it as the source of its own descendants carries all of it,
//! F_s(s) = exp(-free energy of s).

use std::fmt::Debug;
use std::sync::Arc;

use anabranch_core::encode::VectorEncoded;
use anabranch_core::exact::Dag;
use anabranch_core::logspace::log_sum_exp;
use anabranch_core::{Discrete, Enumerable, Environment};

use crate::EnvError;

/// Which states descend from which, themselves included: made once and shared by all anchors.
///
/// # Complexity
/// N^2 bits: 2.3 MB for 4,303 states, 107 MB for 29,281.
#[derive(Clone, Debug)]
pub struct Descendants<S> {
    states: Vec<S>,
    words: usize,
    /// `[N, words]`; bit s of row a: s descends from a.
    bits: Vec<u64>,
}

impl<S: Clone + Debug + PartialEq> Descendants<S> {
    /// The closure of all edges of `dag`.
    pub fn new(dag: &Dag<S>) -> Arc<Self> {
        let words = dag.len().div_ceil(64);
        let mut bits = vec![0_u64; dag.len() * words];
        for state in (0..dag.len()).rev() {
            let (above, below) = bits.split_at_mut((state + 1) * words);
            let row = &mut above[state * words..];
            row[state / 64] |= 1 << (state % 64);
            for child in dag.moves(state).filter_map(|index| dag.child(index)) {
                let from = (child - state - 1) * words;
                for (word, more) in row.iter_mut().zip(&below[from..from + words]) {
                    *word |= more;
                }
            }
        }
        Arc::new(Self {
            states: dag.states().to_vec(),
            words,
            bits,
        })
    }
}

impl<S> Descendants<S> {
    /// Whether `state` descends from `anchor` or is it; both by number.
    ///
    /// # Panics
    /// If there are not so many states.
    pub fn contains(&self, anchor: usize, state: usize) -> bool {
        assert!(state < self.states.len(), "state {state} is not listed");
        self.bits[anchor * self.words + state / 64] >> (state % 64) & 1 == 1
    }

    /// The numbers of the states that descend from `anchor`, itself first, in increasing order.
    ///
    /// # Panics
    /// If there are not so many states.
    pub fn of(&self, anchor: usize) -> impl Iterator<Item = usize> + '_ {
        let row = &self.bits[anchor * self.words..(anchor + 1) * self.words];
        row.iter().enumerate().flat_map(|(place, &word)| {
            let bits = (0..64).filter(move |bit| word >> bit & 1 == 1);
            bits.map(move |bit| 64 * place + bit)
        })
    }

    /// Number of states N.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Never true: there is a source.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }
}

/// `[N]` minus the free energy of every state in nats: the log of the sum of the rewards of all its
/// descendants, itself included, from `log_reward` `[N]` (negative infinity where a state is no complete
/// object).
///
/// arXiv 2111.09266, free energies: exp(-FE(s)) = sum over s' >= s of R(s').
///
/// # Panics
/// If `log_reward` is not of length N.
///
/// # Complexity
/// N^2 bits and at most N^2 exponentials.
pub fn negative_free_energies<S: Clone + Debug + PartialEq>(
    dag: &Dag<S>,
    log_reward: &[f64],
) -> Vec<f64> {
    assert_eq!(log_reward.len(), dag.len(), "one reward a state");
    let closure = Descendants::new(dag);
    let mut row = Vec::new();
    let mut total = |anchor| {
        row.clear();
        row.extend(closure.of(anchor).map(|state| log_reward[state]));
        log_sum_exp(&row)
    };
    (0..dag.len()).map(&mut total).collect()
}

/// The descendants of one state of an environment, with that state as the source. Parents that do not
/// descend from it are left out.
///
/// Its vector encoding is that of the state and that of the anchor, so that one network can learn the
/// flows from all anchors.
#[derive(Clone, Debug)]
pub struct Anchored<'a, E: Enumerable> {
    env: &'a E,
    closure: Arc<Descendants<E::State>>,
    anchor: usize,
    /// Numbers in `env` of the states, in increasing order.
    members: Vec<usize>,
}

impl<'a, E: Enumerable> Anchored<'a, E> {
    /// `env` below its state number `anchor`; `closure` must come from `env`.
    ///
    /// # Errors
    /// An `anchor` that is not a state, or a closure of another number of states.
    pub fn new(
        env: &'a E,
        closure: Arc<Descendants<E::State>>,
        anchor: usize,
    ) -> Result<Self, EnvError> {
        let count = env.num_states();
        if closure.len() != count {
            return Err(EnvError::out_of_range(
                "number of states in the closure",
                closure.len(),
                format!("{count}, as in the environment that it is used with"),
            ));
        }
        if anchor >= count {
            return Err(EnvError::out_of_range(
                "anchor",
                anchor,
                format!("below {count}"),
            ));
        }
        let members = closure.of(anchor).collect();
        Ok(Self {
            env,
            closure,
            anchor,
            members,
        })
    }

    /// Number of the anchor among the states of the whole environment.
    pub fn anchor(&self) -> usize {
        self.anchor
    }

    /// The numbers of the descendants among the states of the whole environment, in increasing order.
    pub fn members(&self) -> &[usize] {
        &self.members
    }
}

impl<E: Enumerable> Environment for Anchored<'_, E> {
    type State = E::State;
    type Action = E::Action;

    fn source(&self) -> E::State {
        self.closure.states[self.anchor].clone()
    }

    fn can_stop(&self, state: &E::State) -> bool {
        self.env.can_stop(state)
    }

    fn step(&self, state: &mut E::State, action: E::Action) {
        self.env.step(state, action);
    }

    fn undo(&self, state: &mut E::State, action: E::Action) {
        self.env.undo(state, action);
    }
}

impl<E: Enumerable> Discrete for Anchored<'_, E> {
    fn actions(&self, state: &E::State, out: &mut Vec<E::Action>) {
        self.env.actions(state, out);
    }

    fn parents(&self, state: &E::State, out: &mut Vec<E::Action>) {
        let mut all = Vec::new();
        self.env.parents(state, &mut all);
        let mut parent = state.clone();
        out.extend(all.into_iter().filter(|&action| {
            self.env.undo(&mut parent, action);
            let kept = self.closure.contains(self.anchor, self.env.index(&parent));
            self.env.step(&mut parent, action);
            kept
        }));
    }

    fn listed_action(&self, parent: &E::State, action: E::Action) -> E::Action {
        self.env.listed_action(parent, action)
    }

    fn listed_parent(&self, child: &E::State, action: E::Action) -> E::Action {
        self.env.listed_parent(child, action)
    }
}

impl<E: Enumerable> Enumerable for Anchored<'_, E> {
    fn states(&self) -> Vec<E::State> {
        let states = self
            .members
            .iter()
            .map(|&number| self.closure.states[number].clone());
        states.collect()
    }

    /// The place of `state`, or the number of states for one that does not descend from the anchor.
    fn index(&self, state: &E::State) -> usize {
        let number = self.env.index(state);
        self.members
            .binary_search(&number)
            .unwrap_or(self.members.len())
    }

    fn num_states(&self) -> usize {
        self.members.len()
    }
}

/// The features of the state, then those of the anchor.
impl<E: Enumerable + VectorEncoded> VectorEncoded for Anchored<'_, E> {
    fn num_features(&self) -> usize {
        2 * self.env.num_features()
    }

    fn features(&self, state: &E::State, mut set: impl FnMut(usize, f32)) {
        let (anchor, start) = (&self.closure.states[self.anchor], self.env.num_features());
        self.env.features(state, &mut set);
        self.env
            .features(anchor, |index, value| set(start + index, value));
    }

    fn num_actions(&self) -> usize {
        self.env.num_actions()
    }

    fn action_index(&self, action: E::Action) -> usize {
        self.env.action_index(action)
    }
}
