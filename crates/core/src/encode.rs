//! How a network sees a state: plain numbers, no tensors.
//!
//! An environment says which output of a network scores which edge; the network needs to know nothing
//! else about it.

use crate::env::{Discrete, Environment};

/// A state as one vector of fixed length, with a fixed table of actions.
pub trait VectorEncoded: Discrete {
    /// Length `D` of the feature vector.
    fn num_features(&self) -> usize;
    /// Calls `set` with the index and the value of each feature of `state`, once at most for each; those that
    /// it is not called for are 0.
    fn features(&self, state: &Self::State, set: impl FnMut(usize, f32));
    /// Writes the features of `state` over `out`, `[D]`, which holds zeros.
    ///
    /// # Panics
    /// If `out` is shorter than `D`.
    fn fill_features(&self, state: &Self::State, out: &mut [f32]) {
        self.features(state, |index, value| out[index] = value);
    }
    /// Size of the action table.
    fn num_actions(&self) -> usize;
    /// The row of `action` in the table; the same number names it among the parents.
    fn action_index(&self, action: Self::Action) -> usize;
}

/// Sizes of a graph encoding, fixed for an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraphShape {
    /// Length of a node's feature vector.
    pub node_features: usize,
    /// Length of a directed edge's feature vector.
    pub edge_features: usize,
    /// Scores that each node has for forward actions.
    pub node_actions: usize,
    /// Scores that each directed edge has for forward actions.
    pub edge_actions: usize,
    /// Scores that each node has for backward actions.
    pub node_parents: usize,
    /// Scores that each directed edge has for backward actions.
    pub edge_parents: usize,
}

/// One state as a graph. At least one node: an empty object is one dummy node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// For each node, the features that are 1.
    pub nodes: Vec<Vec<u16>>,
    /// Directed edges (from, to, features that are 1); the two directions of a bond are two edges.
    pub edges: Vec<(usize, usize, Vec<u16>)>,
}

/// Which score of a graph network stands for an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphSlot {
    /// Score `action` of a node.
    Node {
        /// Index of the node in [`Graph::nodes`].
        node: usize,
        /// Index of the score.
        action: usize,
    },
    /// Score `action` of a directed edge.
    Edge {
        /// Index of the edge in [`Graph::edges`].
        edge: usize,
        /// Index of the score.
        action: usize,
    },
}

/// A state as a small graph whose nodes and edges carry the actions.
pub trait GraphEncoded: Discrete {
    /// The sizes.
    fn graph_shape(&self) -> GraphShape;
    /// The graph of `state` and the slots of its `actions` and `parents`, in their order.
    fn graph(
        &self,
        state: &<Self as Environment>::State,
        actions: &[Self::Action],
        parents: &[Self::Action],
    ) -> (Graph, Vec<GraphSlot>, Vec<GraphSlot>);
}

/// Sizes of a token encoding, fixed for an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenShape {
    /// Number of positions L.
    pub positions: usize,
    /// Number of different tokens, that of an empty position included.
    pub tokens: usize,
    /// Scores that each position has for forward actions.
    pub position_actions: usize,
    /// Scores that the whole sequence has for forward actions.
    pub whole_actions: usize,
    /// Scores that each position has for backward actions.
    pub position_parents: usize,
    /// Scores that the whole sequence has for backward actions.
    pub whole_parents: usize,
}

/// Which score of a sequence network stands for an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenSlot {
    /// Score `output` of a position.
    Position {
        /// Index of the position.
        position: usize,
        /// Index of the score.
        output: usize,
    },
    /// Score `output` of the whole sequence.
    Whole {
        /// Index of the score.
        output: usize,
    },
}

/// A state as a token at each of a fixed number of positions.
pub trait TokenEncoded: Discrete {
    /// The sizes.
    fn token_shape(&self) -> TokenShape;
    /// Appends the token of each position of `state` to `out`, `[L]`.
    fn tokens(&self, state: &Self::State, out: &mut Vec<u32>);
    /// The slot of an `action` that leaves `state`.
    fn action_slot(&self, state: &Self::State, action: Self::Action) -> TokenSlot;
    /// The slot of an `action` that can have led into `state`.
    fn parent_slot(&self, state: &Self::State, action: Self::Action) -> TokenSlot;
}
