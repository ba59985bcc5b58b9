//! Products of an input of mostly zeros, which is kept as lists of what is not zero.

#![allow(
    clippy::needless_range_loop,
    reason = "counted loops keep sums in registers; iterators over them go through memory"
)]

use std::ops::Range;

use pulp::Simd;

use super::kernels::{activate, by_lane, load, store};
use super::panels::Panels;

/// Rows of zeros left out: `[N]` lists of (column, value).
#[derive(Debug, Default)]
pub(super) struct Sparse {
    /// `[N + 1]`, padding rows included.
    pub(super) offsets: Vec<u32>,
    /// Columns and values, row by row.
    pub(super) items: Vec<(u32, f32)>,
}

impl Sparse {
    #[inline(always)]
    fn row(&self, row: usize) -> &[(u32, f32)] {
        &self.items[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }
}

/// `out = finish(input @ weight + bias)` for an input of mostly zeros: sums of rows of the weight.
pub(super) struct Gather<'a> {
    pub(super) input: &'a Sparse,
    /// `[features, outputs]`
    pub(super) weight: &'a Panels,
    /// `[1, outputs]`
    pub(super) bias: &'a Panels,
    pub(super) activate: bool,
    /// The rows to compute.
    pub(super) rows: Range<usize>,
    /// `[rows, outputs]`
    pub(super) out: &'a mut Panels,
}

impl Gather<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        for panel in 0..self.out.count() {
            let weight = self.weight.panel(panel);
            let first = load::<S, V>(&self.bias.panel(panel)[0]);
            let out = &mut self.out.panel_mut(panel)[self.rows.clone()];
            for (row, out) in self.rows.clone().zip(out) {
                let mut sum = first;
                for &(feature, value) in self.input.row(row) {
                    let weight = load::<S, V>(&weight[feature as usize]);
                    let x = simd.splat_f32s(value);
                    for v in 0..V {
                        sum[v] = simd.mul_add_e_f32s(x, weight[v], sum[v]);
                    }
                }
                if self.activate {
                    sum = activate::<S, V>(simd, sum);
                }
                store::<S, V>(out, sum);
            }
        }
    }
}

by_lane!(Gather);

/// `out += inputᵀ @ grad` for an input of mostly zeros.
pub(super) struct Scatter<'a> {
    pub(super) input: &'a Sparse,
    /// The row of the input that the first one of `grad` belongs to.
    pub(super) first: usize,
    /// `[rows, outputs]`
    pub(super) grad: &'a Panels,
    /// `[features, outputs]`
    pub(super) out: &'a mut Panels,
}

impl Scatter<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        for panel in 0..self.grad.count() {
            let out = self.out.panel_mut(panel);
            for (row, grad) in (self.first..).zip(self.grad.panel(panel)) {
                let grad = load::<S, V>(grad);
                for &(feature, value) in self.input.row(row) {
                    let lane = &mut out[feature as usize];
                    let mut sum = load::<S, V>(lane);
                    let x = simd.splat_f32s(value);
                    for v in 0..V {
                        sum[v] = simd.mul_add_e_f32s(x, grad[v], sum[v]);
                    }
                    store::<S, V>(lane, sum);
                }
            }
        }
    }
}

by_lane!(Scatter);
