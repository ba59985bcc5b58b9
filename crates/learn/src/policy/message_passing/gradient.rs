//! The way down: gradients of the parameters from those of the scores.

use super::batch::Batch;
use super::blend::Links;
use super::layers::Layer;
use super::network::{
    EDGE, EDGE_HEAD, ENDS, GRAPH_HEAD, NODE, NODE_HEAD, Network, WHOLE, blend_into, messages, term,
    types, update,
};
use super::pass::{Lease, Pass};
use crate::params::Gradients;
use crate::policy::kernels::{Finish, Multiply, Outer, Total};
use crate::policy::panels::Panels;
use crate::simd::dispatch;

impl Network {
    /// Gradients of the parameters, from those of the heads in the place of their results.
    pub(super) fn pull_back(&self, batch: &Batch, pass: Pass<'_>) -> Gradients {
        let mut gradients = self.params.zero_gradients();
        let out = &mut gradients;
        let mut grad = self.pull_back_heads(batch, &pass, out);
        let one = self.panels;
        for (round, pass) in pass.rounds.iter().enumerate().rev() {
            let moved = self.blend(
                batch.nodes,
                &[(&grad, 0)],
                &[],
                Finish::Mask(pass.update.rows_from(0)),
            );
            self.learn(update(round), &pass.states, &moved, out);
            let states = self.descend(update(round), &moved, Finish::Keep);
            let edges = &batch.messages;
            let sent = self.blend(
                batch.edges,
                &[],
                &[term(&edges.to.forward, &states, one)],
                Finish::Mask(pass.sent.rows_from(0)),
            );
            self.learn_table(types(round), &edges.features.reverse, &sent, out);
            let mut ends = self.stale(batch.nodes, 2 * one);
            let from = [term(&edges.from.reverse, &sent, 0)];
            blend_into(&mut ends, 0..one, &[], &from, Finish::Keep);
            let to = [term(&edges.to.reverse, &sent, 0)];
            blend_into(&mut ends, one..2 * one, &[], &to, Finish::Keep);
            self.learn(messages(round), &pass.states, &ends, out);
            let through = self.descend(messages(round), &ends, Finish::Keep);
            let sum = [(&*grad, 0), (&*states, 0), (&*through, 0)];
            let sum = self.blend(batch.nodes, &sum, &[], Finish::Keep);
            drop(states);
            grad = sum;
        }
        let first = pass.rounds.first().map_or(&pass.states, |r| &r.states);
        let grad = self.blend(
            batch.nodes,
            &[(&grad, 0)],
            &[],
            Finish::Mask(first.rows_from(0)),
        );
        self.learn_table(NODE, &batch.features.reverse, &grad, out);
        gradients
    }

    /// Down to `[nodes, W]` gradients of the last states.
    fn pull_back_heads(
        &self,
        batch: &Batch,
        pass: &Pass<'_>,
        gradients: &mut Gradients,
    ) -> Lease<'_> {
        let one = self.panels;
        let mut down = |head: usize, hidden: &Panels, grad: &Panels| {
            self.learn(head, hidden, grad, gradients);
            self.descend(head, grad, Finish::Mask(hidden.rows_from(0)))
        };
        let graph = down(GRAPH_HEAD, &pass.hidden.graph, &pass.outputs.graph);
        let node = down(NODE_HEAD, &pass.hidden.node, &pass.outputs.node);
        let edge = down(EDGE_HEAD, &pass.hidden.edge, &pass.outputs.edge);
        let edges = &batch.heads;
        self.learn_table(EDGE, &edges.features.reverse, &edge, gradients);

        let mut whole = self.stale(batch.graphs, 3 * one);
        let nodes = [term(&batch.graph.reverse, &node, 0)];
        let scored = [term(&batch.head_graph.reverse, &edge, 0)];
        blend_into(&mut whole, 0..one, &[(&graph, 0)], &[], Finish::Keep);
        blend_into(&mut whole, one..2 * one, &[], &nodes, Finish::Keep);
        blend_into(&mut whole, 2 * one..3 * one, &[], &scored, Finish::Keep);
        self.learn(WHOLE, &pass.pooled, &whole, gradients);
        let pooled = self.descend(WHOLE, &whole, Finish::Keep);

        let mut ends = self.stale(batch.nodes, if self.directed { 3 } else { 2 } * one);
        let both = [
            term(&edges.from.reverse, &edge, 0),
            term(&edges.to.reverse, &edge, 0),
        ];
        blend_into(&mut ends, 0..one, &[(&node, 0)], &[], Finish::Keep);
        blend_into(&mut ends, one..2 * one, &[], &both, Finish::Keep);
        if self.directed {
            blend_into(&mut ends, 2 * one..3 * one, &[], &both[..1], Finish::Keep);
        }
        self.learn(ENDS, &pass.states, &ends, gradients);
        let states = self.descend(ENDS, &ends, Finish::Keep);
        self.blend(
            batch.nodes,
            &[(&states, 0)],
            &[term(&batch.graph.forward, &pooled, 0)],
            Finish::Keep,
        )
    }

    /// `finish(grad @ weightᵀ)`.
    fn descend(&self, layer: usize, grad: &Panels, finish: Finish<'_>) -> Lease<'_> {
        let weight = &self.packed()[layer].transposed;
        let mut out = self.stale(grad.rows(), weight.count());
        Multiply {
            input: grad,
            weight,
            bias: None,
            finish,
            rows: 0..grad.rows(),
            panel: 0,
            out: out.columns_mut(0),
        }
        .spread();
        out
    }

    /// Gradients of a linear layer's parameters.
    fn learn(&self, layer: usize, input: &Panels, grad: &Panels, gradients: &mut Gradients) {
        let layer = &self.layers[layer];
        let weight = Panels::zeros(layer.rows, layer.cols, &self.pool);
        let mut weight = Lease::new(weight, &self.pool);
        dispatch(Outer {
            input: input.rows_from(0),
            grad,
            fresh: false,
            out: &mut weight,
            bias: None,
        });
        self.unpack(layer, &weight, grad, gradients);
    }

    /// Gradients of a table; `features` links its rows to where they were read.
    fn learn_table(
        &self,
        layer: usize,
        features: &Links,
        grad: &Panels,
        gradients: &mut Gradients,
    ) {
        let layer = &self.layers[layer];
        let weight = self.blend(layer.rows, &[], &[term(features, grad, 0)], Finish::Keep);
        self.unpack(layer, &weight, grad, gradients);
    }

    fn unpack(&self, layer: &Layer, weight: &Panels, grad: &Panels, gradients: &mut Gradients) {
        let mut bias = Lease::new(Panels::zeros(1, layer.cols, &self.pool), &self.pool);
        if layer.has_bias() {
            dispatch(Total {
                grad,
                out: &mut bias,
            });
        }
        layer.unpack(weight, &bias, &self.params, gradients);
    }
}
