//! States as graphs.

use std::marker::PhantomData;

use anabranch_core::encode::{Graph, GraphEncoded, GraphShape, GraphSlot};
use anabranch_core::rng::Stream;
use anabranch_core::{Frontier, Move};

use super::chunk::{Batch, Builder, Edge, Place, Slot};
use super::kinds::Kinds;
use super::linear::Linear;
use super::network::{Network, Sizes};
use super::{Transformer, View};
use crate::params::Params;
use crate::policy::log_z::LogZ;
use crate::policy::neural::Network as _;
use crate::policy::{GraphTransformer, GraphTransformerConfig};

/// States as small graphs whose nodes and edges carry the actions.
pub struct Graphs<E> {
    shape: GraphShape,
    learned_backward: bool,
    flow: bool,
    env: PhantomData<fn() -> E>,
}

impl<E> Clone for Graphs<E> {
    fn clone(&self) -> Self {
        Self {
            env: PhantomData,
            ..*self
        }
    }
}

/// The [`GraphTransformer`] computed by hand.
///
/// Parameters have the names, shapes, order and first values of `Neural<GraphTransformer<E>>`, so a
/// checkpoint of either is a checkpoint of the other; scores differ by rounding.
pub type NativeGraphTransformer<E> = Transformer<Graphs<E>>;

impl<E: GraphEncoded> Transformer<Graphs<E>> {
    /// Draws the first weights. `conditions` is `C`, the length of a conditioning vector, and `log_z`
    /// the first value of log Z in nats.
    ///
    /// # Panics
    /// If the width is not a multiple of the heads.
    pub fn new(
        env: &E,
        conditions: usize,
        config: GraphTransformerConfig,
        log_z: f64,
        rng: &mut Stream,
    ) -> Self {
        let mut params = Params::new();
        GraphTransformer::new(env, conditions, config).declare(&mut params, rng);
        let log_z = LogZ::declare(conditions, log_z, &mut params, rng);
        let shape = env.graph_shape();
        let sizes = Sizes {
            width: config.width,
            blocks: config.layers,
            heads: config.heads,
            conditions,
            edges: Some(shape.edge_features),
        };
        // The bias is one more row, which every token has.
        let table = Linear::default().weight(&params, "policy.nodes.weight", (0, 0), (1, 1));
        let table = table.weight(
            &params,
            "policy.nodes.bias",
            (shape.node_features + 1, 0),
            (1, 1),
        );
        Self {
            network: Network::new(sizes, params, table),
            view: Graphs {
                shape,
                learned_backward: config.learned_backward,
                flow: config.flow,
                env: PhantomData,
            },
            log_z,
            apart: false,
        }
    }
}

impl<E> Transformer<Graphs<E>> {
    /// Sizes of the encoding, whether there is a backward head, and a flow head.
    pub(crate) fn graph_view(&self) -> (GraphShape, bool, bool) {
        let view = &self.view;
        (view.shape, view.learned_backward, view.flow)
    }
}

/// Writes everything that a graph and a condition are made of, without a float.
fn describe(graph: &Graph, condition: &[f32], key: &mut Vec<u32>) {
    key.clear();
    key.push(graph.nodes.len() as u32);
    for node in &graph.nodes {
        key.push(node.len() as u32);
        key.extend(node.iter().map(|f| u32::from(*f)));
    }
    for (from, to, edge) in &graph.edges {
        key.extend([*from as u32, *to as u32, edge.len() as u32]);
        key.extend(edge.iter().map(|f| u32::from(*f)));
    }
    key.extend(condition.iter().map(|value| value.to_bits()));
}

fn edge(graph: &Graph, index: usize) -> Edge<'_> {
    let (from, to, features) = &graph.edges[index];
    Edge {
        from: *from,
        to: *to,
        features,
    }
}

impl<E: GraphEncoded> Graphs<E> {
    fn add(
        &self,
        graph: &Graph,
        key: &[u32],
        condition: &[f32],
        builder: &mut Builder<'_, '_>,
    ) -> Place {
        let tokens = graph.nodes.len() + 1;
        let place = builder.open(key, tokens, condition);
        let bias = self.shape.node_features as u32 + 1;
        builder.token(&[self.shape.node_features as u32, bias]);
        let mut features = Vec::new();
        for node in &graph.nodes {
            features.clear();
            features.extend(node.iter().map(|f| u32::from(*f)));
            features.push(bias);
            builder.token(&features);
        }
        let edges = (0..graph.edges.len()).map(|index| edge(graph, index));
        builder.edges(place, tokens, edges);
        place
    }
}

impl<E: GraphEncoded> View for Graphs<E> {
    type Env = E;

    #[allow(private_interfaces, reason = "implemented here only")]
    fn batch(&self, frontier: &Frontier<'_, E>, apart: bool, kinds: &mut Kinds<'_>) -> Batch {
        let mut builder = Builder::new(frontier.len(), apart, kinds);
        let (mut key, mut actions) = (Vec::new(), Vec::new());
        for row in 0..frontier.len() {
            let moves = frontier.moves.row(row);
            actions.clear();
            actions.extend(moves.iter().filter_map(|m| match m {
                Move::Apply(action) => Some(*action),
                Move::Stop => None,
            }));
            let parents: &[E::Action] = if self.learned_backward {
                frontier.parents.row(row)
            } else {
                &[]
            };
            let state = &frontier.states[row];
            let (graph, forward, backward) = frontier.env.graph(state, &actions, parents);
            let condition = frontier.condition(row);
            describe(&graph, condition, &mut key);
            let place = builder.find(&key);
            let place = place.unwrap_or_else(|| self.add(&graph, &key, condition, &mut builder));
            let slot = |builder: &mut Builder<'_, '_>,
                        slot: &GraphSlot,
                        skip: (usize, usize)|
             -> Slot {
                match *slot {
                    GraphSlot::Node { node, action } => builder.node(place, node, skip.0 + action),
                    GraphSlot::Edge {
                        edge: index,
                        action,
                    } => builder.edge(place, index, edge(&graph, index), skip.1 + action),
                }
            };
            for action in &forward {
                let slot = slot(&mut builder, action, (0, 0));
                builder.batch().moves.push(slot);
            }
            if moves.len() > forward.len() {
                let slot = builder.graph(place, 0);
                builder.batch().moves.push(slot);
            }
            let skip = (self.shape.node_actions, self.shape.edge_actions);
            for action in &backward {
                let slot = slot(&mut builder, action, skip);
                builder.batch().parents.push(slot);
            }
            if self.flow {
                let slot = builder.graph(place, 1);
                builder.batch().log_flow.push(slot);
            }
        }
        builder.finish()
    }

    fn heads(&self) -> (bool, bool) {
        (self.learned_backward, self.flow)
    }
}
