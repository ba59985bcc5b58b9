//! Graph transformer over small graphs whose nodes and edges carry the actions.
//!
//! Graphs of one size are computed together, so nothing is padded but the edge lists. Every graph has
//! one extra token that stands for the whole of it (the conditioning node of
//! recursionpharma/gflownet). A layer is: norm, scale and shift from the condition, sums of neighbours
//! and of incident edges beside the token, attention over all tokens with a learned bias for bonds,
//! residual; norm, two-layer perceptron, residual.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use anabranch_core::encode::{Graph, GraphEncoded, GraphShape, GraphSlot};
use anabranch_core::rng::Stream;
use anabranch_core::{Frontier, Move};
use burn::tensor::Tensor;
use burn::tensor::activation::{leaky_relu, softmax};
use serde::{Deserialize, Serialize};

use super::neural::{Leaves, Network, Prepared};
use crate::params::Params;

/// Sizes of a [`GraphTransformer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphTransformerConfig {
    /// Width of a token; a multiple of `heads`.
    pub width: usize,
    /// Number of layers.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Whether P_B is learned; uniform otherwise.
    pub learned_backward: bool,
    /// Whether there is a flow head.
    pub flow: bool,
}

/// See the module's description.
pub struct GraphTransformer<E> {
    config: GraphTransformerConfig,
    shape: GraphShape,
    conditions: usize,
    env: PhantomData<fn() -> E>,
}

impl<E> Clone for GraphTransformer<E> {
    fn clone(&self) -> Self {
        Self {
            env: PhantomData,
            ..*self
        }
    }
}

/// Tokens computed in one go; larger groups fall out of the processor's cache.
const TOKENS_PER_BLOCK: usize = 1536;
/// Outputs for a whole graph: stopping and log-flow.
const GRAPH_OUTPUTS: usize = 2;

/// `graphs` graphs of `nodes` nodes each and at most `edges` directed edges.
pub struct Block {
    graphs: usize,
    nodes: usize,
    edges: usize,
    /// `[graphs * tokens, node features + 1]`, the last column for the graph's own token, which is first.
    node_features: Vec<f32>,
    /// `[graphs, tokens, tokens]` 1 where a directed edge leads.
    adjacency: Vec<f32>,
    /// `[graphs * tokens, edge features]` sums over the edges that leave a token.
    incident: Vec<f32>,
    /// `[graphs * edges, edge features]`
    edge_features: Vec<f32>,
    /// `[graphs, edges, tokens]` 1 where the edge begins.
    from: Vec<f32>,
    /// `[graphs, edges, tokens]` 1 where the edge ends.
    to: Vec<f32>,
    /// `[graphs, C]`
    conditions: Vec<f32>,
}

impl<E: GraphEncoded> GraphTransformer<E> {
    /// For `env` with conditioning vectors of length `conditions`.
    ///
    /// # Panics
    /// If the width is not a multiple of the heads.
    pub fn new(env: &E, conditions: usize, config: GraphTransformerConfig) -> Self {
        assert!(
            config.heads > 0 && config.width.is_multiple_of(config.heads),
            "width {} is not a multiple of {} heads",
            config.width,
            config.heads
        );
        Self {
            config,
            shape: env.graph_shape(),
            conditions,
            env: PhantomData,
        }
    }

    fn node_outputs(&self) -> usize {
        self.shape.node_actions
            + usize::from(self.config.learned_backward) * self.shape.node_parents
    }

    fn edge_outputs(&self) -> usize {
        self.shape.edge_actions
            + usize::from(self.config.learned_backward) * self.shape.edge_parents
    }

    fn block(&self, graphs: &[&Graph], conditions: &[&[f32]]) -> Block {
        let nodes = graphs[0].nodes.len();
        let tokens = nodes + 1;
        let edges = graphs.iter().map(|g| g.edges.len()).max().unwrap_or(0);
        let (fn_, fe) = (self.shape.node_features + 1, self.shape.edge_features);
        let count = graphs.len();
        let mut block = Block {
            graphs: count,
            nodes,
            edges,
            node_features: vec![0.0; count * tokens * fn_],
            adjacency: vec![0.0; count * tokens * tokens],
            incident: vec![0.0; count * tokens * fe],
            edge_features: vec![0.0; count * edges * fe],
            from: vec![0.0; count * edges * tokens],
            to: vec![0.0; count * edges * tokens],
            conditions: conditions.concat(),
        };
        for (g, graph) in graphs.iter().enumerate() {
            let first = g * tokens;
            block.node_features[first * fn_ + fn_ - 1] = 1.0;
            for (node, features) in graph.nodes.iter().enumerate() {
                for &feature in features {
                    block.node_features[(first + node + 1) * fn_ + usize::from(feature)] = 1.0;
                }
            }
            for (e, (from, to, features)) in graph.edges.iter().enumerate() {
                let edge = g * edges + e;
                block.adjacency[(first + from + 1) * tokens + to + 1] = 1.0;
                block.from[edge * tokens + from + 1] = 1.0;
                block.to[edge * tokens + to + 1] = 1.0;
                for &feature in features {
                    block.incident[(first + from + 1) * fe + usize::from(feature)] += 1.0;
                    block.edge_features[edge * fe + usize::from(feature)] = 1.0;
                }
            }
        }
        block
    }

    /// One layer; `x` and the result are `[graphs * tokens, width]`.
    fn layer(&self, leaves: &Leaves, block: &Constants, index: usize, x: Tensor<2>) -> Tensor<2> {
        let (w, heads) = (self.config.width, self.config.heads);
        let (g, t) = (block.graphs, block.tokens);
        let name = |part: &str| format!("policy.layer{index}.{part}");
        let mut h = norm(x.clone());
        if let Some(condition) = &block.condition {
            let film = leaves.linear(&name("film"), condition.clone());
            let film = film
                .reshape([g, 1, 2 * w])
                .expand([g, t, 2 * w])
                .reshape([g * t, 2 * w]);
            let (scale, shift) = (film.clone().narrow(1, 0, w), film.narrow(1, w, w));
            h = h.clone() + h * scale + shift;
        }
        let sums = block
            .adjacency
            .clone()
            .matmul(h.clone().reshape([g, t, w]))
            .reshape([g * t, w]);
        let qkv = leaves.linear(&name("qkv"), h)
            + sums.matmul(leaves.get(&name("neighbours")))
            + block.incident.clone().matmul(leaves.get(&name("incident")));
        // [g * t, 3w] -> [3, g, heads, t, w / heads]
        let d = w / heads;
        let qkv = qkv.reshape([g, t, 3, heads, d]).permute([2, 0, 3, 1, 4]);
        let part = |i: usize| qkv.clone().narrow(0, i, 1).reshape([g * heads, t, d]);
        let (q, k, v) = (part(0), part(1), part(2));
        let bias = leaves.get(&name("bond_bias")).reshape([1, heads, 1, 1])
            * block.adjacency.clone().reshape([g, 1, t, t]);
        let logits = q.matmul(k.swap_dims(1, 2)) / (d as f64).sqrt();
        let weights = softmax(logits + bias.reshape([g * heads, t, t]), 2);
        let mixed = weights
            .matmul(v)
            .reshape([g, heads, t, d])
            .swap_dims(1, 2)
            .reshape([g * t, w]);
        let x = x + leaves.linear(&name("mix"), mixed);
        let h = leaves.linear(&name("up"), norm(x.clone()));
        x + leaves.linear(&name("down"), leaky_relu(h, 0.01))
    }
}

/// The constants of a block as tensors.
struct Constants {
    graphs: usize,
    tokens: usize,
    adjacency: Tensor<3>,
    incident: Tensor<2>,
    condition: Option<Tensor<2>>,
}

/// Layer norm without a learned scale; `x` is `[rows, width]`.
fn norm(x: Tensor<2>) -> Tensor<2> {
    let centred = x.clone() - x.mean_dim(1);
    let variance = centred.clone().powf_scalar(2.0).mean_dim(1);
    centred / (variance + 1e-5).sqrt()
}

impl<E: GraphEncoded> Network for GraphTransformer<E> {
    type Env = E;
    type Batch = Vec<Block>;

    fn declare(&self, params: &mut Params, rng: &mut Stream) {
        let w = self.config.width;
        params.linear("policy.nodes", self.shape.node_features + 1, w, rng);
        if self.conditions > 0 {
            params.linear("policy.condition.in", self.conditions, w, rng);
            params.linear("policy.condition.out", w, w, rng);
        }
        for layer in 0..self.config.layers {
            let name = |part: &str| format!("policy.layer{layer}.{part}");
            if self.conditions > 0 {
                params.constant(name("film.weight"), [w, 2 * w], 0.0);
                params.constant(name("film.bias"), [1, 2 * w], 0.0);
            }
            params.linear(&name("qkv"), w, 3 * w, rng);
            params.uniform(name("neighbours"), [w, 3 * w], rng);
            params.uniform(name("incident"), [self.shape.edge_features, 3 * w], rng);
            params.constant(name("bond_bias"), [1, self.config.heads], 0.0);
            params.linear(&name("mix"), w, w, rng);
            params.linear(&name("up"), w, 4 * w, rng);
            params.linear(&name("down"), 4 * w, w, rng);
        }
        params.linear("policy.node_head", w, self.node_outputs(), rng);
        params.linear("policy.edge_in.from", w, w, rng);
        params.uniform("policy.edge_in.to", [w, w], rng);
        params.uniform(
            "policy.edge_in.features",
            [self.shape.edge_features, w],
            rng,
        );
        params.linear("policy.edge_head", w, self.edge_outputs(), rng);
        params.linear("policy.graph_in", 2 * w, w, rng);
        params.linear("policy.graph_head", w, GRAPH_OUTPUTS, rng);
    }

    fn prepare(&self, frontier: &Frontier<'_, E>) -> Prepared<Vec<Block>> {
        let mut graphs = Vec::with_capacity(frontier.len());
        let mut slots = Vec::with_capacity(frontier.len());
        let mut actions = Vec::new();
        for row in 0..frontier.len() {
            actions.clear();
            actions.extend(frontier.moves.row(row).iter().filter_map(|m| match m {
                Move::Apply(action) => Some(*action),
                Move::Stop => None,
            }));
            let (graph, forward, backward) =
                frontier
                    .env
                    .graph(&frontier.states[row], &actions, frontier.parents.row(row));
            graphs.push(graph);
            slots.push((forward, backward));
        }
        let mut by_size: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (row, graph) in graphs.iter().enumerate() {
            by_size.entry(graph.nodes.len()).or_default().push(row);
        }
        let mut batch = Vec::new();
        let mut places = vec![(0, 0, 0, 0); frontier.len()];
        let mut start = 0;
        for (nodes, rows) in &by_size {
            for rows in rows.chunks((TOKENS_PER_BLOCK / (nodes + 1)).max(1)) {
                let members: Vec<&Graph> = rows.iter().map(|&row| &graphs[row]).collect();
                let conditions: Vec<&[f32]> =
                    rows.iter().map(|&row| frontier.condition(row)).collect();
                let block = self.block(&members, &conditions);
                let edge_start = start + block.graphs * (nodes + 1) * self.node_outputs();
                let graph_start = edge_start + block.graphs * block.edges * self.edge_outputs();
                for (g, &row) in rows.iter().enumerate() {
                    places[row] = (
                        start + (g * (nodes + 1) + 1) * self.node_outputs(),
                        edge_start + g * block.edges * self.edge_outputs(),
                        graph_start + g * GRAPH_OUTPUTS,
                        *nodes,
                    );
                }
                start = graph_start + block.graphs * GRAPH_OUTPUTS;
                batch.push(block);
            }
        }
        let (node_out, edge_out) = (self.node_outputs(), self.edge_outputs());
        let mut moves = Vec::with_capacity(frontier.moves.items().len());
        let mut parents = Vec::with_capacity(frontier.parents.items().len());
        for (row, (forward, backward)) in slots.iter().enumerate() {
            let (node_start, edge_start, graph_start, _) = places[row];
            let place = |slot: &GraphSlot, node_skip: usize, edge_skip: usize| match *slot {
                GraphSlot::Node { node, action } => {
                    node_start + node * node_out + node_skip + action
                }
                GraphSlot::Edge { edge, action } => {
                    edge_start + edge * edge_out + edge_skip + action
                }
            };
            moves.extend(forward.iter().map(|slot| place(slot, 0, 0) as u32));
            if frontier.moves.row(row).len() > forward.len() {
                moves.push(graph_start as u32);
            }
            parents.extend(
                backward.iter().map(|slot| {
                    place(slot, self.shape.node_actions, self.shape.edge_actions) as u32
                }),
            );
        }
        Prepared {
            batch,
            moves,
            parents: self.config.learned_backward.then_some(parents),
            log_flow: self
                .config
                .flow
                .then(|| places.iter().map(|place| (place.2 + 1) as u32).collect()),
        }
    }

    fn outputs(&self, leaves: &Leaves, batch: &Vec<Block>) -> Vec<Tensor<2>> {
        let mut outputs = Vec::with_capacity(3 * batch.len());
        for block in batch {
            self.block_outputs(leaves, block, &mut outputs);
        }
        outputs
    }
}

impl<E: GraphEncoded> GraphTransformer<E> {
    fn block_outputs(&self, leaves: &Leaves, block: &Block, outputs: &mut Vec<Tensor<2>>) {
        let (w, g, n, t, e) = (
            self.config.width,
            block.graphs,
            block.nodes,
            block.nodes + 1,
            block.edges,
        );
        let fe = self.shape.edge_features;
        let condition = (self.conditions > 0).then(|| {
            let c = leaves.constant(block.conditions.clone(), [g, self.conditions]);
            let h = leaky_relu(leaves.linear("policy.condition.in", c), 0.01);
            leaves.linear("policy.condition.out", h)
        });
        let features = self.shape.node_features + 1;
        let x = leaves.constant(block.node_features.clone(), [g * t, features]);
        let mut x = leaves.linear("policy.nodes", x);
        if let Some(condition) = &condition {
            let c = condition.clone().reshape([g, 1, w]).expand([g, t, w]);
            x = x + c.reshape([g * t, w]);
        }
        let constants = Constants {
            graphs: g,
            tokens: t,
            adjacency: leaves.constant3(block.adjacency.clone(), [g, t, t]),
            incident: leaves.constant(block.incident.clone(), [g * t, fe]),
            condition: condition.map(|c| leaky_relu(c, 0.01)),
        };
        for layer in 0..self.config.layers {
            x = self.layer(leaves, &constants, layer, x);
        }
        let x = norm(x);
        outputs.push(leaves.linear("policy.node_head", x.clone()));
        let tokens = x.reshape([g, t, w]);
        if e > 0 {
            let pick = |ends: &[f32]| {
                leaves
                    .constant3(ends.to_vec(), [g, e, t])
                    .matmul(tokens.clone())
                    .reshape([g * e, w])
            };
            let edge_features = leaves.constant(block.edge_features.clone(), [g * e, fe]);
            let h = leaves.linear("policy.edge_in.from", pick(&block.from))
                + pick(&block.to).matmul(leaves.get("policy.edge_in.to"))
                + edge_features.matmul(leaves.get("policy.edge_in.features"));
            outputs.push(leaves.linear("policy.edge_head", leaky_relu(h, 0.01)));
        }
        let whole = tokens.clone().narrow(1, 0, 1).reshape([g, w]);
        let mean = tokens.narrow(1, 1, n).mean_dim(1).reshape([g, w]);
        let h = leaves.linear("policy.graph_in", Tensor::cat(vec![whole, mean], 1));
        outputs.push(leaves.linear("policy.graph_head", leaky_relu(h, 0.01)));
    }
}
