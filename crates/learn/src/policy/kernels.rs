//! Products of matrices in panels, for whichever vector instructions the processor has.
//!
//! Each kernel keeps a few rows of one panel of the result in registers and runs once over what is
//! summed, in one order: the same numbers whatever the number of threads.

#![allow(
    clippy::needless_range_loop,
    clippy::manual_memcpy,
    reason = "counted loops keep sums in registers; iterators over them go through memory"
)]

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::panels::{BLOCK, Lane, PANEL, Panels};

/// Slope of LeakyReLU below zero.
pub(super) const SLOPE: f32 = 0.01;
/// Rows of a batch whose products for weights are summed before the next weights are turned to, so
/// that they stay in the first cache.
const ROWS_AT_ONCE: usize = 128;

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

/// `V` vectors that make up one lane.
#[inline(always)]
fn load<S: Simd, const V: usize>(lane: &Lane) -> [S::f32s; V] {
    let (vectors, _) = S::as_simd_f32s(lane);
    *vectors.first_chunk().expect("V vectors make up a lane")
}

#[inline(always)]
fn store<S: Simd, const V: usize>(lane: &mut Lane, values: [S::f32s; V]) {
    let (vectors, _) = S::as_mut_simd_f32s(lane);
    for v in 0..V {
        vectors[v] = values[v];
    }
}

/// `x` where `by` is above zero, `SLOPE * x` elsewhere. No closures here: what they call is not
/// compiled for the vectors of `simd`.
#[inline(always)]
fn leaky<S: Simd, const V: usize>(simd: S, mut x: [S::f32s; V], by: [S::f32s; V]) -> [S::f32s; V] {
    let (zero, slope) = (simd.splat_f32s(0.0), simd.splat_f32s(SLOPE));
    for v in 0..V {
        let positive = simd.greater_than_f32s(by[v], zero);
        x[v] = simd.select_f32s(positive, x[v], simd.mul_f32s(x[v], slope));
    }
    x
}

/// Implements `WithSimd` by a method generic over `V` vectors a lane.
macro_rules! by_lane {
    ($kernel:ident) => {
        impl pulp::WithSimd for $kernel<'_> {
            type Output = ();

            #[inline(always)]
            fn with_simd<S: pulp::Simd>(self, simd: S) {
                match S::F32_LANES {
                    16 => self.run::<S, 1>(simd),
                    8 => self.run::<S, 2>(simd),
                    4 => self.run::<S, 4>(simd),
                    1 => self.run::<S, 16>(simd),
                    lanes => unreachable!("vectors of {lanes} numbers"),
                }
            }
        }
    };
}

pub(super) use by_lane;

/// What is done to a sum before it is stored.
#[derive(Clone, Copy)]
pub(super) enum Finish<'a> {
    /// Nothing.
    Keep,
    /// LeakyReLU.
    Activate,
    /// The gradient of LeakyReLU, whose results these are.
    Mask(&'a Panels),
    /// These are added: a residual.
    Add(&'a Panels),
}

/// `out = finish(input @ weight + bias)`.
pub(super) struct Multiply<'a> {
    /// `[rows, K]`
    pub(super) input: &'a Panels,
    /// `[K, outputs]`, K padded to whole panels.
    pub(super) weight: &'a Panels,
    /// `[1, outputs]`
    pub(super) bias: Option<&'a Panels>,
    pub(super) finish: Finish<'a>,
    /// The rows to compute; some that follow, up to a multiple of [`BLOCK`] of them, may be written.
    pub(super) rows: Range<usize>,
    /// `[rows, outputs]`
    pub(super) out: &'a mut Panels,
}

impl Multiply<'_> {
    /// `P` panels of `R` rows at once, or `W` panels of two rows.
    ///
    /// As many sums as the registers hold: a sum waits four cycles for itself, and AVX2 has two units that add.
    /// Few panels, so that their weights stay in the first cache while rows go by.
    #[inline(always)]
    fn run<S: Simd, const V: usize, const P: usize, const R: usize, const W: usize>(
        mut self,
        simd: S,
    ) {
        let rows = self.rows.clone();
        let whole = rows.end - rows.len() % R;
        self.band::<S, V, P, R>(simd, rows.start..whole);
        // A rest costs what it has of rows, in pairs.
        match rows.end - whole {
            0 => {}
            1 | 2 => self.band::<S, V, W, 2>(simd, whole..rows.end),
            3 | 4 => self.band::<S, V, P, 4>(simd, whole..rows.end),
            _ => self.band::<S, V, P, R>(simd, whole..rows.end),
        }
    }

    /// All panels of the result, for some of its rows.
    #[inline(always)]
    fn band<S: Simd, const V: usize, const P: usize, const R: usize>(
        &mut self,
        simd: S,
        rows: Range<usize>,
    ) {
        let panels = self.out.count();
        let whole = panels - panels % P;
        for panel in (0..whole).step_by(P) {
            for row in rows.clone().step_by(R) {
                self.tile::<S, V, P, R>(simd, panel, row);
            }
        }
        for panel in whole..panels {
            for row in rows.clone().step_by(R) {
                self.tile::<S, V, 1, R>(simd, panel, row);
            }
        }
    }

    /// `R` rows of `P` panels of the result.
    #[inline(always)]
    fn tile<S: Simd, const V: usize, const P: usize, const R: usize>(
        &mut self,
        simd: S,
        panel: usize,
        row: usize,
    ) {
        let mut sums = [[[simd.splat_f32s(0.0); V]; R]; P];
        if let Some(bias) = self.bias {
            for p in 0..P {
                sums[p] = [load::<S, V>(&bias.panel(panel + p)[0]); R];
            }
        }
        for k in 0..self.weight.rows() / PANEL {
            let (input, _) = self.input.panel(k)[row..].as_chunks::<R>();
            let input = &input[0];
            let mut weights = [&[[0.0; PANEL]; PANEL]; P];
            for p in 0..P {
                weights[p] = &self.weight.panel(panel + p).as_chunks::<PANEL>().0[k];
            }
            for i in 0..PANEL {
                for p in 0..P {
                    let weight = load::<S, V>(&weights[p][i]);
                    for r in 0..R {
                        let x = simd.splat_f32s(input[r][i]);
                        for v in 0..V {
                            sums[p][r][v] = simd.mul_add_e_f32s(x, weight[v], sums[p][r][v]);
                        }
                    }
                }
            }
        }
        for p in 0..P {
            match self.finish {
                Finish::Keep => {}
                Finish::Activate => {
                    for r in 0..R {
                        sums[p][r] = leaky::<S, V>(simd, sums[p][r], sums[p][r]);
                    }
                }
                Finish::Mask(results) => {
                    let (results, _) = results.panel(panel + p)[row..].as_chunks::<R>();
                    let results = &results[0];
                    for r in 0..R {
                        let result = load::<S, V>(&results[r]);
                        sums[p][r] = leaky::<S, V>(simd, sums[p][r], result);
                    }
                }
                Finish::Add(others) => {
                    let (others, _) = others.panel(panel + p)[row..].as_chunks::<R>();
                    let others = &others[0];
                    for r in 0..R {
                        let other = load::<S, V>(&others[r]);
                        for v in 0..V {
                            sums[p][r][v] = simd.add_f32s(sums[p][r][v], other[v]);
                        }
                    }
                }
            }
            let (out, _) = self.out.panel_mut(panel + p)[row..].as_chunks_mut::<R>();
            let out = &mut out[0];
            for r in 0..R {
                store::<S, V>(&mut out[r], sums[p][r]);
            }
        }
    }
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.run::<S, 1, 2, 4, 4>(simd),
            8 => self.run::<S, 2, 1, 6, 2>(simd),
            4 => self.run::<S, 4, 2, 2, 2>(simd),
            1 => self.run::<S, 16, 1, 1, 1>(simd),
            lanes => unreachable!("vectors of {lanes} numbers"),
        }
    }
}

/// `out += inputᵀ @ grad` and `bias += sum of the rows of grad`.
pub(super) struct Outer<'a> {
    /// `[rows, inputs]`
    pub(super) input: &'a Panels,
    /// `[rows, outputs]`
    pub(super) grad: &'a Panels,
    /// Whether to begin with zeros instead of what `out` holds.
    pub(super) fresh: bool,
    /// `[inputs, outputs]`, the inputs padded to whole panels.
    pub(super) out: &'a mut Panels,
}

impl Outer<'_> {
    /// `R` rows at once, and `REST` where less than `R` are left of a panel.
    #[inline(always)]
    fn run<S: Simd, const V: usize, const R: usize, const REST: usize>(mut self, simd: S) {
        let rows = self.grad.rows();
        for first in (0..rows).step_by(ROWS_AT_ONCE) {
            let range = first..(first + ROWS_AT_ONCE).min(rows);
            for panel in 0..self.grad.count() {
                for from in 0..self.out.rows() / PANEL {
                    let mut column = 0;
                    while column + R <= PANEL {
                        self.tile::<S, V, R>(simd, panel, (from, column), range.clone());
                        column += R;
                    }
                    if column < PANEL {
                        self.tile::<S, V, REST>(simd, panel, (from, column), range.clone());
                    }
                }
            }
        }
    }

    /// `R` rows of a panel of the result, those of the input's panel `from` from `column` on.
    #[inline(always)]
    fn tile<S: Simd, const V: usize, const R: usize>(
        &mut self,
        simd: S,
        panel: usize,
        (from, column): (usize, usize),
        range: Range<usize>,
    ) {
        let grad = &self.grad.panel(panel)[range.clone()];
        let input = &self.input.panel(from)[range.clone()];
        let (out, _) = self.out.panel_mut(panel)[from * PANEL + column..].as_chunks_mut::<R>();
        let out = &mut out[0];
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        if !(self.fresh && range.start == 0) {
            for r in 0..R {
                sums[r] = load::<S, V>(&out[r]);
            }
        }
        for (grad, input) in grad.iter().zip(input) {
            let grad = load::<S, V>(grad);
            let (input, _) = input[column..].as_chunks::<R>();
            let input = &input[0];
            for r in 0..R {
                let x = simd.splat_f32s(input[r]);
                for v in 0..V {
                    sums[r][v] = simd.mul_add_e_f32s(x, grad[v], sums[r][v]);
                }
            }
        }
        for r in 0..R {
            store::<S, V>(&mut out[r], sums[r]);
        }
    }
}

impl WithSimd for Outer<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.run::<S, 1, 8, 8>(simd),
            8 => self.run::<S, 2, 6, 4>(simd),
            4 => self.run::<S, 4, 4, 4>(simd),
            1 => self.run::<S, 16, 1, 1>(simd),
            lanes => unreachable!("vectors of {lanes} numbers"),
        }
    }
}

/// `out = sums of the rows of grad`, `[1, outputs]`.
pub(super) struct Total<'a> {
    pub(super) grad: &'a Panels,
    pub(super) out: &'a mut Panels,
}

impl Total<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        for panel in 0..self.grad.count() {
            let mut sums = [[simd.splat_f32s(0.0); V]; BLOCK];
            let (blocks, _) = self.grad.panel(panel).as_chunks::<BLOCK>();
            for block in blocks {
                for r in 0..BLOCK {
                    let lane = load::<S, V>(&block[r]);
                    for v in 0..V {
                        sums[r][v] = simd.add_f32s(sums[r][v], lane[v]);
                    }
                }
            }
            let mut total = sums[0];
            for r in 1..BLOCK {
                for v in 0..V {
                    total[v] = simd.add_f32s(total[v], sums[r][v]);
                }
            }
            store::<S, V>(&mut self.out.panel_mut(panel)[0], total);
        }
    }
}

by_lane!(Total);

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
                    sum = leaky::<S, V>(simd, sum, sum);
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
            for (row, grad) in self.grad.panel(panel).iter().enumerate() {
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
