//! An enumerable environment written down once as flat arrays.

use std::fmt::Debug;
use std::ops::Range;

use crate::env::Enumerable;
use crate::error::CoreError;
use crate::reward::{Reward, RewardError};

/// Marks the edge to the sink where a state's number would stand.
const SINK: u32 = u32::MAX;

/// `N` states with their `M` moves and `P` parents, all by number.
///
/// Moves and parents stand in the order of a [`Frontier`](crate::Frontier) over
/// [`states`](Self::states), stopping last, so scores of that frontier (or of its slices, one after
/// another) fit without any rearrangement.
#[derive(Clone, Debug)]
pub struct Dag<S> {
    states: Vec<S>,
    /// `[N + 1]`
    move_offsets: Vec<usize>,
    /// `[M]`
    children: Vec<u32>,
    /// `[M]`
    parents_of_moves: Vec<u32>,
    /// `[N + 1]`
    parent_offsets: Vec<usize>,
    /// `[P]`
    parent_states: Vec<u32>,
}

impl<S: Clone + Debug + PartialEq> Dag<S> {
    /// Lists all states and edges of `env`.
    ///
    /// Where isomorphic states share an index, an edge into one of them is matched with a parent of the
    /// listed one that leads back to the same index; if there are several such, in their order.
    ///
    /// # Errors
    /// [`CoreError::Conformance`] where the order is not topological or forward and backward do not
    /// list the same edges; [`check_edges_counted_alike`](crate::conformance::check_edges_counted_alike)
    /// says more.
    pub fn new<E: Enumerable<State = S>>(env: &E) -> Result<Self, CoreError> {
        let states = env.states();
        if states.is_empty() || states.len() >= SINK as usize {
            return Err(CoreError::Conformance(format!(
                "{} states cannot be written down; there must be 1 to {}",
                states.len(),
                SINK - 1
            )));
        }
        let mut dag = Self {
            states,
            move_offsets: vec![0],
            children: Vec::new(),
            parents_of_moves: Vec::new(),
            parent_offsets: vec![0],
            parent_states: Vec::new(),
        };
        let parent_actions = dag.list_parents(env)?;
        let mut taken = vec![false; parent_actions.len()];
        dag.list_moves(env, &parent_actions, &mut taken)?;
        if let Some(parent) = taken.iter().position(|taken| !taken) {
            let child = dag.parent_offsets.partition_point(|&o| o <= parent) - 1;
            return Err(CoreError::Conformance(format!(
                "{:?} among the parents of {:?} is no action of {:?}",
                parent_actions[parent],
                dag.states[child],
                dag.states[dag.parent_states[parent] as usize],
            )));
        }
        Ok(dag)
    }

    /// `[P]` parent actions; fills in where they lead.
    fn list_parents<E: Enumerable<State = S>>(
        &mut self,
        env: &E,
    ) -> Result<Vec<E::Action>, CoreError> {
        let mut actions = Vec::new();
        for (here, state) in self.states.iter().enumerate() {
            let begin = actions.len();
            env.parents(state, &mut actions);
            // One copy is undone and stepped again for each edge: no allocation inside the loop.
            let mut scratch = state.clone();
            for &action in &actions[begin..] {
                env.undo(&mut scratch, action);
                let parent = env.index(&scratch);
                if parent >= here {
                    return Err(CoreError::Conformance(format!(
                        "{scratch:?}, the parent of {state:?} by {action:?}, is not listed before it"
                    )));
                }
                env.step(&mut scratch, action);
                self.parent_states.push(parent as u32);
            }
            untouched(state, &scratch)?;
            self.parent_offsets.push(actions.len());
        }
        Ok(actions)
    }

    fn list_moves<E: Enumerable<State = S>>(
        &mut self,
        env: &E,
        parent_actions: &[E::Action],
        taken: &mut [bool],
    ) -> Result<(), CoreError> {
        let mut actions = Vec::new();
        let mut unmatched = Vec::new();
        for (here, state) in self.states.iter().enumerate() {
            actions.clear();
            unmatched.clear();
            env.actions(state, &mut actions);
            let mut scratch = state.clone();
            for &action in &actions {
                env.step(&mut scratch, action);
                let child = env.index(&scratch);
                if child <= here || child >= self.states.len() {
                    return Err(CoreError::Conformance(format!(
                        "{scratch:?}, the child of {state:?} by {action:?}, is not listed after it"
                    )));
                }
                let row = self.parent_offsets[child]..self.parent_offsets[child + 1];
                let entry = (scratch == self.states[child])
                    .then(|| env.listed_parent(&scratch, action))
                    .and_then(|entry| row.clone().find(|&p| parent_actions[p] == entry))
                    .filter(|&p| self.parent_states[p] as usize == here && !taken[p]);
                match entry {
                    Some(parent) => {
                        taken[parent] = true;
                        self.parents_of_moves.push(parent as u32);
                    }
                    None => {
                        unmatched.push((self.children.len(), row));
                        self.parents_of_moves.push(SINK);
                    }
                }
                self.children.push(child as u32);
                env.undo(&mut scratch, action);
            }
            untouched(state, &scratch)?;
            for (edge, mut row) in unmatched.drain(..) {
                let parent = row
                    .find(|&p| self.parent_states[p] as usize == here && !taken[p])
                    .ok_or_else(|| {
                        CoreError::Conformance(format!(
                            "an action leads from {state:?} to {:?} and no parent leads back",
                            self.states[self.children[edge] as usize]
                        ))
                    })?;
                taken[parent] = true;
                self.parents_of_moves[edge] = parent as u32;
            }
            if env.can_stop(state) {
                self.children.push(SINK);
                self.parents_of_moves.push(SINK);
            }
            self.move_offsets.push(self.children.len());
        }
        Ok(())
    }

    /// `[N]` log R(x) in nats, negative infinity where a state is no complete object.
    ///
    /// # Errors
    /// Those of the reward.
    pub fn log_reward<R: Reward<S>>(&self, reward: &R) -> Result<Vec<f64>, RewardError> {
        let objects: Vec<usize> = (0..self.len()).filter(|&s| self.can_stop(s)).collect();
        let copies: Vec<S> = objects.iter().map(|&s| self.states[s].clone()).collect();
        let mut out = vec![f64::NEG_INFINITY; self.len()];
        for (state, value) in objects.into_iter().zip(reward.log_reward(&copies)?) {
            out[state] = value;
        }
        Ok(out)
    }
}

impl<S> Dag<S> {
    /// `[N]` states in topological order, the source first.
    pub fn states(&self) -> &[S] {
        &self.states
    }

    /// Number of states `N`.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Never true: there is a source.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Number of moves `M`, stopping included.
    pub fn num_moves(&self) -> usize {
        self.children.len()
    }

    /// Number of parents `P`: the moves that are not stopping, listed from the other end.
    pub fn num_parents(&self) -> usize {
        self.parent_states.len()
    }

    /// Where the moves of `state` lie in arrays `[M]`.
    pub fn moves(&self, state: usize) -> Range<usize> {
        self.move_offsets[state]..self.move_offsets[state + 1]
    }

    /// Where the parents of `state` lie in arrays `[P]`.
    pub fn parents(&self, state: usize) -> Range<usize> {
        self.parent_offsets[state]..self.parent_offsets[state + 1]
    }

    /// The state that move `index` (of `M`) leads to; `None` for stopping.
    pub fn child(&self, index: usize) -> Option<usize> {
        number(self.children[index])
    }

    /// The parent (of `P`) that is the same edge as move `index` (of `M`); `None` for stopping.
    pub fn parent_of_move(&self, index: usize) -> Option<usize> {
        number(self.parents_of_moves[index])
    }

    /// The state that parent `index` (of `P`) leads back to.
    pub fn parent_state(&self, index: usize) -> usize {
        self.parent_states[index] as usize
    }

    /// Whether `state` is a complete object.
    pub fn can_stop(&self, state: usize) -> bool {
        self.children[self.moves(state)].last() == Some(&SINK)
    }
}

fn number(value: u32) -> Option<usize> {
    (value != SINK).then_some(value as usize)
}

fn untouched<S: PartialEq + Debug>(state: &S, scratch: &S) -> Result<(), CoreError> {
    if state == scratch {
        return Ok(());
    }
    Err(CoreError::Conformance(format!(
        "stepping and undoing the edges of {state:?} in turn left {scratch:?}"
    )))
}
