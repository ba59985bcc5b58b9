//! How a graph network sees a tree.

use anabranch_core::encode::{Graph, GraphEncoded, GraphShape, GraphSlot};

use super::orbit::Codes;
use super::tree::MAX_NODES;
use super::{Action, Fragments, Tree};

/// Nodes are the occupied slots in order, one-hot by fragment; the empty tree is one dummy node. Every
/// edge is two directed ones, one-hot by the label of the own end and of the other end, undecided ends
/// last: 73 node and 14 edge features with the 72 fragments of `rp72`, as in Recursion's encoding.
///
/// Stems appear by their canonical label only, so isomorphic trees have isomorphic graphs and, from a
/// network that does not see the order of nodes, equal scores.
impl GraphEncoded for Fragments {
    fn graph_shape(&self) -> GraphShape {
        GraphShape {
            node_features: self.vocabulary.len() + 1,
            edge_features: 2 * (self.max_stems + 1),
            node_actions: self.vocabulary.len(),
            edge_actions: self.max_stems,
            node_parents: 1,
            edge_parents: 1,
        }
    }

    fn graph(
        &self,
        state: &Tree,
        actions: &[Action],
        parents: &[Action],
    ) -> (Graph, Vec<GraphSlot>, Vec<GraphSlot>) {
        let codes = Codes::new(&self.pieces, state);
        let mut place = [0_usize; MAX_NODES];
        let mut graph = Graph::default();
        for (slot, fragment) in state.nodes() {
            place[usize::from(slot)] = graph.nodes.len();
            graph.nodes.push(vec![fragment]);
        }
        if graph.nodes.is_empty() {
            graph.nodes.push(vec![self.vocabulary.len() as u16]);
        }
        let unset = self.max_stems as u16;
        for edge in state.edges() {
            let label =
                |slot, stem: Option<u8>| stem.map_or(unset, |s| u16::from(codes.label(slot, s)));
            let (at_a, at_b) = (label(edge.a, edge.stem_a), label(edge.b, edge.stem_b));
            let (a, b) = (place[usize::from(edge.a)], place[usize::from(edge.b)]);
            graph.edges.push((a, b, vec![at_a, unset + 1 + at_b]));
            graph.edges.push((b, a, vec![at_b, unset + 1 + at_a]));
        }
        // Edge i of the tree is edges 2 i and 2 i + 1 of the graph.
        let edge_of = |node: u8, neighbour: u8| {
            let ends = (node.min(neighbour), node.max(neighbour));
            let found = state.edges().iter().position(|e| (e.a, e.b) == ends);
            2 * found.unwrap_or_default() + usize::from(node > neighbour)
        };
        let forward = |action: &Action| match *action {
            Action::AddNode { host, fragment, .. } => GraphSlot::Node {
                node: host.map_or(0, |host| place[usize::from(host)]),
                action: usize::from(fragment),
            },
            Action::SetStem {
                node,
                neighbour,
                stem,
            } => GraphSlot::Edge {
                edge: edge_of(node, neighbour),
                action: usize::from(codes.label(node, stem)),
            },
        };
        let backward = |action: &Action| match *action {
            Action::AddNode { slot, .. } => GraphSlot::Node {
                node: place[usize::from(slot)],
                action: 0,
            },
            Action::SetStem {
                node, neighbour, ..
            } => GraphSlot::Edge {
                edge: edge_of(node, neighbour),
                action: 0,
            },
        };
        let forward_slots = actions.iter().map(forward).collect();
        let backward_slots = parents.iter().map(backward).collect();
        (graph, forward_slots, backward_slots)
    }
}
