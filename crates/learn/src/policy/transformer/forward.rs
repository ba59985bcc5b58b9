//! The way up: what a chunk's heads compute, and what the way down needs of it.

use super::attention::{Attend, Attention};
use super::chunk::{Chunk, Run, Slot};
use super::kinds::Kinds;
use super::network::{
    CONDITION_IN, CONDITION_OUT, EDGE_ENDS, EDGE_FEATURES, EDGE_HEAD, GRAPH_HEAD, GRAPH_IN,
    NODE_HEAD, Network, Part, at,
};
use super::norm::{Film, Norm};
use super::rows::{Base, Collect, Lists};
use crate::policy::kernels::{Finish, SLOPE};
use crate::policy::panels::{Lane, Lease, PANEL, Panels};
use crate::simd::dispatch;

/// What queries, keys and values of a block are computed from. `W` is the width in whole panels.
pub(super) struct Inputs<'a> {
    /// With a condition: `[rows, W]` the norm before scale and shift, and `[graphs, 2 W]` these.
    pub(super) film: Option<(Lease<'a>, Lease<'a>)>,
    /// `[rows, W]`
    pub(super) norm: Lease<'a>,
    pub(super) inverse: Vec<f32>,
    /// `[sets, W]` sums of neighbours, where there are any.
    pub(super) sums: Option<Lease<'a>>,
}

/// What is kept of one block of attention.
pub(super) struct Block<'a> {
    /// None of a first block that has them of the kinds of tokens.
    pub(super) inputs: Option<Inputs<'a>>,
    /// `[rows, 3 W]`
    pub(super) qkv: Lease<'a>,
    /// Weights of attention, one panel.
    pub(super) weights: Lease<'a>,
    /// `[rows, W]`, from here on without the rows that no head reads where the block is the last.
    pub(super) mixed: Lease<'a>,
    /// `[rows, W]` the second norm.
    pub(super) second: Lease<'a>,
    pub(super) second_inverse: Vec<f32>,
    /// `[rows, 4 W]`
    pub(super) up: Lease<'a>,
}

/// What a head reads, its hidden layer and its results; what the one of edges reads has a row for each end.
pub(super) struct HeadPass<'a> {
    pub(super) input: Lease<'a>,
    pub(super) hidden: Option<Lease<'a>>,
    pub(super) out: Lease<'a>,
}

/// The condition on its way to the layers, `[graphs, .]`.
pub(super) struct Conditions<'a> {
    pub(super) input: Lease<'a>,
    pub(super) hidden: Lease<'a>,
    /// What is added to every token.
    pub(super) token: Lease<'a>,
    /// LeakyReLU of the same: what scale and shift are computed from.
    pub(super) active: Lease<'a>,
}

/// What a pass over a chunk computed.
pub(super) struct ChunkPass<'a> {
    pub(super) chunk: Chunk,
    pub(super) conditions: Option<Conditions<'a>>,
    /// None where no gradient is asked for.
    pub(super) blocks: Vec<Block<'a>>,
    /// `[rows, W]` the last norm.
    pub(super) last: Lease<'a>,
    pub(super) last_inverse: Vec<f32>,
    /// Heads without rows are left out.
    pub(super) heads: [Option<HeadPass<'a>>; 3],
}

impl<'a> ChunkPass<'a> {
    fn head(&self, slot: &Slot) -> &HeadPass<'a> {
        let head = self.heads[slot.head as usize].as_ref();
        head.expect("a slot is a row of its head")
    }

    /// Memory of its blocks, by far the most of what it holds, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let blocks = self.blocks.iter();
        blocks
            .map(|block| {
                let inputs = block.inputs.iter().flat_map(|inputs| {
                    let film = inputs.film.iter().flat_map(|(norm, film)| [norm, film]);
                    film.chain([&inputs.norm]).chain(&inputs.sums)
                });
                let others = [&block.qkv, &block.weights, &block.mixed];
                let all = inputs.chain(others).chain([&block.second, &block.up]);
                all.map(|panels| panels.bytes()).sum::<usize>()
            })
            .sum()
    }

    /// Appends the scores of `run`.
    pub(super) fn scores(&self, run: &Run, out: &mut Vec<f64>) {
        let results = &self.head(&run.first).out;
        for (place, count) in runs(results, run) {
            let values = &results.flat()[place..place + count];
            out.extend(values.iter().map(|value| f64::from(*value)));
        }
    }

    /// Adds to the gradients of `run`, after [`clear`](Self::clear).
    pub(super) fn add(&mut self, run: &Run, mut values: &[f64]) {
        let head = self.heads[run.first.head as usize].as_mut();
        let results = &mut head.expect("a slot is a row of its head").out;
        for (place, count) in runs(results, run) {
            let (now, later) = values.split_at(count);
            let flat = &mut results.flat_mut()[place..place + count];
            for (sum, value) in flat.iter_mut().zip(now) {
                *sum += *value as f32;
            }
            values = later;
        }
    }

    /// Puts zeros in the place of the heads' results, for their gradients.
    pub(super) fn clear(&mut self) {
        for head in self.heads.iter_mut().flatten() {
            head.out.flat_mut().fill(0.0);
        }
    }
}

/// Where the numbers of `run` lie in `results`: the places and lengths of their parts, panel by panel.
fn runs(results: &Panels, run: &Run) -> impl Iterator<Item = (usize, usize)> + use<> {
    let (first, end) = (run.first.col as usize, (run.first.col + run.count) as usize);
    let row = run.first.row as usize;
    let (origin, stride) = (results.place(row, 0), results.rows() * PANEL);
    (first / PANEL..end.div_ceil(PANEL)).map(move |panel| {
        let from = first.max(panel * PANEL);
        let to = end.min((panel + 1) * PANEL);
        (origin + panel * stride + from % PANEL, to - from)
    })
}

impl Chunk {
    /// Who attends to whom.
    pub(super) fn attention<'a>(&'a self, network: &'a Network, block: usize) -> Attention<'a> {
        Attention {
            offsets: &self.offsets,
            bonds: network.bonds(block).map(|bias| (&self.neighbours, bias)),
            heads: network.sizes.heads,
            width: network.sizes.width,
        }
    }
}

/// LeakyReLU.
fn activate(lanes: &mut [f32]) {
    for value in lanes {
        *value = if *value > 0.0 { *value } else { SLOPE * *value };
    }
}

impl Network {
    /// Computes the heads of `chunk`; what a gradient needs is kept where `keep`.
    pub(super) fn forward<'a>(
        &'a self,
        chunk: Chunk,
        keep: bool,
        kinds: &Kinds<'a>,
        room: &mut Vec<Lane>,
    ) -> ChunkPass<'a> {
        let one = self.panels();
        let conditions = (self.sizes.conditions > 0).then(|| self.conditions(&chunk));
        let mut x = self.picked([(&chunk.kinds, kinds.tokens())]);
        if let Some(conditions) = &conditions {
            self.add_rows([(&chunk.graph, &conditions.token)], &mut x);
        }
        let mut blocks = Vec::with_capacity(self.sizes.blocks);
        for index in 0..self.sizes.blocks {
            let active = conditions.as_ref().map(|c| &*c.active);
            let read = self.left_after(index, &chunk);
            let (inputs, qkv) = match kinds.first().filter(|_| index == 0) {
                Some(first) => (None, self.first_queries(&chunk, first)),
                None => self.queries(index, &chunk, &x, active),
            };
            let (above, block) = self.block(index, &chunk, x, (inputs, qkv), read, room);
            x = above;
            if keep {
                blocks.push(block);
            }
        }
        if let Some(read) = self.left_at_once(&chunk) {
            x = self.picked([(read, &x)]);
        }
        let mut last = self.stale(x.rows(), one);
        let last_inverse = self.norm(&x, &mut last);
        let heads = [
            self.node_head(&chunk, &last),
            self.edge_head(&chunk, &last),
            self.graph_head(&chunk, &last),
        ];
        ChunkPass {
            chunk,
            conditions,
            blocks,
            last,
            last_inverse,
            heads,
        }
    }

    /// The rows that go on after the attention of block `index`, where they are not all.
    pub(super) fn left_after<'c>(&self, index: usize, chunk: &'c Chunk) -> Option<&'c Lists> {
        let last = index + 1 == self.sizes.blocks;
        chunk.read.as_ref().filter(|_| last)
    }

    /// The rows that go on to the heads of a network without blocks, where they are not all.
    pub(super) fn left_at_once<'c>(&self, chunk: &'c Chunk) -> Option<&'c Lists> {
        chunk.read.as_ref().filter(|_| self.sizes.blocks == 0)
    }

    /// A row for each of the lists: the sum of the rows of tables that it names, which are equally wide.
    pub(super) fn picked<const N: usize>(&self, sources: [(&Lists, &Panels); N]) -> Lease<'_> {
        let (rows, count) = (sources[0].0.len(), sources[0].1.count());
        let mut out = self.stale(rows, count);
        dispatch(Collect {
            sources: sources.map(|(lists, table)| (lists, table.columns(0))),
            base: Base::Zero,
            out: out.columns_mut(0),
            count,
        });
        out
    }

    fn conditions(&self, chunk: &Chunk) -> Conditions<'_> {
        let count = self.sizes.conditions;
        let mut input = self.stale(chunk.graphs, count.div_ceil(PANEL));
        input.flat_mut().fill(0.0);
        input.copy_from(&chunk.conditions, count, 0);
        let hidden = self.multiply(CONDITION_IN, &input, Finish::Activate);
        let token = self.multiply(CONDITION_OUT, &hidden, Finish::Keep);
        let mut active = self.stale(chunk.graphs, self.panels());
        active.flat_mut().copy_from_slice(token.flat());
        activate(active.flat_mut());
        Conditions {
            input,
            hidden,
            token,
            active,
        }
    }

    /// `[rows]` one over the deviations; the norm goes to `out`.
    pub(super) fn norm(&self, x: &Panels, out: &mut Panels) -> Vec<f32> {
        let mut inverse = vec![0.0; x.rows()];
        dispatch(Norm {
            x,
            width: self.sizes.width,
            out,
            inverse: &mut inverse,
        });
        inverse
    }

    /// Queries, keys and values of block `index`, for each token, and what they are computed from.
    fn queries<'a>(
        &'a self,
        index: usize,
        chunk: &Chunk,
        x: &Panels,
        condition: Option<&Panels>,
    ) -> (Option<Inputs<'a>>, Lease<'a>) {
        let mut norm = self.stale(chunk.rows, self.panels());
        let inverse = self.norm(x, &mut norm);
        let mut film = None;
        if let Some(condition) = condition {
            let scales = self.multiply(at(index, Part::Film), condition, Finish::Keep);
            let mut scaled = self.stale(chunk.rows, self.panels());
            dispatch(Film {
                y: &norm,
                film: &scales,
                offsets: &chunk.offsets,
                out: &mut scaled,
            });
            film = Some((std::mem::replace(&mut norm, scaled), scales));
        }
        let mut qkv = self.multiply(at(index, Part::Qkv), &norm, Finish::Keep);
        let sums = (chunk.sets.len() > 0).then(|| self.picked([(&chunk.sets, &norm)]));
        if let Some(sums) = &sums {
            let given = self.multiply(at(index, Part::Neighbours), sums, Finish::Keep);
            let edges = (&chunk.incident, self.incident(index));
            self.add_rows([(&chunk.set_of, &given), edges], &mut qkv);
        }
        let inputs = Inputs {
            film,
            norm,
            inverse,
            sums,
        };
        (Some(inputs), qkv)
    }

    /// The same of the first block: what a token has of itself, and what its neighbours give to it, are those
    /// of their kinds.
    fn first_queries(
        &self,
        chunk: &Chunk,
        (own, neighbours): (&Panels, Option<&Panels>),
    ) -> Lease<'_> {
        let own = (&chunk.kinds, own);
        let Some(neighbours) = neighbours else {
            return self.picked([own]);
        };
        let neighbours = (&chunk.neighbour_kinds, neighbours);
        self.picked([own, neighbours, (&chunk.incident, self.incident(0))])
    }

    /// `[edge features, 3 W]` what an edge adds to queries, keys and values of block `index`.
    fn incident(&self, index: usize) -> &Panels {
        &self.packed()[at(index, Part::Incident)].weight
    }

    /// Adds the listed rows of tables to those of `out`.
    pub(super) fn add_rows<const N: usize>(
        &self,
        sources: [(&Lists, &Panels); N],
        out: &mut Panels,
    ) {
        dispatch(Collect {
            sources: sources.map(|(lists, table)| (lists, table.columns(0))),
            base: Base::Result,
            count: out.count(),
            out: out.columns_mut(0),
        });
    }

    fn block<'a>(
        &'a self,
        index: usize,
        chunk: &Chunk,
        x: Lease<'a>,
        (inputs, qkv): (Option<Inputs<'a>>, Lease<'a>),
        read: Option<&Lists>,
        room: &mut Vec<Lane>,
    ) -> (Lease<'a>, Block<'a>) {
        let (rows, one) = (chunk.rows, self.panels());
        let attention = chunk.attention(self, index);
        let mut weights = self.stale(attention.all_lanes(), 1);
        let mut mixed = self.stale(rows, one);
        dispatch(Attend {
            attention,
            qkv: &qkv,
            weights: weights.panel_mut(0),
            room,
            mixed: &mut mixed,
        });
        let (x, mixed) = match read {
            None => (x, mixed),
            Some(read) => (self.picked([(read, &x)]), self.picked([(read, &mixed)])),
        };
        let x = self.multiply(at(index, Part::Mix), &mixed, Finish::Add(&x));
        let mut second = self.stale(x.rows(), one);
        let second_inverse = self.norm(&x, &mut second);
        let up = self.multiply(at(index, Part::Up), &second, Finish::Activate);
        let x = self.multiply(at(index, Part::Down), &up, Finish::Add(&x));
        let block = Block {
            inputs,
            qkv,
            weights,
            mixed,
            second,
            second_inverse,
            up,
        };
        (x, block)
    }

    /// The rows of `table` that `lists` name, in panels of `out` from `panel` on.
    fn pick(&self, lists: &Lists, table: &Panels, out: &mut Panels, panel: usize) {
        dispatch(Collect {
            sources: [(lists, table.columns(0))],
            base: Base::Zero,
            out: out.columns_mut(panel),
            count: self.panels(),
        });
    }

    fn node_head(&self, chunk: &Chunk, last: &Panels) -> Option<HeadPass<'_>> {
        let rows = chunk.nodes.len();
        (rows > 0).then(|| {
            let mut input = self.stale(rows, self.panels());
            self.pick(&chunk.nodes, last, &mut input, 0);
            let out = self.multiply(NODE_HEAD, &input, Finish::Keep);
            HeadPass {
                input,
                hidden: None,
                out,
            }
        })
    }

    fn edge_head(&self, chunk: &Chunk, last: &Panels) -> Option<HeadPass<'_>> {
        let (rows, one) = (chunk.from.len(), self.panels());
        (rows > 0).then(|| {
            let input = self.picked([(&chunk.ends, last)]);
            let ends = self.multiply(EDGE_ENDS, &input, Finish::Keep);
            let features = &self.packed()[EDGE_FEATURES].weight;
            let mut hidden = self.stale(rows, one);
            dispatch(Collect {
                sources: [
                    (&chunk.from, ends.columns(0)),
                    (&chunk.to, ends.columns(one)),
                    (&chunk.edge_features, features.columns(0)),
                ],
                base: Base::Zero,
                count: one,
                out: hidden.columns_mut(0),
            });
            activate(hidden.flat_mut());
            let out = self.multiply(EDGE_HEAD, &hidden, Finish::Keep);
            HeadPass {
                input,
                hidden: Some(hidden),
                out,
            }
        })
    }

    fn graph_head(&self, chunk: &Chunk, last: &Panels) -> Option<HeadPass<'_>> {
        let (rows, one) = (chunk.whole.len(), self.panels());
        (rows > 0).then(|| {
            let mut input = self.stale(rows, 2 * one);
            self.pick(&chunk.whole, last, &mut input, 0);
            self.pick(&chunk.mean, last, &mut input, one);
            let hidden = self.multiply(GRAPH_IN, &input, Finish::Activate);
            let out = self.multiply(GRAPH_HEAD, &hidden, Finish::Keep);
            HeadPass {
                input,
                hidden: Some(hidden),
                out,
            }
        })
    }
}
