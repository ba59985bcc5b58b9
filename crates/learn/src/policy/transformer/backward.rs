//! The way down: gradients of the parameters from those of the heads' results.

use super::attention::AttendBack;
use super::chunk::{Chunk, Head};
use super::forward::{Block, ChunkPass, Conditions, HeadPass};
use super::network::{
    CONDITION_IN, CONDITION_OUT, EDGE_HEAD, EDGE_IN, GRAPH_HEAD, GRAPH_IN, GradientSums, INCIDENT,
    NODE_HEAD, Network, Part, TABLE, at,
};
use super::norm::{FilmBack, NormBack};
use super::rows::{AddColumns, Base, Collect, Lists};
use crate::policy::kernels::{Finish, Outer, SLOPE};
use crate::policy::panels::{Lane, Lease, Panels};
use crate::simd::dispatch;

/// What goes down from a block beside the gradient of its tokens.
enum Down<'a> {
    /// Nothing.
    Tokens,
    /// `[kinds, W]` the gradient of kinds of tokens, that of the tokens included.
    Kinds(Lease<'a>),
    /// `[graphs, 2 W]` the gradient of scale and shift.
    Film(Lease<'a>),
}

/// Room that passes over chunks share.
pub(super) type Room = (Vec<Lane>, Vec<Lane>);

impl Network {
    /// Adds the gradients of `pass`, whose heads hold those of their results, to `sums`.
    pub(super) fn backward(&self, pass: ChunkPass<'_>, sums: &mut GradientSums, room: &mut Room) {
        let (chunk, one) = (&pass.chunk, self.panels());
        let rows = pass.last.rows();
        let mut last = self.stale(rows, one);
        last.flat_mut().fill(0.0);
        self.heads_back(chunk, &pass.heads, &mut last, sums);
        let mut grad = self.stale(rows, one);
        grad.flat_mut().fill(0.0);
        self.norm_back(&pass.last, &pass.last_inverse, &last, &mut grad);
        drop(last);
        let mut active: Option<Lease<'_>> = None;
        let mut kinds: Option<Lease<'_>> = None;
        for (index, block) in pass.blocks.into_iter().enumerate().rev() {
            let condition = pass.conditions.as_ref().map(|c| &*c.active);
            let (tokens, down) = self.block_back(index, chunk, block, condition, grad, sums, room);
            grad = tokens;
            match down {
                Down::Tokens => {}
                Down::Kinds(sum) => kinds = Some(sum),
                Down::Film(film) => {
                    let layer = at(index, Part::Film);
                    let finish = active.as_deref().map_or(Finish::Keep, Finish::Add);
                    let sum = self.descend(layer, &film, finish);
                    active = Some(sum);
                }
            }
        }
        if let Some(read) = self.left_at_once(chunk) {
            grad = self.picked(&read.reversed(chunk.rows), &grad);
        }
        let kinds = kinds.unwrap_or_else(|| self.by_kind(chunk, &grad));
        let features = chunk.features.reversed(sums.layers[TABLE].weight.rows());
        dispatch(Collect {
            lists: &features,
            table: kinds.columns(0),
            base: Base::Result,
            out: sums.layers[TABLE].weight.columns_mut(0),
            count: one,
        });
        if let Some(conditions) = &pass.conditions {
            self.conditions_back(chunk, conditions, active.as_deref(), &grad, sums);
        }
    }

    /// Sums of the rows of `tokens` for each kind of them.
    fn by_kind(&self, chunk: &Chunk, tokens: &Panels) -> Lease<'_> {
        self.picked(&chunk.kinds.reversed(chunk.features.len()), tokens)
    }

    /// The gradient of kinds of tokens from that of the first queries, keys and values; `tokens` is that of the
    /// tokens by another way.
    fn first_queries_back(
        &self,
        chunk: &Chunk,
        (input, inverse): (&Panels, &[f32]),
        qkv: &Panels,
        tokens: &Panels,
        sums: &mut GradientSums,
    ) -> Lease<'_> {
        let (count, three) = (chunk.features.len(), 3 * self.panels());
        let mut parts = self.stale(count, self.packed()[at(0, Part::Qkv)].weight.count());
        let mut sum = |lists: &Lists, panel: usize| {
            dispatch(Collect {
                lists: &lists.reversed(count),
                table: qkv.columns(0),
                base: Base::Zero,
                out: parts.columns_mut(panel),
                count: three,
            });
        };
        sum(&chunk.kinds, 0);
        if self.sizes.edges.is_some() {
            sum(&chunk.neighbour_kinds, three);
            let incident = &mut sums.layers[INCIDENT].weight;
            dispatch(Collect {
                lists: &chunk.incident.reversed(incident.rows()),
                table: qkv.columns(0),
                base: Base::Result,
                out: incident.columns_mut(0),
                count: three,
            });
        }
        self.learn(at(0, Part::Qkv), input, &parts, sums);
        let norm = self.descend(at(0, Part::Qkv), &parts, Finish::Keep);
        let mut kinds = self.by_kind(chunk, tokens);
        self.norm_back(input, inverse, &norm, &mut kinds);
        kinds
    }

    /// Adds the gradients of weight and bias of `layer`.
    fn learn(&self, layer: usize, input: &Panels, grad: &Panels, sums: &mut GradientSums) {
        let sums = &mut sums.layers[layer];
        dispatch(Outer {
            input,
            grad,
            fresh: false,
            out: &mut sums.weight,
        });
        dispatch(AddColumns {
            grad,
            out: &mut sums.bias,
        });
    }

    fn norm_back(&self, y: &Panels, inverse: &[f32], grad: &Panels, out: &mut Panels) {
        dispatch(NormBack {
            y,
            inverse,
            grad,
            width: self.sizes.width,
            out,
        });
    }

    /// Adds panels of `grad` from `panel` on to the rows that `lists` named.
    fn give_back(&self, lists: &Lists, grad: &Panels, panel: usize, out: &mut Panels) {
        let back = lists.reversed(out.rows());
        dispatch(Collect {
            lists: &back,
            table: grad.columns(panel),
            base: Base::Result,
            out: out.columns_mut(0),
            count: self.panels(),
        });
    }

    /// Adds the gradient of the last norm.
    fn heads_back(
        &self,
        chunk: &Chunk,
        heads: &[Option<HeadPass<'_>>; 3],
        last: &mut Panels,
        sums: &mut GradientSums,
    ) {
        let one = self.panels();
        if let Some(head) = &heads[Head::Node as usize] {
            self.learn(NODE_HEAD, &head.input, &head.out, sums);
            let grad = self.descend(NODE_HEAD, &head.out, Finish::Keep);
            self.give_back(&chunk.nodes, &grad, 0, last);
        }
        if let Some(head) = &heads[Head::Edge as usize] {
            let grad = self.hidden_back(head, (EDGE_IN, EDGE_HEAD), sums);
            self.give_back(&chunk.from, &grad, 0, last);
            self.give_back(&chunk.to, &grad, one, last);
        }
        if let Some(head) = &heads[Head::Graph as usize] {
            let grad = self.hidden_back(head, (GRAPH_IN, GRAPH_HEAD), sums);
            self.give_back(&chunk.whole, &grad, 0, last);
            self.give_back(&chunk.mean, &grad, one, last);
        }
    }

    /// Down through a head with a hidden layer.
    fn hidden_back(
        &self,
        head: &HeadPass<'_>,
        (first, second): (usize, usize),
        sums: &mut GradientSums,
    ) -> Lease<'_> {
        let hidden = head.hidden.as_ref().expect("this head has a hidden layer");
        self.learn(second, hidden, &head.out, sums);
        let grad = self.descend(second, &head.out, Finish::Mask(hidden));
        self.learn(first, &head.input, &grad, sums);
        self.descend(first, &grad, Finish::Keep)
    }

    /// The gradient of the tokens below a block, and what else goes down from it.
    #[allow(clippy::too_many_arguments, reason = "one call")]
    fn block_back<'a>(
        &'a self,
        index: usize,
        chunk: &Chunk,
        block: Block<'_>,
        condition: Option<&Panels>,
        mut grad: Lease<'a>,
        sums: &mut GradientSums,
        room: &mut Room,
    ) -> (Lease<'a>, Down<'a>) {
        let (rows, one) = (chunk.rows, self.panels());
        self.learn(at(index, Part::Down), &block.up, &grad, sums);
        let up = self.descend(at(index, Part::Down), &grad, Finish::Mask(&block.up));
        drop(block.up);
        self.learn(at(index, Part::Up), &block.second, &up, sums);
        let second = self.descend(at(index, Part::Up), &up, Finish::Keep);
        drop(up);
        self.norm_back(&block.second, &block.second_inverse, &second, &mut grad);
        drop((second, block.second));

        self.learn(at(index, Part::Mix), &block.mixed, &grad, sums);
        let mut mixed = self.descend(at(index, Part::Mix), &grad, Finish::Keep);
        if let Some(read) = self.left_after(index, chunk) {
            let read_by = read.reversed(rows);
            grad = self.picked(&read_by, &grad);
            mixed = self.picked(&read_by, &mixed);
        }
        let mut qkv = self.stale(rows, 3 * one);
        let mut none = [];
        dispatch(AttendBack {
            attention: chunk.attention(self, index),
            qkv: &block.qkv,
            weights: block.weights.panel(0),
            grad: &mixed,
            room: (&mut room.0, &mut room.1),
            out: &mut qkv,
            bonds: sums
                .bonds
                .get_mut(index)
                .map_or(&mut none[..], |b| &mut b[..]),
        });
        drop((mixed, block.mixed, block.qkv));
        if index == 0 && self.sizes.by_kind() {
            let kinds =
                self.first_queries_back(chunk, (&block.input, &block.inverse), &qkv, &grad, sums);
            return (grad, Down::Kinds(kinds));
        }
        self.learn(at(index, Part::Qkv), &block.input, &qkv, sums);
        let mut below = self.descend(at(index, Part::Qkv), &qkv, Finish::Keep);
        drop(qkv);
        if self.sizes.edges.is_some() {
            let mut sum = self.stale(rows, one);
            dispatch(Collect {
                lists: &chunk.incoming,
                table: below.columns(one),
                base: Base::Rows(below.columns(0)),
                out: sum.columns_mut(0),
                count: one,
            });
            below = sum;
        }
        let Some((norm, film)) = block.film else {
            self.norm_back(&block.input, &block.inverse, &below, &mut grad);
            return (grad, Down::Tokens);
        };
        let mut film_grad = self.stale(chunk.graphs, 2 * one);
        film_grad.flat_mut().fill(0.0);
        dispatch(FilmBack {
            y: &norm,
            film: &film,
            offsets: &chunk.offsets,
            grad: &mut below,
            film_grad: &mut film_grad,
        });
        if let Some(condition) = condition {
            self.learn(at(index, Part::Film), condition, &film_grad, sums);
        }
        self.norm_back(&norm, &block.inverse, &below, &mut grad);
        (grad, Down::Film(film_grad))
    }

    /// `active` is the gradient of what scale and shift are computed from, `tokens` that of the first
    /// tokens.
    fn conditions_back(
        &self,
        chunk: &Chunk,
        conditions: &Conditions<'_>,
        active: Option<&Panels>,
        tokens: &Panels,
        sums: &mut GradientSums,
    ) {
        let mut grad = self.stale(chunk.graphs, self.panels());
        grad.flat_mut().fill(0.0);
        if let Some(active) = active {
            let pairs = active.flat().iter().zip(conditions.active.flat());
            for (out, (value, by)) in grad.flat_mut().iter_mut().zip(pairs) {
                *out = if *by > 0.0 { *value } else { SLOPE * *value };
            }
        }
        self.give_back(&chunk.graph, tokens, 0, &mut grad);
        self.learn(CONDITION_OUT, &conditions.hidden, &grad, sums);
        let finish = Finish::Mask(&conditions.hidden);
        let hidden = self.descend(CONDITION_OUT, &grad, finish);
        self.learn(CONDITION_IN, &conditions.input, &hidden, sums);
    }
}
