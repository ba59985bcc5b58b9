//! The layers, their parameters, and the way up through them.

use std::ops::Range;
use std::sync::OnceLock;

use anabranch_core::Frontier;
use anabranch_core::encode::{GraphEncoded, GraphShape};
use anabranch_core::rng::Stream;

use super::MessagePassingConfig;
use super::batch::Batch;
use super::blend::{Blend, Links, Term};
use super::layers::{Layer, Packed, whole};
use super::pass::{Hidden, Lease, Outputs, Pass, Round};
use crate::params::Params;
use crate::policy::kernels::{Finish, Multiply};
use crate::policy::panels::{PANEL, Panels, Pool};
use crate::simd::dispatch;

/// Places of the layers. Those of round `r` are [`messages`]`(r)`, [`types`]`(r)` and [`update`]`(r)`.
pub(super) const NODE: usize = 0;
pub(super) const WHOLE: usize = 1;
pub(super) const ENDS: usize = 2;
pub(super) const EDGE: usize = 3;
pub(super) const GRAPH_HEAD: usize = 4;
pub(super) const NODE_HEAD: usize = 5;
pub(super) const EDGE_HEAD: usize = 6;
const ROUNDS: usize = 7;

pub(super) fn messages(round: usize) -> usize {
    ROUNDS + 3 * round
}

pub(super) fn types(round: usize) -> usize {
    ROUNDS + 3 * round + 1
}

pub(super) fn update(round: usize) -> usize {
    ROUNDS + 3 * round + 2
}

/// Bound of the first embeddings of features. A row has few of many features, so that the rule for
/// linear layers would leave it next to nothing.
const EMBEDDING: f32 = 0.5;

/// Layers with their parameters.
pub(super) struct Network {
    conditions: usize,
    /// Panels of a state.
    pub(super) panels: usize,
    rounds: usize,
    pub(super) directed: bool,
    pub(super) layers: Vec<Layer>,
    pub(super) params: Params,
    packed: OnceLock<Vec<Packed>>,
    pub(super) pool: Pool,
}

impl Network {
    pub(super) fn new(
        shape: GraphShape,
        conditions: usize,
        config: MessagePassingConfig,
        rng: &mut Stream,
    ) -> Self {
        let w = config.width;
        let col = whole(w);
        let backward = usize::from(config.learned_backward);
        let node_outputs = shape.node_actions + backward * shape.node_parents;
        let edge_outputs = shape.edge_actions + backward * shape.edge_parents;
        let mut params = Params::new();
        let mut declare = Declare {
            params: &mut params,
            rng,
        };
        let node = declare.table(Layer::default(), "node.weight", shape.node_features, w);
        let node = declare.bias(node, "node", w, 0);
        let mut rounds = Vec::new();
        for round in 0..config.rounds {
            let name = |part: &str| format!("round{round}.{part}");
            let layer = declare.weight(Layer::default(), &name("source"), &[w], w, 0);
            let layer = declare.bias(layer, &name("source"), w, 0);
            rounds.push(declare.weight(layer, &name("target"), &[w], w, col));
            rounds.push(declare.table(Layer::default(), &name("edge"), shape.edge_features, w));
            let layer = declare.weight(Layer::default(), &name("update"), &[w, w], w, 0);
            rounds.push(declare.bias(layer, &name("update"), w, 0));
        }
        let mut pooled = Layer::default();
        for (index, name) in ["graph_in", "node_in.graph", "edge_in.graph"]
            .into_iter()
            .enumerate()
        {
            pooled = declare.weight(pooled, name, &[w, conditions], w, index * col);
            pooled = declare.bias(pooled, name, w, index * col);
        }
        let ends = declare.weight(Layer::default(), "node_in.node", &[w], w, 0);
        let mut ends = declare.weight(ends, "edge_in.ends", &[w], w, col);
        if config.directed {
            ends = declare.weight(ends, "edge_in.from", &[w], w, 2 * col);
        }
        let features = shape.edge_features;
        let edge = declare.table(Layer::default(), "edge_in.features", features, w);
        let mut head = |name: &str, outputs: usize| {
            let layer = declare.weight(Layer::default(), name, &[w], outputs, 0);
            declare.bias(layer, name, outputs, 0)
        };
        let graph_head = head("graph_head", 1 + usize::from(config.flow));
        let node_head = head("node_head", node_outputs);
        let edge_head = head("edge_head", edge_outputs);
        let mut layers = vec![node, pooled, ends, edge, graph_head, node_head, edge_head];
        layers.append(&mut rounds);
        Self {
            conditions,
            panels: col / PANEL,
            rounds: config.rounds,
            directed: config.directed,
            layers,
            params,
            packed: OnceLock::new(),
            pool: Pool::default(),
        }
    }

    pub(super) fn with_params(&self, params: Params) -> Self {
        Self {
            layers: self.layers.clone(),
            params,
            packed: OnceLock::new(),
            pool: Pool::default(),
            ..*self
        }
    }

    pub(super) fn params(&self) -> &Params {
        &self.params
    }

    pub(super) fn params_mut(&mut self) -> &mut Params {
        for packed in self.packed.take().into_iter().flatten() {
            packed.release(&self.pool);
        }
        &mut self.params
    }

    /// The layers' parameters, laid out anew after every change.
    pub(super) fn packed(&self) -> &[Packed] {
        self.packed.get_or_init(|| {
            let layers = self.layers.iter();
            layers
                .map(|layer| layer.pack(&self.params, &self.pool))
                .collect()
        })
    }

    /// `[rows, panels]`, to be written first.
    pub(super) fn stale(&self, rows: usize, panels: usize) -> Lease<'_> {
        let panels = Panels::stale(rows, panels * PANEL, &self.pool);
        Lease::new(panels, &self.pool)
    }

    /// `finish(input @ weight + bias)`; of `input` as many columns are read as the layer has inputs.
    fn multiply(&self, layer: usize, input: &Panels, finish: Finish<'_>) -> Lease<'_> {
        let packed = &self.packed()[layer];
        let mut out = self.stale(input.rows(), packed.weight.count());
        Multiply {
            input,
            weight: &packed.weight,
            bias: Some(&packed.bias),
            finish,
            rows: 0..input.rows(),
            panel: 0,
            out: out.columns_mut(0),
        }
        .spread();
        out
    }

    /// `finish(bases + sums of linked rows)` as a matrix of its own, as wide as a state.
    pub(super) fn blend(
        &self,
        rows: usize,
        bases: &[(&Panels, usize)],
        terms: &[Term<'_>],
        finish: Finish<'_>,
    ) -> Lease<'_> {
        let mut out = self.stale(rows, self.panels);
        blend_into(&mut out, 0..self.panels, bases, terms, finish);
        out
    }

    pub(super) fn forward<E: GraphEncoded>(
        &self,
        batch: &Batch,
        frontier: &Frontier<'_, E>,
    ) -> Pass<'_> {
        let (packed, one) = (self.packed(), self.panels);
        let mut rounds: Vec<Round<'_>> = Vec::with_capacity(self.rounds);
        let mut states = self.stale(batch.nodes, 2 * one);
        dispatch(Blend {
            bias: Some(&packed[NODE].bias),
            bases: &[],
            terms: &[term(&batch.features.forward, &packed[NODE].weight, 0)],
            finish: Finish::Activate,
            out: &mut states,
            panels: 0..one,
        });
        for round in 0..self.rounds {
            let ends = self.multiply(messages(round), &states, Finish::Keep);
            let edges = &batch.messages;
            let terms = [
                term(&edges.from.forward, &ends, 0),
                term(&edges.to.forward, &ends, one),
                term(&edges.features.forward, &packed[types(round)].weight, 0),
            ];
            let sent = self.blend(batch.edges, &[], &terms, Finish::Activate);
            let incoming = [term(&edges.to.reverse, &sent, 0)];
            blend_into(&mut states, one..2 * one, &[], &incoming, Finish::Keep);
            let update = self.multiply(update(round), &states, Finish::Activate);
            let mut next = self.stale(batch.nodes, 2 * one);
            let sum = [(&*states, 0), (&*update, 0)];
            blend_into(&mut next, 0..one, &sum, &[], Finish::Keep);
            let states = std::mem::replace(&mut states, next);
            rounds.push(Round {
                states,
                sent,
                update,
            });
        }
        let pooled = self.pool_nodes(batch, frontier, &states);
        let hidden = self.hidden(batch, &states, &pooled);
        let outputs = Outputs {
            graph: self.multiply(GRAPH_HEAD, &hidden.graph, Finish::Keep),
            node: self.multiply(NODE_HEAD, &hidden.node, Finish::Keep),
            edge: self.multiply(EDGE_HEAD, &hidden.edge, Finish::Keep),
        };
        Pass {
            rounds,
            states,
            pooled,
            hidden,
            outputs,
        }
    }

    /// `[graphs, W + C]` sums of the nodes, and the condition.
    fn pool_nodes<E: GraphEncoded>(
        &self,
        batch: &Batch,
        frontier: &Frontier<'_, E>,
        states: &Panels,
    ) -> Lease<'_> {
        let one = self.panels;
        let mut pooled = self.stale(batch.graphs, one + self.conditions.div_ceil(PANEL));
        let nodes = [term(&batch.graph.reverse, states, 0)];
        blend_into(&mut pooled, 0..one, &[], &nodes, Finish::Keep);
        for panel in 0..self.conditions.div_ceil(PANEL) {
            let lanes = pooled.panel_mut(one + panel);
            lanes.fill([0.0; PANEL]);
            for (lane, &state) in lanes.iter_mut().zip(&batch.representatives) {
                let values = &frontier.condition(state)[panel * PANEL..];
                for (number, value) in lane.iter_mut().zip(values) {
                    *number = *value;
                }
            }
        }
        pooled
    }

    fn hidden(&self, batch: &Batch, states: &Panels, pooled: &Panels) -> Hidden<'_> {
        let one = self.panels;
        let whole = self.multiply(WHOLE, pooled, Finish::Keep);
        let ends = self.multiply(ENDS, states, Finish::Keep);
        let graph = self.blend(batch.graphs, &[(&whole, 0)], &[], Finish::Activate);
        let node = self.blend(
            batch.nodes,
            &[(&ends, 0)],
            &[term(&batch.graph.forward, &whole, one)],
            Finish::Activate,
        );
        let edges = &batch.heads;
        let table = &self.packed()[EDGE].weight;
        let terms = [
            term(&batch.head_graph.forward, &whole, 2 * one),
            term(&edges.features.forward, table, 0),
            term(&edges.from.forward, &ends, one),
            term(&edges.to.forward, &ends, one),
            term(&edges.from.forward, &ends, 2 * one),
        ];
        let terms = &terms[..terms.len() - usize::from(!self.directed)];
        let edge = self.blend(batch.scored, &[], terms, Finish::Activate);
        Hidden { graph, node, edge }
    }
}

pub(super) fn term<'a>(links: &'a Links, table: &'a Panels, panel: usize) -> Term<'a> {
    Term {
        links,
        table,
        panel,
    }
}

pub(super) fn blend_into(
    out: &mut Panels,
    panels: Range<usize>,
    bases: &[(&Panels, usize)],
    terms: &[Term<'_>],
    finish: Finish<'_>,
) {
    dispatch(Blend {
        bias: None,
        bases,
        terms,
        finish,
        out,
        panels,
    });
}

/// Declares parameters of the group `policy` and adds them to layers.
struct Declare<'a> {
    params: &'a mut Params,
    rng: &'a mut Stream,
}

impl Declare<'_> {
    fn weight(
        &mut self,
        layer: Layer,
        name: &str,
        runs: &[usize],
        outputs: usize,
        col: usize,
    ) -> Layer {
        let shape = [runs.iter().sum(), outputs];
        self.params
            .uniform(format!("policy.{name}.weight"), shape, self.rng);
        layer.weight(self.params, runs, col)
    }

    fn bias(&mut self, layer: Layer, name: &str, outputs: usize, col: usize) -> Layer {
        self.params
            .constant(format!("policy.{name}.bias"), [1, outputs], 0.0);
        layer.bias(self.params, col)
    }

    fn table(&mut self, layer: Layer, name: &str, rows: usize, outputs: usize) -> Layer {
        self.params.uniform_within(
            format!("policy.{name}"),
            [rows, outputs],
            EMBEDDING,
            self.rng,
        );
        layer.weight(self.params, &[rows], 0)
    }
}
