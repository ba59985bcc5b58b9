//! The graphs of a frontier, packed: nodes and edges of all graphs as rows of one matrix each.

use std::collections::HashMap;

use anabranch_core::encode::{Graph, GraphEncoded, GraphSlot};
use anabranch_core::{Frontier, Move};

use super::blend::{Links, padded_rows};
use super::layers::whole;

/// Links with their reverse.
pub(super) struct Both {
    pub(super) forward: Links,
    pub(super) reverse: Links,
}

impl Both {
    /// Pads `links` into a table of `rows` padded rows.
    fn new(links: Links, rows: usize) -> Self {
        let forward = links.padded();
        let reverse = forward.reversed(rows);
        Self { forward, reverse }
    }
}

/// What edges, as rows, refer to.
pub(super) struct Edges {
    /// To the node that each edge leaves.
    pub(super) from: Both,
    /// To the node that it enters.
    pub(super) to: Both,
    /// To its features.
    pub(super) features: Both,
}

/// Rows of the heads' results; `Graph` scores stop.
#[derive(Clone, Copy)]
pub(super) enum Slot {
    Graph { row: u32 },
    Node { row: u32, action: u16 },
    Edge { row: u32, action: u16 },
}

/// Each distinct pair of graph and condition once, and where the scores of the frontier's edges are.
pub(super) struct Batch {
    /// Numbers of nodes, of edges, of graphs and of scored edges, padded.
    pub(super) nodes: usize,
    pub(super) edges: usize,
    pub(super) graphs: usize,
    pub(super) scored: usize,
    /// Nodes to their features.
    pub(super) features: Both,
    /// Nodes to their graph.
    pub(super) graph: Both,
    /// The edges along which messages go: all.
    pub(super) messages: Edges,
    /// The edges that an action or a parent is scored at.
    pub(super) heads: Edges,
    /// Scored edges to their graph.
    pub(super) head_graph: Both,
    /// The state that stands for each graph, for its condition.
    pub(super) representatives: Vec<usize>,
    /// `[N]` graph of each state.
    pub(super) graph_of: Vec<u32>,
    /// `[M]`
    pub(super) moves: Vec<Slot>,
    /// `[P]`, or none where P_B is uniform.
    pub(super) parents: Vec<Slot>,
}

/// Links that grow while graphs are read.
#[derive(Default)]
struct Growing {
    from: Links,
    to: Links,
    features: Links,
}

impl Growing {
    fn push(&mut self, first_node: u32, (from, to, features): &(usize, usize, Vec<u16>)) {
        self.from.push([first_node + *from as u32]);
        self.to.push([first_node + *to as u32]);
        self.features.push(features.iter().map(|f| u32::from(*f)));
    }

    fn finish(self, nodes: usize, features: usize) -> Edges {
        Edges {
            from: Both::new(self.from, nodes),
            to: Both::new(self.to, nodes),
            features: Both::new(self.features, features),
        }
    }
}

/// Everything that a graph and a condition are made of, without a float.
fn key(graph: &Graph, condition: &[f32]) -> Vec<u32> {
    let mut key = Vec::with_capacity(2 + 4 * (graph.nodes.len() + graph.edges.len()));
    key.push(graph.nodes.len() as u32);
    let features = |key: &mut Vec<u32>, features: &[u16]| {
        key.push(features.len() as u32);
        key.extend(features.iter().map(|f| u32::from(*f)));
    };
    for node in &graph.nodes {
        features(&mut key, node);
    }
    for (from, to, edge) in &graph.edges {
        key.extend([*from as u32, *to as u32]);
        features(&mut key, edge);
    }
    key.extend(condition.iter().map(|value| value.to_bits()));
    key
}

impl Batch {
    pub(super) fn new<E: GraphEncoded>(frontier: &Frontier<'_, E>, learned_backward: bool) -> Self {
        let shape = frontier.env.graph_shape();
        let mut index: HashMap<Vec<u32>, usize> = HashMap::new();
        let mut representatives = Vec::new();
        let mut graph_of = Vec::with_capacity(frontier.len());
        // First node and first edge of each graph.
        let mut firsts: Vec<(u32, u32)> = Vec::new();
        let (mut features, mut node_graph) = (Links::default(), Links::default());
        let (mut messages, mut heads) = (Growing::default(), Growing::default());
        let mut head_graph = Links::default();
        // The scored row of each edge, once it has one.
        let mut head_rows: Vec<Option<u32>> = Vec::new();
        let mut moves = Vec::with_capacity(frontier.moves.items().len());
        let mut parents = Vec::new();
        let mut actions = Vec::new();
        for row in 0..frontier.len() {
            let edges = frontier.moves.row(row);
            actions.clear();
            actions.extend(edges.iter().filter_map(|m| match m {
                Move::Apply(action) => Some(*action),
                Move::Stop => None,
            }));
            let known: &[E::Action] = if learned_backward {
                frontier.parents.row(row)
            } else {
                &[]
            };
            let (graph, forward, backward) =
                frontier.env.graph(&frontier.states[row], &actions, known);
            let place = *index
                .entry(key(&graph, frontier.condition(row)))
                .or_insert_with(|| {
                    let place = representatives.len();
                    representatives.push(row);
                    let first_node = features.rows() as u32;
                    firsts.push((first_node, head_rows.len() as u32));
                    for node in &graph.nodes {
                        features.push(node.iter().map(|f| u32::from(*f)));
                        node_graph.push([place as u32]);
                    }
                    for edge in &graph.edges {
                        messages.push(first_node, edge);
                        head_rows.push(None);
                    }
                    place
                });
            graph_of.push(place as u32);
            let (first_node, first_edge) = firsts[place];
            let mut slot = |slot: &GraphSlot, node_skip: usize, edge_skip: usize| match *slot {
                GraphSlot::Node { node, action } => Slot::Node {
                    row: first_node + node as u32,
                    action: (node_skip + action) as u16,
                },
                GraphSlot::Edge { edge, action } => {
                    let known = &mut head_rows[first_edge as usize + edge];
                    let row = *known.get_or_insert_with(|| {
                        heads.push(first_node, &graph.edges[edge]);
                        head_graph.push([place as u32]);
                        head_graph.rows() as u32 - 1
                    });
                    Slot::Edge {
                        row,
                        action: (edge_skip + action) as u16,
                    }
                }
            };
            moves.extend(forward.iter().map(|s| slot(s, 0, 0)));
            if edges.len() > forward.len() {
                moves.push(Slot::Graph { row: place as u32 });
            }
            let (nodes, edges) = (shape.node_actions, shape.edge_actions);
            parents.extend(backward.iter().map(|s| slot(s, nodes, edges)));
        }
        let nodes = padded_rows(features.rows());
        let graphs = padded_rows(representatives.len());
        let edge_table = whole(shape.edge_features.max(1));
        Self {
            nodes,
            edges: padded_rows(messages.from.rows()),
            graphs,
            scored: padded_rows(head_graph.rows()),
            features: Both::new(features, whole(shape.node_features.max(1))),
            graph: Both::new(node_graph, graphs),
            messages: messages.finish(nodes, edge_table),
            heads: heads.finish(nodes, edge_table),
            head_graph: Both::new(head_graph, graphs),
            representatives,
            graph_of,
            moves,
            parents,
        }
    }
}
