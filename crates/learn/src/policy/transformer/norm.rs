//! Layer norm without a learned scale, scale and shift by the condition, and their gradients.

use pulp::Simd;

use super::vector::Vector;
use crate::policy::kernels::by_lane;
use crate::policy::panels::{PANEL, Panels};

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
    /// `[rows]` one over the deviation.
    pub(super) inverse: &'a mut [f32],
}

impl Norm<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let panels = self.x.count();
        let share = 1.0 / self.width as f32;
        // Columns of padding hold minus the mean after centring, which is taken out of the variance.
        let padding = (panels * PANEL - self.width) as f32;
        for (row, inverse) in self.inverse.iter_mut().enumerate() {
            let mut sum = Vector::<S, V>::splat(simd, 0.0);
            for panel in 0..panels {
                sum = sum.add(Vector::<S, V>::load(simd, &self.x.panel(panel)[row]));
            }
            let mean = sum.sum() * share;
            let centre = Vector::<S, V>::splat(simd, mean);
            let mut squares = Vector::<S, V>::splat(simd, 0.0);
            for panel in 0..panels {
                let x = Vector::<S, V>::load(simd, &self.x.panel(panel)[row]).sub(centre);
                squares = squares.plus(x, x);
            }
            let variance = ((squares.sum() - padding * mean * mean) * share).max(0.0);
            *inverse = 1.0 / (variance + EPSILON).sqrt();
            let scale = Vector::<S, V>::splat(simd, *inverse);
            for panel in 0..panels {
                let x = Vector::<S, V>::load(simd, &self.x.panel(panel)[row]).sub(centre);
                x.mul(scale).store(&mut self.out.panel_mut(panel)[row]);
            }
        }
    }
}

by_lane!(Norm);

/// The gradient of [`Norm`]: `out += inverse * (grad - mean(grad) - y mean(y grad))`.
pub(super) struct NormBack<'a> {
    /// `[rows, >= width]` what [`Norm`] computed.
    pub(super) y: &'a Panels,
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
        for (row, inverse) in self.inverse.iter().enumerate() {
            let mut sum = Vector::<S, V>::splat(simd, 0.0);
            let mut along = Vector::<S, V>::splat(simd, 0.0);
            for panel in 0..panels {
                let grad = Vector::<S, V>::load(simd, &self.grad.panel(panel)[row]);
                sum = sum.add(grad);
                along = along.plus(grad, Vector::<S, V>::load(simd, &self.y.panel(panel)[row]));
            }
            let mean = Vector::<S, V>::splat(simd, sum.sum() * share);
            let along = Vector::<S, V>::splat(simd, -along.sum() * share);
            let scale = Vector::<S, V>::splat(simd, *inverse);
            for panel in 0..panels {
                let grad = Vector::<S, V>::load(simd, &self.grad.panel(panel)[row]);
                let y = Vector::<S, V>::load(simd, &self.y.panel(panel)[row]);
                let grad = grad.sub(mean).plus(along, y);
                let out = &mut self.out.panel_mut(panel)[row];
                Vector::<S, V>::load(simd, out).plus(scale, grad).store(out);
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
