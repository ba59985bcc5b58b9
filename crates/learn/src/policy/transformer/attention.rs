//! Attention of the tokens of a graph to each other, and its gradient.
//!
//! A lane holds the scores of 16 tokens for the same key: queries are turned first, so that neither the
//! sum over a head's columns nor the softmax needs a sum across a lane. Heads may be of any width; where
//! a panel holds columns of several heads, each head's result is taken in its columns only.

#![allow(
    clippy::needless_range_loop,
    reason = "counted loops keep values in registers; iterators over them go through memory"
)]

use pulp::Simd;

use super::rows::Lists;
use super::softmax::{softmax, softmax_back};
use super::vector::Vector;
use crate::policy::kernels::by_lane;
use crate::policy::panels::{Lane, PANEL, Panels};

/// Tokens of half a lane.
const HALF: usize = PANEL / 2;

/// Work on the rows of a graph, `R` of them at once, so that sums need not wait for themselves.
trait ByRows {
    fn rows<const R: usize>(&mut self, first: usize);

    /// All of `rows` rows, at most `most` at once; `most` is no more than eight.
    #[inline(always)]
    fn all(&mut self, rows: usize, most: usize) {
        let mut first = 0;
        while first < rows {
            let count = most.min(rows - first);
            match count {
                1 => self.rows::<1>(first),
                2 => self.rows::<2>(first),
                3 => self.rows::<3>(first),
                4 => self.rows::<4>(first),
                5 => self.rows::<5>(first),
                6 => self.rows::<6>(first),
                7 => self.rows::<7>(first),
                _ => self.rows::<8>(first),
            }
            first += count;
        }
    }
}

/// Rows at once whose sums of `vectors` each stay in registers.
const fn rows_at_once(vectors: usize) -> usize {
    match vectors {
        1 => 8,
        2 => 6,
        _ => 4,
    }
}

/// Who attends to whom, and how wide heads are.
#[derive(Clone, Copy)]
pub(super) struct Attention<'a> {
    /// First row of each graph, and the end of the last.
    pub(super) offsets: &'a [u32],
    /// Where tokens have neighbours: their lists, and `[heads]` what is added to scores of neighbours.
    pub(super) bonds: Option<(&'a Lists, &'a [f32])>,
    pub(super) heads: usize,
    pub(super) width: usize,
}

impl Attention<'_> {
    /// Lanes of weights that a graph of `tokens` tokens has: `[heads, keys, queries in whole lanes]`.
    pub(super) fn lanes(&self, tokens: usize) -> usize {
        self.heads * tokens * tokens.div_ceil(PANEL)
    }

    /// Lanes of weights of all graphs.
    pub(super) fn all_lanes(&self) -> usize {
        let graphs = self.offsets.windows(2);
        graphs.map(|g| self.lanes((g[1] - g[0]) as usize)).sum()
    }

    fn head_width(&self) -> usize {
        self.width / self.heads
    }

    /// Panels of queries, of keys and of values.
    fn panels(&self) -> usize {
        self.width.div_ceil(PANEL)
    }

    fn longest(&self) -> usize {
        let graphs = self.offsets.windows(2);
        graphs.map(|g| (g[1] - g[0]) as usize).max().unwrap_or(0)
    }

    /// The heads that have columns in `panel`.
    fn heads_in(&self, panel: usize) -> std::ops::RangeInclusive<usize> {
        let last = ((panel + 1) * PANEL).min(self.width) - 1;
        panel * PANEL / self.head_width()..=last / self.head_width()
    }

    /// Which heads have columns in which panels, in order, with 1 in those columns and 0 elsewhere.
    fn masks(&self) -> Vec<Mask> {
        let mut masks = Vec::with_capacity(self.panels() + self.heads);
        for panel in 0..self.panels() {
            for (index, head) in self.heads_in(panel).enumerate() {
                let columns = std::array::from_fn(|l| {
                    let column = panel * PANEL + l;
                    let inside = column < self.width && column / self.head_width() == head;
                    f32::from(u8::from(inside))
                });
                masks.push(Mask {
                    panel,
                    head,
                    first: index == 0,
                    columns,
                });
            }
        }
        masks
    }
}

/// The columns of a panel that are of one head.
struct Mask {
    panel: usize,
    head: usize,
    /// Whether no other head of the panel comes before.
    first: bool,
    columns: Lane,
}

/// The rows of one graph in some panels of a matrix.
#[derive(Clone, Copy)]
struct Part<'a> {
    matrix: &'a Panels,
    panel: usize,
    first: usize,
    tokens: usize,
}

impl<'a> Part<'a> {
    #[inline(always)]
    fn panel(&self, panel: usize) -> &'a [Lane] {
        &self.matrix.panel(self.panel + panel)[self.first..self.first + self.tokens]
    }
}

/// Writes the columns of `part` as rows: `[panels * PANEL, tokens in whole lanes]`. What pads a lane is left over
/// from earlier use.
#[inline(always)]
fn turn(part: Part<'_>, panels: usize, lanes: usize, out: &mut [Lane]) {
    for panel in 0..panels {
        let rows = part.panel(panel);
        let columns = &mut out[panel * PANEL * lanes..][..PANEL * lanes];
        // Number by number: transposed in vectors, what was just written in parts is read again as a whole, and
        // that waits for memory.
        match columns.first_chunk_mut::<PANEL>() {
            Some(columns) if lanes == 1 => {
                for (token, row) in rows.iter().enumerate() {
                    for column in 0..PANEL {
                        columns[column][token % PANEL] = row[column];
                    }
                }
            }
            _ => {
                for (token, row) in rows.iter().enumerate() {
                    for (column, value) in row.iter().enumerate() {
                        columns[column * lanes + token / PANEL][token % PANEL] = *value;
                    }
                }
            }
        }
    }
}

/// `out = scale * weights @ part` in the columns of each head. `weights` are those of all heads, the
/// lanes of one head, and whether rows and what is summed over change places.
#[inline(always)]
fn blend<S: Simd, const V: usize>(
    simd: S,
    masks: &[Mask],
    part: Part<'_>,
    weights: (&[Lane], usize, bool),
    scale: f32,
    (out, first_panel): (&mut Panels, usize),
) {
    let (all, size, turned) = weights;
    let scale = Vector::<S, V>::splat(simd, scale);
    for mask in masks {
        let out = out.panel_mut(first_panel + mask.panel);
        let mut blend = Blend {
            simd,
            values: part.panel(mask.panel),
            weights: &all[mask.head * size..(mask.head + 1) * size],
            turned,
            columns: Vector::load(simd, &mask.columns).mul(scale),
            add: !mask.first,
            out: &mut out[part.first..part.first + part.tokens],
        };
        blend.all(part.tokens, rows_at_once(V));
    }
}

/// [`blend`] of one head in one panel.
struct Blend<'a, S: Simd, const V: usize> {
    simd: S,
    values: &'a [Lane],
    /// Of the head: for each token a row in whole lanes.
    weights: &'a [Lane],
    /// Whether a row is of what is summed over, and not of the result.
    turned: bool,
    /// The scale in columns of the head, zero in others.
    columns: Vector<S, V>,
    /// Whether to add to `out`.
    add: bool,
    out: &'a mut [Lane],
}

impl<S: Simd, const V: usize> Blend<'_, S, V> {
    /// Weights and values of the rows summed over, one row of the weights for each.
    #[inline(always)]
    fn turned<const R: usize>(&self, first: usize) -> [Vector<S, V>; R] {
        let mut sums = [Vector::splat(self.simd, 0.0); R];
        let rows = self.weights.chunks_exact(self.values.len().div_ceil(PANEL));
        for (value, row) in self.values.iter().zip(rows) {
            let value = Vector::load(self.simd, value);
            let weights = row.as_flattened()[first..].first_chunk::<R>();
            let weights = weights.expect("a weight for each row of the result");
            for r in 0..R {
                sums[r] = sums[r].plus(Vector::splat(self.simd, weights[r]), value);
            }
        }
        sums
    }

    /// The same, one row of the weights for each row of the result.
    #[inline(always)]
    fn straight<const R: usize>(&self, first: usize) -> [Vector<S, V>; R] {
        let mut sums = [Vector::splat(self.simd, 0.0); R];
        let lanes = self.values.len().div_ceil(PANEL);
        for (lane, values) in self.values.chunks(PANEL).enumerate() {
            let mut weights = [&[0.0; PANEL]; R];
            for r in 0..R {
                weights[r] = &self.weights[(first + r) * lanes + lane];
            }
            for (item, value) in values.iter().enumerate() {
                let value = Vector::load(self.simd, value);
                for r in 0..R {
                    let weight = Vector::splat(self.simd, weights[r][item % PANEL]);
                    sums[r] = sums[r].plus(weight, value);
                }
            }
        }
        sums
    }
}

impl<S: Simd, const V: usize> ByRows for Blend<'_, S, V> {
    #[inline(always)]
    fn rows<const R: usize>(&mut self, first: usize) {
        let sums: [_; R] = if self.turned {
            self.turned(first)
        } else {
            self.straight(first)
        };
        let out = self.out[first..].first_chunk_mut::<R>();
        let out = out.expect("a row for each token");
        for r in 0..R {
            let mut sum = sums[r].mul(self.columns);
            if self.add {
                sum = sum.add(Vector::load(self.simd, &out[r]));
            }
            sum.store(&mut out[r]);
        }
    }
}

/// `mixed = softmax(queries keysᵀ / sqrt(head width) + bonds) values`, head by head.
pub(super) struct Attend<'a> {
    pub(super) attention: Attention<'a>,
    /// `[rows, 3 width]` queries, keys, values, each from a panel on.
    pub(super) qkv: &'a Panels,
    /// `[all_lanes]` the softmax.
    pub(super) weights: &'a mut [Lane],
    /// Room for turned queries.
    pub(super) room: &'a mut Vec<Lane>,
    /// `[rows, width]`
    pub(super) mixed: &'a mut Panels,
}

impl Attention<'_> {
    /// The softmax of a graph's scores, from its keys and its turned queries.
    #[inline(always)]
    fn weigh<S: Simd, const V: usize>(
        &self,
        simd: S,
        keys: Part<'_>,
        (turned, lanes): (&[Lane], usize),
        weights: &mut [Lane],
    ) {
        let (first, tokens) = (keys.first, keys.tokens);
        let scale = 1.0 / (self.head_width() as f32).sqrt();
        for (head, weights) in weights.chunks_exact_mut(tokens * lanes).enumerate() {
            scores::<S, V>(simd, self, keys, head, (turned, lanes), weights);
            if let Some((lists, bias)) = self.bonds {
                for row in 0..tokens {
                    for &(item, _) in lists.row(first + row) {
                        let lane = &mut weights[(item as usize - first) * lanes + row / PANEL];
                        lane[row % PANEL] += bias[head] / scale;
                    }
                }
            }
            softmax::<S, V>(simd, weights, lanes, scale);
        }
    }

    /// The gradient of a graph's scores, from its values and the turned gradient of what was mixed.
    #[inline(always)]
    fn weigh_back<S: Simd, const V: usize>(
        &self,
        simd: S,
        values: Part<'_>,
        (turned, lanes): (&[Lane], usize),
        weights: &[Lane],
        slopes: &mut [Lane],
        bonds: &mut [f32],
    ) {
        let (first, tokens) = (values.first, values.tokens);
        let heads = weights.chunks_exact(tokens * lanes);
        for (head, weights) in heads.enumerate() {
            let slopes = &mut slopes[head * tokens * lanes..][..tokens * lanes];
            scores::<S, V>(simd, self, values, head, (turned, lanes), slopes);
            softmax_back::<S, V>(simd, slopes, weights, lanes);
            if let Some((lists, _)) = self.bonds {
                for row in 0..tokens {
                    for &(item, _) in lists.row(first + row) {
                        let lane = &slopes[(item as usize - first) * lanes + row / PANEL];
                        bonds[head] += lane[row % PANEL];
                    }
                }
            }
        }
    }
}

impl Attend<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize, const H: usize>(self, simd: S) {
        let attention = self.attention;
        let panels = attention.panels();
        let masks = attention.masks();
        let most = attention.longest().div_ceil(PANEL);
        self.room.resize(panels * PANEL * most, [0.0; PANEL]);
        let mut rest = self.weights;
        for ends in attention.offsets.windows(2) {
            let (first, tokens) = (ends[0] as usize, (ends[1] - ends[0]) as usize);
            let part = |panel| Part {
                matrix: self.qkv,
                panel,
                first,
                tokens,
            };
            let lanes = tokens.div_ceil(PANEL);
            let (weights, others) = rest.split_at_mut(attention.lanes(tokens));
            rest = others;
            turn(part(0), panels, lanes, self.room);
            let turned = (&self.room[..], lanes);
            if tokens <= HALF {
                attention.weigh::<S, H>(simd, part(panels), turned, weights);
            } else {
                attention.weigh::<S, V>(simd, part(panels), turned, weights);
            }
            let all = (&*weights, tokens * lanes, true);
            blend::<S, V>(simd, &masks, part(2 * panels), all, 1.0, (self.mixed, 0));
        }
        let last = attention.offsets.last().map_or(0, |end| *end as usize);
        for panel in 0..panels {
            self.mixed.panel_mut(panel)[last..].fill([0.0; PANEL]);
        }
    }
}

by_lane!(Attend by halves);

/// `out = part @ turnedᵀ` in the columns of a head: `[tokens of part, tokens turned]`.
#[inline(always)]
fn scores<S: Simd, const V: usize>(
    simd: S,
    attention: &Attention<'_>,
    part: Part<'_>,
    head: usize,
    (turned, lanes): (&[Lane], usize),
    out: &mut [Lane],
) {
    let width = attention.head_width();
    for lane in 0..lanes {
        let mut scores = Scores::<S, V> {
            simd,
            part,
            columns: (head * width, (head + 1) * width),
            turned,
            lanes,
            lane,
            out,
        };
        scores.all(part.tokens, rows_at_once(V));
    }
}

/// [`scores`] for the tokens of one lane.
struct Scores<'a, S: Simd, const V: usize> {
    simd: S,
    part: Part<'a>,
    /// First column of the head, and their end.
    columns: (usize, usize),
    turned: &'a [Lane],
    lanes: usize,
    lane: usize,
    out: &'a mut [Lane],
}

impl<S: Simd, const V: usize> ByRows for Scores<'_, S, V> {
    #[inline(always)]
    fn rows<const R: usize>(&mut self, first: usize) {
        let simd = self.simd;
        let mut sums = [Vector::<S, V>::splat(simd, 0.0); R];
        let (mut column, end) = self.columns;
        while column < end {
            let panel = column / PANEL;
            let next = end.min((panel + 1) * PANEL);
            let rows = self.part.panel(panel)[first..].first_chunk::<R>();
            let rows = rows.expect("rows of the part");
            let others = self.turned[column * self.lanes..].chunks_exact(self.lanes);
            for (column, other) in (column..next).zip(others) {
                let other = Vector::load(simd, &other[self.lane]);
                for r in 0..R {
                    let x = Vector::splat(simd, rows[r][column % PANEL]);
                    sums[r] = sums[r].plus(x, other);
                }
            }
            column = next;
        }
        for r in 0..R {
            sums[r].store(&mut self.out[(first + r) * self.lanes + self.lane]);
        }
    }
}

/// The gradient of [`Attend`].
pub(super) struct AttendBack<'a> {
    pub(super) attention: Attention<'a>,
    pub(super) qkv: &'a Panels,
    pub(super) weights: &'a [Lane],
    /// `[rows, width]` gradient of `mixed`.
    pub(super) grad: &'a Panels,
    /// Room for turned gradients and for gradients of the scores.
    pub(super) room: (&'a mut Vec<Lane>, &'a mut Vec<Lane>),
    /// `[rows, 3 width]` gradient of queries, keys and values.
    pub(super) out: &'a mut Panels,
    /// `[heads]` to which gradients of the bonds' bias are added.
    pub(super) bonds: &'a mut [f32],
}

impl AttendBack<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize, const H: usize>(self, simd: S) {
        let attention = self.attention;
        let panels = attention.panels();
        let masks = attention.masks();
        let scale = 1.0 / (attention.head_width() as f32).sqrt();
        let longest = attention.longest();
        let (turned, slopes) = self.room;
        turned.resize(panels * PANEL * longest.div_ceil(PANEL), [0.0; PANEL]);
        slopes.resize(attention.lanes(longest), [0.0; PANEL]);
        let out = self.out;
        let mut rest = self.weights;
        for ends in attention.offsets.windows(2) {
            let (first, tokens) = (ends[0] as usize, (ends[1] - ends[0]) as usize);
            let part = |matrix, panel| Part {
                matrix,
                panel,
                first,
                tokens,
            };
            let lanes = tokens.div_ceil(PANEL);
            let size = tokens * lanes;
            let (weights, others) = rest.split_at(attention.lanes(tokens));
            rest = others;
            let slopes = &mut slopes[..weights.len()];
            turn(part(self.grad, 0), panels, lanes, turned);
            let values = part(self.qkv, 2 * panels);
            let turned = (&turned[..], lanes);
            if tokens <= HALF {
                attention.weigh_back::<S, H>(simd, values, turned, weights, slopes, self.bonds);
            } else {
                attention.weigh_back::<S, V>(simd, values, turned, weights, slopes, self.bonds);
            }
            let (queries, keys) = (part(self.qkv, 0), part(self.qkv, panels));
            let back = (&*slopes, size, true);
            blend::<S, V>(simd, &masks, keys, back, scale, (out, 0));
            let straight = (&*slopes, size, false);
            blend::<S, V>(simd, &masks, queries, straight, scale, (out, panels));
            let straight = (weights, size, false);
            let grad = part(self.grad, 0);
            blend::<S, V>(simd, &masks, grad, straight, 1.0, (out, 2 * panels));
        }
        let last = attention.offsets.last().map_or(0, |end| *end as usize);
        for panel in 0..3 * panels {
            out.panel_mut(panel)[last..].fill([0.0; PANEL]);
        }
    }
}

by_lane!(AttendBack by halves);
