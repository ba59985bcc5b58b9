//! The way down: gradients of the parameters from those of the heads' results.

use super::attention::AttendBack;
use super::chunk::{Chunk, Head};
use super::forward::{Block, ChunkPass, Conditions, HeadPass};
use super::linear::Sums;
use super::network::{
    CONDITION_IN, CONDITION_OUT, EDGE_ENDS, EDGE_FEATURES, EDGE_HEAD, GRAPH_HEAD, GRAPH_IN,
    GradientSums, NODE_HEAD, Network, Part, at,
};
use super::norm::{FilmBack, NormBack};
use super::rows::{Base, Collect, Lists};
use crate::policy::kernels::{Finish, Outer, SLOPE};
use crate::policy::panels::{Lane, Lease, Panels};
use crate::simd::dispatch;

/// Room that passes over chunks share.
pub(super) type Room = (Vec<Lane>, Vec<Lane>);

/// Links of a chunk the other way round.
struct Links {
    /// Features of edges to the tokens that these leave.
    incident: Option<Lists>,
    /// Sets of neighbours to the tokens that share them, and tokens to the sets that they are in.
    sets: Option<[Lists; 2]>,
}

impl Links {
    fn new(chunk: &Chunk, edges: Option<usize>) -> Self {
        let sets = chunk.sets.len();
        Self {
            incident: edges.map(|features| chunk.incident.reversed(features.max(1))),
            sets: (sets > 0)
                .then(|| [chunk.set_of.reversed(sets), chunk.sets.reversed(chunk.rows)]),
        }
    }
}

impl Network {
    /// Adds the gradients of `pass`, whose heads hold those of their results, to `sums`.
    pub(super) fn backward(
        &self,
        pass: ChunkPass<'_>,
        sums: &mut GradientSums<'_>,
        room: &mut Room,
    ) {
        let (chunk, one) = (&pass.chunk, self.panels());
        let rows = pass.last.rows();
        let mut last = self.stale(rows, one);
        last.flat_mut().fill(0.0);
        self.heads_back(chunk, &pass.heads, &mut last, sums);
        let mut grad = self.stale(rows, one);
        grad.flat_mut().fill(0.0);
        self.norm_back(&pass.last, &pass.last_inverse, &last, &mut grad);
        drop(last);
        let links = Links::new(chunk, self.sizes.edges);
        let mut active: Option<Lease<'_>> = None;
        for (index, block) in pass.blocks.into_iter().enumerate().rev() {
            let condition = pass.conditions.as_ref().map(|c| &*c.active);
            let chunk = (chunk, &links);
            let (tokens, film) = self.block_back(index, chunk, block, condition, grad, sums, room);
            grad = tokens;
            if let Some(film) = film {
                let finish = active.as_deref().map_or(Finish::Keep, Finish::Add);
                active = Some(self.descend(at(index, Part::Film), &film, finish));
            }
        }
        if let Some(read) = self.left_at_once(chunk) {
            grad = self.picked([(&read.reversed(chunk.rows), &grad)]);
        }
        self.give_back(&chunk.kinds, &grad, 0, &mut sums.kinds.tokens);
        if let Some(conditions) = &pass.conditions {
            self.conditions_back(chunk, conditions, active.as_deref(), &grad, sums);
        }
    }

    /// Adds the gradients of weight and bias of `layer`.
    pub(super) fn learn(&self, layer: usize, input: &Panels, grad: &Panels, sums: &mut [Sums]) {
        let sums = &mut sums[layer];
        dispatch(Outer {
            input: input.rows_from(0),
            grad,
            fresh: false,
            out: &mut sums.weight,
            bias: Some(&mut sums.bias),
        });
    }

    /// [`learn`](Self::learn), and down through `layer`. A thread that has nothing else to do takes the first over.
    fn through(
        &self,
        layer: usize,
        input: &Panels,
        grad: &Panels,
        finish: Finish<'_>,
        sums: &mut [Sums],
    ) -> Lease<'_> {
        let down = || self.descend(layer, grad, finish);
        let (below, ()) = rayon::join(down, || self.learn(layer, input, grad, sums));
        below
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
        let out_panels = out.count();
        dispatch(Collect {
            sources: [(&back, grad.columns(panel))],
            base: Base::Result,
            out: out.columns_mut(0),
            count: out_panels,
        });
    }

    /// Adds the gradient of the last norm.
    fn heads_back(
        &self,
        chunk: &Chunk,
        heads: &[Option<HeadPass<'_>>; 3],
        last: &mut Panels,
        sums: &mut GradientSums<'_>,
    ) {
        let one = self.panels();
        if let Some(head) = &heads[Head::Node as usize] {
            let (input, out) = (&head.input, &head.out);
            let grad = self.through(NODE_HEAD, input, out, Finish::Keep, &mut sums.layers);
            self.give_back(&chunk.nodes, &grad, 0, last);
        }
        if let Some(head) = &heads[Head::Edge as usize] {
            let grad = self.hidden_back(head, EDGE_HEAD, sums);
            let features = &mut sums.layers[EDGE_FEATURES].weight;
            self.give_back(&chunk.edge_features, &grad, 0, features);
            let mut ends = self.stale(head.input.rows(), 2 * one);
            for (lists, panel) in [(&chunk.from, 0), (&chunk.to, one)] {
                dispatch(Collect {
                    sources: [(&lists.reversed(head.input.rows()), grad.columns(0))],
                    base: Base::Zero,
                    count: one,
                    out: ends.columns_mut(panel),
                });
            }
            let (input, keep) = (&head.input, Finish::Keep);
            let grad = self.through(EDGE_ENDS, input, &ends, keep, &mut sums.layers);
            self.give_back(&chunk.ends, &grad, 0, last);
        }
        if let Some(head) = &heads[Head::Graph as usize] {
            let hidden = self.hidden_back(head, GRAPH_HEAD, sums);
            let (input, keep) = (&head.input, Finish::Keep);
            let grad = self.through(GRAPH_IN, input, &hidden, keep, &mut sums.layers);
            self.give_back(&chunk.whole, &grad, 0, last);
            self.give_back(&chunk.mean, &grad, one, last);
        }
    }

    /// Down through the last layer `layer` of a head, to its hidden one.
    fn hidden_back(
        &self,
        head: &HeadPass<'_>,
        layer: usize,
        sums: &mut GradientSums<'_>,
    ) -> Lease<'_> {
        let hidden = head.hidden.as_ref().expect("this head has a hidden layer");
        let finish = Finish::Mask(hidden.rows_from(0));
        self.through(layer, hidden, &head.out, finish, &mut sums.layers)
    }

    /// The gradient of the tokens below a block, and `[graphs, 2 W]` that of scale and shift.
    #[allow(clippy::too_many_arguments, reason = "one call")]
    fn block_back<'a>(
        &'a self,
        index: usize,
        (chunk, links): (&Chunk, &Links),
        block: Block<'_>,
        condition: Option<&Panels>,
        mut grad: Lease<'a>,
        sums: &mut GradientSums<'_>,
        room: &mut Room,
    ) -> (Lease<'a>, Option<Lease<'a>>) {
        let (rows, one) = (chunk.rows, self.panels());
        let mut through = |part, input: &Panels, grad: &Panels, finish: Finish<'_>| {
            self.through(at(index, part), input, grad, finish, &mut sums.layers)
        };
        let up = through(
            Part::Down,
            &block.up,
            &grad,
            Finish::Mask(block.up.rows_from(0)),
        );
        drop(block.up);
        let second = through(Part::Up, &block.second, &up, Finish::Keep);
        drop(up);
        self.norm_back(&block.second, &block.second_inverse, &second, &mut grad);
        drop((second, block.second));

        let mut mixed = through(Part::Mix, &block.mixed, &grad, Finish::Keep);
        if let Some(read) = self.left_after(index, chunk) {
            let read_by = read.reversed(rows);
            grad = self.picked([(&read_by, &grad)]);
            mixed = self.picked([(&read_by, &mixed)]);
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
        if let Some(incident) = &links.incident {
            let table = &mut sums.layers[at(index, Part::Incident)].weight;
            self.add_rows([(incident, &qkv)], table);
        }
        let Some(inputs) = block.inputs else {
            let kinds = &mut sums.kinds;
            let own = kinds.own.iter_mut().map(|own| (&chunk.kinds, own));
            let neighbours = kinds.neighbours.iter_mut();
            let neighbours = neighbours.map(|sum| (&chunk.neighbour_kinds, sum));
            for (lists, sum) in own.chain(neighbours) {
                self.give_back(lists, &qkv, 0, sum);
            }
            return (grad, None);
        };
        let mut through = |part, input: &Panels, grad: &Panels| {
            self.through(at(index, part), input, grad, Finish::Keep, &mut sums.layers)
        };
        let mut below = through(Part::Qkv, &inputs.norm, &qkv);
        if let (Some(neighbours), Some([sharing, members])) = (&inputs.sums, &links.sets) {
            let given = self.picked([(sharing, &qkv)]);
            let sums_back = through(Part::Neighbours, neighbours, &given);
            self.add_rows([(members, &sums_back)], &mut below);
        }
        drop(qkv);
        let Some((norm, film)) = inputs.film else {
            self.norm_back(&inputs.norm, &inputs.inverse, &below, &mut grad);
            return (grad, None);
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
            self.learn(
                at(index, Part::Film),
                condition,
                &film_grad,
                &mut sums.layers,
            );
        }
        self.norm_back(&norm, &inputs.inverse, &below, &mut grad);
        (grad, Some(film_grad))
    }

    /// `active` is the gradient of what scale and shift are computed from, `tokens` that of the first
    /// tokens.
    fn conditions_back(
        &self,
        chunk: &Chunk,
        conditions: &Conditions<'_>,
        active: Option<&Panels>,
        tokens: &Panels,
        sums: &mut GradientSums<'_>,
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
        self.learn(CONDITION_OUT, &conditions.hidden, &grad, &mut sums.layers);
        let finish = Finish::Mask(conditions.hidden.rows_from(0));
        let hidden = self.descend(CONDITION_OUT, &grad, finish);
        self.learn(CONDITION_IN, &conditions.input, &hidden, &mut sums.layers);
    }
}
