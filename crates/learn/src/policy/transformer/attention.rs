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

/// Rows computed at once, so that additions need not wait for each other.
const ROWS: usize = 4;

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

/// Writes the columns of `part` as rows: `[panels * PANEL, tokens in whole lanes]`.
#[inline(always)]
fn turn(part: Part<'_>, panels: usize, lanes: usize, out: &mut [Lane]) {
    for panel in 0..panels {
        let columns = &mut out[panel * PANEL * lanes..][..PANEL * lanes];
        for (token, lane) in part.panel(panel).iter().enumerate() {
            for (column, value) in lane.iter().enumerate() {
                columns[column * lanes + token / PANEL][token % PANEL] = *value;
            }
        }
    }
}

/// `[R]` lanes of sums over a head's columns of a row of `part` times the turned rows of another.
#[inline(always)]
fn products<S: Simd, const V: usize, const R: usize>(
    simd: S,
    part: Part<'_>,
    row: usize,
    columns: std::ops::Range<usize>,
    (turned, lanes, lane): (&[Lane], usize, usize),
) -> [Vector<S, V>; R] {
    let mut sums = [Vector::<S, V>::splat(simd, 0.0); R];
    for column in columns {
        let other = Vector::<S, V>::load(simd, &turned[column * lanes + lane]);
        let rows = &part.panel(column / PANEL)[row..row + R];
        for r in 0..R {
            let x = Vector::<S, V>::splat(simd, rows[r][column % PANEL]);
            sums[r] = sums[r].plus(x, other);
        }
    }
    sums
}

/// Weights of a head, flat, and by how much the place moves with the row and with the row summed over.
#[derive(Clone, Copy)]
struct Weights<'a> {
    flat: &'a [f32],
    per_row: usize,
    per_item: usize,
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
    let lanes = part.tokens.div_ceil(PANEL) * PANEL;
    let (per_row, per_item) = if turned { (1, lanes) } else { (lanes, 1) };
    let scale = Vector::<S, V>::splat(simd, scale);
    for mask in masks {
        let values = part.panel(mask.panel);
        let out = out.panel_mut(first_panel + mask.panel);
        let out = &mut out[part.first..part.first + part.tokens];
        let weights = Weights {
            flat: all[mask.head * size..(mask.head + 1) * size].as_flattened(),
            per_row,
            per_item,
        };
        let columns = Vector::<S, V>::load(simd, &mask.columns).mul(scale);
        let whole = part.tokens - part.tokens % ROWS;
        for row in (0..whole).step_by(ROWS) {
            blend_rows::<S, V, ROWS>(simd, values, weights, row, (columns, !mask.first), out);
        }
        for row in whole..part.tokens {
            blend_rows::<S, V, 1>(simd, values, weights, row, (columns, !mask.first), out);
        }
    }
}

#[inline(always)]
fn blend_rows<S: Simd, const V: usize, const R: usize>(
    simd: S,
    values: &[Lane],
    weights: Weights<'_>,
    row: usize,
    (mask, add): (Vector<S, V>, bool),
    out: &mut [Lane],
) {
    let mut sums = [Vector::<S, V>::splat(simd, 0.0); R];
    for (item, lane) in values.iter().enumerate() {
        let lane = Vector::<S, V>::load(simd, lane);
        let place = row * weights.per_row + item * weights.per_item;
        for r in 0..R {
            let weight = weights.flat[place + r * weights.per_row];
            sums[r] = sums[r].plus(Vector::<S, V>::splat(simd, weight), lane);
        }
    }
    for r in 0..R {
        let out = &mut out[row + r];
        let sum = sums[r].mul(mask);
        let sum = if add {
            sum.add(Vector::<S, V>::load(simd, out))
        } else {
            sum
        };
        sum.store(out);
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

impl Attend<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let attention = self.attention;
        let panels = attention.panels();
        let masks = attention.masks();
        let scale = 1.0 / (attention.head_width() as f32).sqrt();
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
            for (head, weights) in weights.chunks_exact_mut(tokens * lanes).enumerate() {
                let turned = (&self.room[..], lanes);
                scores::<S, V>(simd, &attention, part(panels), head, turned, weights);
                if let Some((lists, bias)) = attention.bonds {
                    for row in 0..tokens {
                        for &(item, _) in lists.row(first + row) {
                            let lane = &mut weights[(item as usize - first) * lanes + row / PANEL];
                            lane[row % PANEL] += bias[head] / scale;
                        }
                    }
                }
                softmax::<S, V>(simd, weights, lanes, scale);
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

by_lane!(Attend);

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
    let columns = head * width..(head + 1) * width;
    let whole = part.tokens - part.tokens % ROWS;
    for lane in 0..lanes {
        let turned = (turned, lanes, lane);
        for row in (0..whole).step_by(ROWS) {
            let sums = products::<S, V, ROWS>(simd, part, row, columns.clone(), turned);
            for r in 0..ROWS {
                sums[r].store(&mut out[(row + r) * lanes + lane]);
            }
        }
        for row in whole..part.tokens {
            let [sum] = products::<S, V, 1>(simd, part, row, columns.clone(), turned);
            sum.store(&mut out[row * lanes + lane]);
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
    fn run<S: Simd, const V: usize>(self, simd: S) {
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
            for head in 0..attention.heads {
                let slopes = &mut slopes[head * size..(head + 1) * size];
                let weights = &weights[head * size..(head + 1) * size];
                scores::<S, V>(simd, &attention, values, head, (turned, lanes), slopes);
                softmax_back::<S, V>(simd, slopes, weights, lanes);
                if let Some((lists, _)) = attention.bonds {
                    for row in 0..tokens {
                        for &(item, _) in lists.row(first + row) {
                            let lane = &slopes[(item as usize - first) * lanes + row / PANEL];
                            self.bonds[head] += lane[row % PANEL];
                        }
                    }
                }
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

by_lane!(AttendBack);
