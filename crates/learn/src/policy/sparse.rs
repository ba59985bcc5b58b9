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
    fn run<S: Simd, const V: usize>(mut self, simd: S) {
        match V {
            1 => self.panels::<S, V, 4>(simd),
            2 => self.panels::<S, V, 2>(simd),
            _ => self.panels::<S, V, 1>(simd),
        }
    }

    /// `P` panels of the result at once: a sum waits for itself from item to item, several do not wait for each other.
    #[inline(always)]
    fn panels<S: Simd, const V: usize, const P: usize>(&mut self, simd: S) {
        let count = self.out.count();
        let whole = count - count % P;
        for panel in (0..whole).step_by(P) {
            self.strip::<S, V, P>(simd, panel);
        }
        for panel in whole..count {
            self.strip::<S, V, 1>(simd, panel);
        }
    }

    /// `P` panels of the result from `panel` on.
    #[inline(always)]
    fn strip<S: Simd, const V: usize, const P: usize>(&mut self, simd: S, panel: usize) {
        let mut first = [[simd.splat_f32s(0.0); V]; P];
        let mut weights = [&[][..]; P];
        for p in 0..P {
            first[p] = load::<S, V>(&self.bias.panel(panel + p)[0]);
            weights[p] = self.weight.panel(panel + p);
        }
        let mut out = self.out.columns_mut(0);
        let outs = out.some_mut::<P>(panel);
        for row in self.rows.clone() {
            let mut sums = first;
            for &(feature, value) in self.input.row(row) {
                let x = simd.splat_f32s(value);
                for p in 0..P {
                    let weight = load::<S, V>(&weights[p][feature as usize]);
                    for v in 0..V {
                        sums[p][v] = simd.mul_add_e_f32s(x, weight[v], sums[p][v]);
                    }
                }
            }
            for p in 0..P {
                if self.activate {
                    sums[p] = activate::<S, V>(simd, sums[p]);
                }
                store::<S, V>(&mut outs[p][row], sums[p]);
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
    fn run<S: Simd, const V: usize>(mut self, simd: S) {
        match V {
            1 | 2 => self.panels::<S, V, 2>(simd),
            _ => self.panels::<S, V, 1>(simd),
        }
    }

    /// `P` panels of the result at once, for which the items are read once; with more, what is added to would not
    /// stay in the first cache.
    #[inline(always)]
    fn panels<S: Simd, const V: usize, const P: usize>(&mut self, simd: S) {
        let count = self.grad.count();
        let whole = count - count % P;
        for panel in (0..whole).step_by(P) {
            self.strip::<S, V, P>(simd, panel);
        }
        for panel in whole..count {
            self.strip::<S, V, 1>(simd, panel);
        }
    }

    /// `P` panels of the result from `panel` on.
    #[inline(always)]
    fn strip<S: Simd, const V: usize, const P: usize>(&mut self, simd: S, panel: usize) {
        let mut grads = [&[][..]; P];
        for p in 0..P {
            grads[p] = self.grad.panel(panel + p);
        }
        let mut out = self.out.columns_mut(0);
        let outs = out.some_mut::<P>(panel);
        for row in 0..self.grad.rows() {
            let mut grad = [[simd.splat_f32s(0.0); V]; P];
            for p in 0..P {
                grad[p] = load::<S, V>(&grads[p][row]);
            }
            for &(feature, value) in self.input.row(self.first + row) {
                let x = simd.splat_f32s(value);
                for p in 0..P {
                    let lane = &mut outs[p][feature as usize];
                    let mut sum = load::<S, V>(lane);
                    for v in 0..V {
                        sum[v] = simd.mul_add_e_f32s(x, grad[p][v], sum[v]);
                    }
                    store::<S, V>(lane, sum);
                }
            }
        }
    }
}

by_lane!(Scatter);
