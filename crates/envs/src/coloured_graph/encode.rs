//! How networks see a coloured graph.

use anabranch_core::encode::{Graph, GraphEncoded, GraphShape, GraphSlot, VectorEncoded};

use super::graph::place;
use super::{Action, Addition, ColouredGraph, ColouredGraphs, MAX_NODES, Removal, removal};

/// Node features: colour one-hot, degree one-hot, and one for the dummy of the empty graph.
const DUMMY: usize = 2 + MAX_NODES;

/// Every two nodes are two directed edges, marked as joined (feature 0) or not (1): an edge that is not
/// there must be seen to be added. A new node is scored at its host by colour, a new edge at the pair
/// from the smaller to the larger label. The first addition in canonical labels that leads to a child
/// stands for the others.
impl GraphEncoded for ColouredGraphs {
    fn graph_shape(&self) -> GraphShape {
        GraphShape {
            node_features: DUMMY + 1,
            edge_features: 2,
            node_actions: 2,
            edge_actions: 1,
            node_parents: 1,
            edge_parents: 1,
        }
    }

    fn graph(
        &self,
        state: &ColouredGraph,
        actions: &[Action],
        parents: &[Action],
    ) -> (Graph, Vec<GraphSlot>, Vec<GraphSlot>) {
        let n = state.num_nodes();
        let neighbours = state.neighbours();
        let mut graph = Graph::default();
        for (node, mask) in neighbours.iter().enumerate().take(n) {
            let degree = mask.count_ones() as usize;
            graph
                .nodes
                .push(vec![state.colour(node) as u16, (2 + degree) as u16]);
        }
        if n == 0 {
            graph.nodes.push(vec![DUMMY as u16]);
        }
        for to in 1..n {
            for from in 0..to {
                let feature = u16::from(!state.has_edge(from, to));
                graph.edges.push((from, to, vec![feature]));
                graph.edges.push((to, from, vec![feature]));
            }
        }
        let pair = |from, to| GraphSlot::Edge {
            edge: 2 * place(from, to),
            action: 0,
        };
        let forward = |&action: &Action| match self.addition(action) {
            Addition::Node { host, colour } => GraphSlot::Node {
                node: host.unwrap_or(0),
                action: colour,
            },
            Addition::Edge { from, to } => pair(from, to),
        };
        let backward = |&action: &Action| match removal(action) {
            Removal::Node(node) => GraphSlot::Node { node, action: 0 },
            Removal::Edge { from, to } => pair(from, to),
        };
        let forward = actions.iter().map(forward).collect();
        let backward = parents.iter().map(backward).collect();
        (graph, forward, backward)
    }
}

/// Three features a node (there, and its colour one-hot) and one a pair of nodes (joined), in canonical
/// labels; 2 `max_nodes` rows of actions for a node of each colour at each host, then one a pair.
///
/// A row names an edge by what is added to the *parent*. Among the parents of one graph several may
/// have one row; a learned backward policy then gives them equal scores.
impl VectorEncoded for ColouredGraphs {
    fn num_features(&self) -> usize {
        3 * self.max_nodes() + pairs(self.max_nodes())
    }

    fn features(&self, state: &ColouredGraph, mut set: impl FnMut(usize, f32)) {
        let max = self.max_nodes();
        for to in 0..state.num_nodes() {
            set(3 * to, 1.0);
            set(3 * to + 1 + state.colour(to), 1.0);
            for from in (0..to).filter(|&from| state.has_edge(from, to)) {
                set(3 * max + place(from, to), 1.0);
            }
        }
    }

    fn num_actions(&self) -> usize {
        2 * self.max_nodes() + pairs(self.max_nodes())
    }

    /// # Complexity
    /// Looks through the additions to the parent, with a few canonical labellings.
    fn action_index(&self, action: Action) -> usize {
        match self.addition(action) {
            Addition::Node { host, colour } => 2 * host.unwrap_or(0) + colour,
            Addition::Edge { from, to } => 2 * self.max_nodes() + place(from, to),
        }
    }
}

fn pairs(nodes: usize) -> usize {
    nodes * (nodes - 1) / 2
}
