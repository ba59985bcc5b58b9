//! Layer norm without a learned scale, scale and shift by the condition, and their gradients.

#![allow(
    clippy::needless_range_loop,
    reason = "counted loops keep values in registers; iterators over them go through memory"
)]

use pulp::Simd;

use super::vector::Vector;
use crate::policy::kernels::by_lane;
use crate::policy::panels::{BLOCK, Lane, PANEL, Panels};

/// Added to the variance.
const EPSILON: f32 = 1e-5;

/// `out = (x - mean) / deviation` row by row, in the first panels of `out`; what pads `x` is zero.
pub(super) struct Norm<'a> {
    /// `[rows, width]`
    pub(super) x: &'a Panels,
    /// Columns that count.
    pub(super) width: usize,
    /// `[rows, >= width]`
    pub(super) out: &'a mut Panels,
    /// `[rows]` one over the deviation; whole blocks of rows.
    pub(super) inverse: &'a mut [f32],
}

impl Norm<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let panels = self.x.count();
        let share = 1.0 / self.width as f32;
        // Columns of padding hold minus the mean after centring, which is taken out of the variance.
        let padding = (panels * PANEL - self.width) as f32;
        // Some rows at once, so that sums need not wait for themselves.
        let (blocks, _) = self.inverse.as_chunks_mut::<BLOCK>();
        for (block, inverse) in blocks.iter_mut().enumerate() {
            let row = block * BLOCK;
            let zero = Vector::<S, V>::splat(simd, 0.0);
            let mut sums = [zero; BLOCK];
            for panel in 0..panels {
                let x = rows::<S, V>(simd, self.x.panel(panel), row);
                for r in 0..BLOCK {
                    sums[r] = sums[r].add(x[r]);
                }
            }
            let mut means = [0.0; BLOCK];
            let mut centres = [zero; BLOCK];
            for r in 0..BLOCK {
                means[r] = sums[r].sum() * share;
                centres[r] = Vector::splat(simd, means[r]);
            }
            let mut squares = [zero; BLOCK];
            for panel in 0..panels {
                let x = rows::<S, V>(simd, self.x.panel(panel), row);
                for r in 0..BLOCK {
                    let x = x[r].sub(centres[r]);
                    squares[r] = squares[r].plus(x, x);
                }
            }
            let mut scales = [zero; BLOCK];
            for r in 0..BLOCK {
                let variance = (squares[r].sum() - padding * means[r] * means[r]) * share;
                inverse[r] = 1.0 / (variance.max(0.0) + EPSILON).sqrt();
                scales[r] = Vector::splat(simd, inverse[r]);
            }
            for panel in 0..panels {
                let x = rows::<S, V>(simd, self.x.panel(panel), row);
                let out = block_mut(self.out.panel_mut(panel), row);
                for r in 0..BLOCK {
                    x[r].sub(centres[r]).mul(scales[r]).store(&mut out[r]);
                }
            }
        }
    }
}

/// A block of rows from `row` on.
#[inline(always)]
fn rows<S: Simd, const V: usize>(simd: S, panel: &[Lane], row: usize) -> [Vector<S, V>; BLOCK] {
    let lanes = panel[row..].first_chunk::<BLOCK>();
    let lanes = lanes.expect("rows come in whole blocks");
    let mut rows = [Vector::splat(simd, 0.0); BLOCK];
    for r in 0..BLOCK {
        rows[r] = Vector::load(simd, &lanes[r]);
    }
    rows
}

/// The same, to write to.
#[inline(always)]
fn block_mut(panel: &mut [Lane], row: usize) -> &mut [Lane; BLOCK] {
    let lanes = panel[row..].first_chunk_mut::<BLOCK>();
    lanes.expect("rows come in whole blocks")
}

by_lane!(Norm);

/// The gradient of [`Norm`]: `out += inverse * (grad - mean(grad) - y mean(y grad))`.
pub(super) struct NormBack<'a> {
    /// `[rows, >= width]` what [`Norm`] computed.
    pub(super) y: &'a Panels,
    /// `[rows]`, whole blocks of them.
    pub(super) inverse: &'a [f32],
    /// `[rows, >= width]` zero in what pads the width.
    pub(super) grad: &'a Panels,
    pub(super) width: usize,
    /// `[rows, width]`
    pub(super) out: &'a mut Panels,
}

impl NormBack<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let panels = self.out.count();
        let share = 1.0 / self.width as f32;
        let (blocks, _) = self.inverse.as_chunks::<BLOCK>();
        for (block, inverse) in blocks.iter().enumerate() {
            let row = block * BLOCK;
            let zero = Vector::<S, V>::splat(simd, 0.0);
            let (mut sums, mut along) = ([zero; BLOCK], [zero; BLOCK]);
            for panel in 0..panels {
                let grad = rows::<S, V>(simd, self.grad.panel(panel), row);
                let y = rows::<S, V>(simd, self.y.panel(panel), row);
                for r in 0..BLOCK {
                    sums[r] = sums[r].add(grad[r]);
                    along[r] = along[r].plus(grad[r], y[r]);
                }
            }
            for r in 0..BLOCK {
                sums[r] = Vector::splat(simd, sums[r].sum() * share);
                along[r] = Vector::splat(simd, -along[r].sum() * share);
            }
            for panel in 0..panels {
                let grad = rows::<S, V>(simd, self.grad.panel(panel), row);
                let y = rows::<S, V>(simd, self.y.panel(panel), row);
                let out = block_mut(self.out.panel_mut(panel), row);
                for r in 0..BLOCK {
                    let scale = Vector::splat(simd, inverse[r]);
                    let grad = grad[r].sub(sums[r]).plus(along[r], y[r]);
                    Vector::load(simd, &out[r])
                        .plus(scale, grad)
                        .store(&mut out[r]);
                }
            }
        }
    }
}

by_lane!(NormBack);

/// `out = y + y * scale + shift`, with scale and shift of each row's graph.
pub(super) struct Film<'a> {
    /// `[rows, width]`
    pub(super) y: &'a Panels,
    /// `[graphs, 2 width]` scale, then shift.
    pub(super) film: &'a Panels,
    /// First row of each graph, and the end of the last.
    pub(super) offsets: &'a [u32],
    /// `[rows, >= width]`
    pub(super) out: &'a mut Panels,
}

impl Film<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let panels = self.y.count();
        for panel in 0..panels {
            let y = self.y.panel(panel);
            let out = self.out.panel_mut(panel);
            for (graph, ends) in self.offsets.windows(2).enumerate() {
                let scale = Vector::<S, V>::load(simd, &self.film.panel(panel)[graph]);
                let shift = Vector::<S, V>::load(simd, &self.film.panel(panels + panel)[graph]);
                for row in ends[0] as usize..ends[1] as usize {
                    let y = Vector::<S, V>::load(simd, &y[row]);
                    y.add(shift).plus(y, scale).store(&mut out[row]);
                }
            }
            let last = self.offsets.last().map_or(0, |end| *end as usize);
            out[last..].fill([0.0; PANEL]);
        }
    }
}

by_lane!(Film);

/// The gradient of [`Film`]: that of scale and shift, and in the place of `grad` that of `y`.
pub(super) struct FilmBack<'a> {
    pub(super) y: &'a Panels,
    pub(super) film: &'a Panels,
    pub(super) offsets: &'a [u32],
    /// `[rows, >= width]`
    pub(super) grad: &'a mut Panels,
    /// `[graphs, 2 width]`
    pub(super) film_grad: &'a mut Panels,
}

impl FilmBack<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let panels = self.y.count();
        let one = Vector::<S, V>::splat(simd, 1.0);
        for panel in 0..panels {
            let y = self.y.panel(panel);
            let grads = self.grad.panel_mut(panel);
            for (graph, ends) in self.offsets.windows(2).enumerate() {
                let scale = Vector::<S, V>::load(simd, &self.film.panel(panel)[graph]).add(one);
                let mut of_scale = Vector::<S, V>::splat(simd, 0.0);
                let mut of_shift = Vector::<S, V>::splat(simd, 0.0);
                for row in ends[0] as usize..ends[1] as usize {
                    let grad = Vector::<S, V>::load(simd, &grads[row]);
                    of_scale = of_scale.plus(grad, Vector::<S, V>::load(simd, &y[row]));
                    of_shift = of_shift.add(grad);
                    grad.mul(scale).store(&mut grads[row]);
                }
                of_scale.store(&mut self.film_grad.panel_mut(panel)[graph]);
                of_shift.store(&mut self.film_grad.panel_mut(panels + panel)[graph]);
            }
        }
    }
}

by_lane!(FilmBack);
