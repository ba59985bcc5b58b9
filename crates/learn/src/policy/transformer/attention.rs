//! Attention of the tokens of a graph to each other, and its gradient.
//!
//! Scores of one token with 16 others at once are one lane: keys are turned first, so that the sum over
//! a head's columns needs no sum across a lane. Heads may be of any width; where a panel holds columns
//! of several heads, each head's result is taken in its columns only.

use pulp::Simd;

use super::rows::Lists;
use super::vector::{Vector, by_lane};
use crate::policy::panels::{Lane, PANEL, Panels};

/// Rows computed at once, so that additions need not wait for each other.
const ROWS: usize = 4;
/// Added to scores of what is no token.
const NEVER: f32 = -1e30;

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
    /// Lanes of weights that a graph of `tokens` tokens has: `[heads, tokens, tokens in whole lanes]`.
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

    /// 1 in the columns of `panel` that are of `head`, 0 elsewhere.
    fn mask(&self, panel: usize, head: usize) -> Lane {
        std::array::from_fn(|l| {
            let column = panel * PANEL + l;
            let inside = column < self.width && column / self.head_width() == head;
            f32::from(u8::from(inside))
        })
    }
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

/// `[R]` lanes of sums over a head's columns of a row of `part` times the turned `keys`.
#[inline(always)]
fn products<S: Simd, const V: usize, const R: usize>(
    simd: S,
    part: Part<'_>,
    row: usize,
    columns: std::ops::Range<usize>,
    (keys, lanes, lane): (&[Lane], usize, usize),
) -> [Vector<S, V>; R] {
    let mut sums = [Vector::<S, V>::splat(simd, 0.0); R];
    for column in columns {
        let key = Vector::<S, V>::load(simd, &keys[column * lanes + lane]);
        let rows = &part.panel(column / PANEL)[row..row + R];
        for r in 0..R {
            sums[r] = sums[r].plus(Vector::<S, V>::splat(simd, rows[r][column % PANEL]), key);
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

/// `out = scale * weights @ part` in the columns of each head; `weights(head)` gives those of a head.
#[inline(always)]
fn blend<S: Simd, const V: usize>(
    simd: S,
    attention: &Attention<'_>,
    part: Part<'_>,
    weights: (&[Lane], usize, bool),
    scale: f32,
    (out, first_panel): (&mut Panels, usize),
) {
    let (all, size, turned) = weights;
    let lanes = part.tokens.div_ceil(PANEL) * PANEL;
    let (per_row, per_item) = if turned { (1, lanes) } else { (lanes, 1) };
    for panel in 0..attention.panels() {
        let values = part.panel(panel);
        let out = &mut out.panel_mut(first_panel + panel)[part.first..part.first + part.tokens];
        for (index, head) in attention.heads_in(panel).enumerate() {
            let mask = attention.mask(panel, head).map(|m| m * scale);
            let mask = Vector::<S, V>::load(simd, &mask);
            let weights = Weights {
                flat: all[head * size..(head + 1) * size].as_flattened(),
                per_row,
                per_item,
            };
            let whole = part.tokens - part.tokens % ROWS;
            for row in (0..whole).step_by(ROWS) {
                blend_rows::<S, V, ROWS>(simd, values, weights, row, (mask, index > 0), out);
            }
            for row in whole..part.tokens {
                blend_rows::<S, V, 1>(simd, values, weights, row, (mask, index > 0), out);
            }
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
    /// Room for turned keys.
    pub(super) room: &'a mut Vec<Lane>,
    /// `[rows, width]`
    pub(super) mixed: &'a mut Panels,
}

impl Attend<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let attention = self.attention;
        let panels = attention.panels();
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
            turn(part(panels), panels, lanes, self.room);
            for (head, weights) in weights.chunks_exact_mut(tokens * lanes).enumerate() {
                let width = attention.head_width();
                let columns = head * width..(head + 1) * width;
                for lane in 0..lanes {
                    let keys = (&self.room[..], lanes, lane);
                    let whole = tokens - tokens % ROWS;
                    for row in (0..whole).step_by(ROWS) {
                        let sums =
                            products::<S, V, ROWS>(simd, part(0), row, columns.clone(), keys);
                        for (r, sum) in sums.into_iter().enumerate() {
                            sum.store(&mut weights[(row + r) * lanes + lane]);
                        }
                    }
                    for row in whole..tokens {
                        let [sum] = products::<S, V, 1>(simd, part(0), row, columns.clone(), keys);
                        sum.store(&mut weights[row * lanes + lane]);
                    }
                }
                let bias = attention.bonds.map(|(lists, bias)| (lists, bias[head]));
                for (row, weights) in weights.chunks_exact_mut(lanes).enumerate() {
                    softmax::<S, V>(simd, weights, scale, (first + row, first, tokens), bias);
                }
            }
            let all = (&*weights, tokens * lanes, false);
            blend::<S, V>(
                simd,
                &attention,
                part(2 * panels),
                all,
                1.0,
                (self.mixed, 0),
            );
        }
        let last = attention.offsets.last().map_or(0, |end| *end as usize);
        for panel in 0..panels {
            self.mixed.panel_mut(panel)[last..].fill([0.0; PANEL]);
        }
    }
}

by_lane!(Attend);

/// The softmax of `scale * scores + bonds` of token `row`, in place.
#[inline(always)]
fn softmax<S: Simd, const V: usize>(
    simd: S,
    scores: &mut [Lane],
    scale: f32,
    (row, first, tokens): (usize, usize, usize),
    bonds: Option<(&Lists, f32)>,
) {
    let by = Vector::<S, V>::splat(simd, scale);
    for lane in scores.iter_mut() {
        Vector::<S, V>::load(simd, lane).mul(by).store(lane);
    }
    if let Some((lists, bias)) = bonds {
        for &(item, _) in lists.row(row) {
            let place = item as usize - first;
            scores[place / PANEL][place % PANEL] += bias;
        }
    }
    let last = scores.len() - 1;
    for score in &mut scores[last][tokens - last * PANEL..] {
        *score = NEVER;
    }
    let mut most = Vector::<S, V>::splat(simd, NEVER);
    for lane in scores.iter() {
        most = most.max(Vector::<S, V>::load(simd, lane));
    }
    let most = Vector::<S, V>::splat(simd, most.largest());
    let mut total = Vector::<S, V>::splat(simd, 0.0);
    for lane in scores.iter_mut() {
        let power = Vector::<S, V>::load(simd, lane).sub(most).exp();
        total = total.add(power);
        power.store(lane);
    }
    let share = Vector::<S, V>::splat(simd, 1.0 / total.sum());
    for lane in scores.iter_mut() {
        Vector::<S, V>::load(simd, lane).mul(share).store(lane);
    }
}

/// The gradient of [`Attend`].
pub(super) struct AttendBack<'a> {
    pub(super) attention: Attention<'a>,
    pub(super) qkv: &'a Panels,
    pub(super) weights: &'a [Lane],
    /// `[rows, width]` gradient of `mixed`.
    pub(super) grad: &'a Panels,
    /// Room for turned values and gradients of the scores.
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
        let scale = 1.0 / (attention.head_width() as f32).sqrt();
        let longest = attention.longest();
        let (turned, scores) = self.room;
        turned.resize(panels * PANEL * longest.div_ceil(PANEL), [0.0; PANEL]);
        scores.resize(attention.lanes(longest), [0.0; PANEL]);
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
            let scores = &mut scores[..weights.len()];
            turn(part(self.qkv, 2 * panels), panels, lanes, turned);
            for head in 0..attention.heads {
                let scores = &mut scores[head * size..(head + 1) * size];
                let weights = &weights[head * size..(head + 1) * size];
                let width = attention.head_width();
                let columns = head * width..(head + 1) * width;
                let grad = part(self.grad, 0);
                for lane in 0..lanes {
                    let values = (&turned[..], lanes, lane);
                    let whole = tokens - tokens % ROWS;
                    for row in (0..whole).step_by(ROWS) {
                        let sums = products::<S, V, ROWS>(simd, grad, row, columns.clone(), values);
                        for (r, sum) in sums.into_iter().enumerate() {
                            sum.store(&mut scores[(row + r) * lanes + lane]);
                        }
                    }
                    for row in whole..tokens {
                        let [sum] = products::<S, V, 1>(simd, grad, row, columns.clone(), values);
                        sum.store(&mut scores[row * lanes + lane]);
                    }
                }
                let rows = scores
                    .chunks_exact_mut(lanes)
                    .zip(weights.chunks_exact(lanes));
                for (scores, weights) in rows {
                    softmax_back::<S, V>(simd, scores, weights);
                }
                if let Some((lists, _)) = attention.bonds {
                    for row in 0..tokens {
                        for &(item, _) in lists.row(first + row) {
                            let place = item as usize - first;
                            let lane = &scores[row * lanes + place / PANEL];
                            self.bonds[head] += lane[place % PANEL];
                        }
                    }
                }
            }
            let (queries, keys) = (part(self.qkv, 0), part(self.qkv, panels));
            let straight = (&*scores, size, false);
            blend::<S, V>(simd, &attention, keys, straight, scale, (out, 0));
            let back = (&*scores, size, true);
            blend::<S, V>(simd, &attention, queries, back, scale, (out, panels));
            let back = (weights, size, true);
            blend::<S, V>(
                simd,
                &attention,
                part(self.grad, 0),
                back,
                1.0,
                (out, 2 * panels),
            );
        }
        let last = attention.offsets.last().map_or(0, |end| *end as usize);
        for panel in 0..3 * panels {
            out.panel_mut(panel)[last..].fill([0.0; PANEL]);
        }
    }
}

by_lane!(AttendBack);

/// `grad = weights * (grad - sum of weights * grad)` in place.
#[inline(always)]
fn softmax_back<S: Simd, const V: usize>(simd: S, grad: &mut [Lane], weights: &[Lane]) {
    let mut along = Vector::<S, V>::splat(simd, 0.0);
    for (grad, weight) in grad.iter().zip(weights) {
        along = along.plus(
            Vector::<S, V>::load(simd, grad),
            Vector::<S, V>::load(simd, weight),
        );
    }
    let along = Vector::<S, V>::splat(simd, along.sum());
    for (grad, weight) in grad.iter_mut().zip(weights) {
        let moved = Vector::<S, V>::load(simd, grad).sub(along);
        moved.mul(Vector::<S, V>::load(simd, weight)).store(grad);
    }
}
