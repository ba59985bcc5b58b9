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

use super::panels::{BLOCK, ColumnsMut, Lane, PANEL, Panels, Rows};
use crate::simd::dispatch;

/// Slope of LeakyReLU below zero.
pub(super) const SLOPE: f32 = 0.01;
/// Rows of a batch whose products for weights are summed before the next weights are turned to, so
/// that they stay in the first cache.
pub(super) const ROWS_AT_ONCE: usize = 128;

/// `V` vectors that make up one lane.
#[inline(always)]
pub(super) fn load<S: Simd, const V: usize>(lane: &Lane) -> [S::f32s; V] {
    let (vectors, _) = S::as_simd_f32s(lane);
    *vectors.first_chunk().expect("V vectors make up a lane")
}

#[inline(always)]
pub(super) fn store<S: Simd, const V: usize>(lane: &mut Lane, values: [S::f32s; V]) {
    let (vectors, _) = S::as_mut_simd_f32s(lane);
    for v in 0..V {
        vectors[v] = values[v];
    }
}

/// LeakyReLU: the larger of `x` and `SLOPE * x`.
#[inline(always)]
pub(super) fn activate<S: Simd, const V: usize>(simd: S, mut x: [S::f32s; V]) -> [S::f32s; V] {
    let slope = simd.splat_f32s(SLOPE);
    for v in 0..V {
        x[v] = simd.max_f32s(x[v], simd.mul_f32s(x[v], slope));
    }
    x
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

/// Implements `WithSimd` by a method generic over `V` vectors a lane, and where it works `by halves` also over
/// the vectors of half a lane, one at least. `with N` a kernel that has a constant `N` of its own.
macro_rules! by_lane {
    ($kernel:ident) => {
        by_lane!($kernel: [1], [2], [4], [16]);
    };
    ($kernel:ident by halves) => {
        by_lane!($kernel: [1, 1], [2, 1], [4, 2], [16, 8]);
    };
    ($kernel:ident with $n:ident) => {
        by_lane!($kernel with $n: [1], [2], [4], [16]);
    };
    (
        $kernel:ident $(with $n:ident)?:
        [$($v16:literal),*], [$($v8:literal),*], [$($v4:literal),*], [$($v1:literal),*]
    ) => {
        impl$(<const $n: usize>)? pulp::WithSimd for $kernel<'_ $(, $n)?> {
            type Output = ();

            #[inline(always)]
            fn with_simd<S: pulp::Simd>(self, simd: S) {
                match S::F32_LANES {
                    16 => self.run::<S, $($v16),*>(simd),
                    8 => self.run::<S, $($v8),*>(simd),
                    4 => self.run::<S, $($v4),*>(simd),
                    1 => self.run::<S, $($v1),*>(simd),
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
    Mask(Rows<'a>),
    /// These are added: a residual.
    Add(&'a Panels),
}

/// Adds to `sums` the products of four columns of `R` rows of the input, from `first` on, with as many rows of
/// `P` panels of weights.
#[inline(always)]
fn add_products<S: Simd, const V: usize, const P: usize, const R: usize>(
    simd: S,
    weights: [&[Lane; PANEL]; P],
    input: &[Lane; R],
    first: usize,
    sums: &mut [[[S::f32s; V]; R]; P],
) {
    for i in first..first + 4 {
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
    /// First panel of the result that is computed.
    pub(super) panel: usize,
    /// `[rows, outputs]` from that panel on.
    pub(super) out: ColumnsMut<'a>,
}

/// Multiplications of numbers in the smallest piece of a product, some five microseconds, and its panels: as many as
/// are computed at once.
const PIECE: usize = 1 << 18;
const PANELS: usize = 4;

impl Multiply<'_> {
    /// Computes the product, of which threads that have nothing else to do take over some panels.
    pub(super) fn spread(self) {
        let count = self.out.count();
        let products = self.rows.len() * self.input.count() * PANEL * count * PANEL;
        if count < 2 * PANELS || products < 2 * PIECE {
            dispatch(self);
            return;
        }
        let left = count / 2;
        let (out, others) = self.out.split(left);
        let right = Multiply {
            panel: self.panel + left,
            out: others,
            rows: self.rows.clone(),
            ..self
        };
        let left = Multiply { out, ..self };
        rayon::join(|| left.spread(), || right.spread());
    }

    /// `P` panels of `R` rows at once, or `W` panels of two rows.
    ///
    /// As many sums as the registers hold: a sum waits four cycles for itself, and there are two units that add.
    /// AVX-512 has registers for four panels, where a number of the input that is spread over a vector serves four sums.
    #[inline(always)]
    fn run<S: Simd, const V: usize, const P: usize, const R: usize, const W: usize>(
        mut self,
        simd: S,
    ) {
        let rows = self.rows.clone();
        let rest = rows.len() % R;
        // Two rows read as many weights as six: of several panels at once seven or eight are better cut in halves.
        let halves = P > 1 && R > 4 && matches!(rest, 1 | 2) && rows.len() > R;
        let whole = rows.end - rest - if halves { R } else { 0 };
        self.band::<S, V, P, R>(simd, rows.start..whole);
        // A rest costs what it has of rows, in pairs.
        match rows.end - whole {
            0 => {}
            _ if halves => self.band::<S, V, P, 4>(simd, whole..rows.end),
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
            self.strip::<S, V, P, R>(simd, panel, rows.clone());
        }
        let mut panel = whole;
        if P > 2 && panels - panel >= 2 {
            self.strip::<S, V, 2, R>(simd, panel, rows.clone());
            panel += 2;
        }
        for panel in panel..panels {
            self.strip::<S, V, 1, R>(simd, panel, rows.clone());
        }
    }

    /// `P` panels of `out` from `panel` on, for some of its rows, `R` at once.
    #[inline(always)]
    fn strip<S: Simd, const V: usize, const P: usize, const R: usize>(
        &mut self,
        simd: S,
        panel: usize,
        rows: Range<usize>,
    ) {
        let number = self.panel + panel;
        let mut first = [[simd.splat_f32s(0.0); V]; P];
        if let Some(bias) = self.bias {
            for p in 0..P {
                first[p] = load::<S, V>(&bias.panel(number + p)[0]);
            }
        }
        let mut weights = [&[][..]; P];
        for p in 0..P {
            weights[p] = self.weight.panel(number + p).as_chunks::<PANEL>().0;
        }
        let (inputs, stride) = (self.input.all(), self.input.rows());
        let outs = self.out.some_mut::<P>(panel);
        for row in rows.step_by(R) {
            let mut sums = [[[simd.splat_f32s(0.0); V]; R]; P];
            for p in 0..P {
                sums[p] = [first[p]; R];
            }
            let mut place = row;
            for k in 0..weights[0].len() {
                let input = inputs[place..].first_chunk();
                let input: &[Lane; R] = input.expect("rows of this panel");
                place += stride;
                let mut columns = [&[[0.0; PANEL]; PANEL]; P];
                for p in 0..P {
                    columns[p] = &weights[p][k];
                }
                // Written out: a loop's own instructions slow a core down whose other half is busy.
                add_products::<S, V, P, R>(simd, columns, input, 0, &mut sums);
                add_products::<S, V, P, R>(simd, columns, input, 4, &mut sums);
                add_products::<S, V, P, R>(simd, columns, input, 8, &mut sums);
                add_products::<S, V, P, R>(simd, columns, input, 12, &mut sums);
            }
            for p in 0..P {
                let place = (number + p, row);
                let sums = self.finish.apply::<S, V, R>(simd, sums[p], place);
                let out = outs[p][row..].first_chunk_mut::<R>();
                let out = out.expect("rows of this panel");
                for r in 0..R {
                    store::<S, V>(&mut out[r], sums[r]);
                }
            }
        }
    }
}

impl Finish<'_> {
    /// `sums` of `R` rows from `row` on of `panel`.
    #[inline(always)]
    fn apply<S: Simd, const V: usize, const R: usize>(
        self,
        simd: S,
        mut sums: [[S::f32s; V]; R],
        (panel, row): (usize, usize),
    ) -> [[S::f32s; V]; R] {
        let others = match self {
            Self::Keep => return sums,
            Self::Activate => {
                for r in 0..R {
                    sums[r] = activate::<S, V>(simd, sums[r]);
                }
                return sums;
            }
            Self::Mask(others) => others.panel(panel)[row..].first_chunk::<R>(),
            Self::Add(others) => others.panel(panel)[row..].first_chunk::<R>(),
        };
        let others = others.expect("rows of this panel");
        for r in 0..R {
            let other = load::<S, V>(&others[r]);
            if let Self::Mask(_) = self {
                sums[r] = leaky::<S, V>(simd, sums[r], other);
            } else {
                for v in 0..V {
                    sums[r][v] = simd.add_f32s(sums[r][v], other[v]);
                }
            }
        }
        sums
    }
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.run::<S, 1, PANELS, 6, 8>(simd),
            8 => self.run::<S, 2, 1, 6, 2>(simd),
            4 => self.run::<S, 4, 2, 2, 2>(simd),
            1 => self.run::<S, 16, 1, 1, 1>(simd),
            lanes => unreachable!("vectors of {lanes} numbers"),
        }
    }
}

/// `out += inputᵀ @ grad`, and `bias += sum of the rows of grad`.
pub(super) struct Outer<'a> {
    /// `[rows, inputs]`, or more rows.
    pub(super) input: Rows<'a>,
    /// `[rows, outputs]`
    pub(super) grad: &'a Panels,
    /// Whether to begin with zeros instead of what `out` holds.
    pub(super) fresh: bool,
    /// `[inputs, outputs]`, the inputs padded to whole panels.
    pub(super) out: &'a mut Panels,
    /// `[1, outputs]`
    pub(super) bias: Option<&'a mut Panels>,
}

impl Outer<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        match V {
            1 => self.panels::<S, V, 2>(simd),
            _ => self.panels::<S, V, 1>(simd),
        }
    }

    /// `P` panels of the result at once.
    #[inline(always)]
    fn panels<S: Simd, const V: usize, const P: usize>(mut self, simd: S) {
        let (rows, count) = (self.grad.rows(), self.grad.count());
        let whole = count - count % P;
        for first in (0..rows).step_by(ROWS_AT_ONCE) {
            let range = first..(first + ROWS_AT_ONCE).min(rows);
            for panel in (0..whole).step_by(P) {
                self.strip::<S, V, P>(simd, panel, range.clone());
            }
            for panel in whole..count {
                self.strip::<S, V, 1>(simd, panel, range.clone());
            }
        }
    }

    /// `P` panels of the result from `panel` on, summed over some rows.
    #[inline(always)]
    fn strip<S: Simd, const V: usize, const P: usize>(
        &mut self,
        simd: S,
        panel: usize,
        range: Range<usize>,
    ) {
        // Here, for the panels are about to be read anyway.
        if let Some(bias) = self.bias.as_mut().filter(|_| range.start == 0) {
            for panel in panel..panel + P {
                let bias = &mut bias.panel_mut(panel)[0];
                let total = column::<S, V>(simd, self.grad.panel(panel), load::<S, V>(bias));
                store::<S, V>(bias, total);
            }
        }
        let again = !(self.fresh && range.start == 0);
        let mut grads = [&[][..]; P];
        for p in 0..P {
            grads[p] = &self.grad.panel(panel + p)[range.clone()];
        }
        let mut out = self.out.columns_mut(0);
        let mut outs = out.some_mut::<P>(panel).map(|out| out.as_chunks_mut().0);
        for from in 0..outs[0].len() {
            let input = &self.input.panel(from)[range.clone()];
            let out = outs.each_mut().map(|out| &mut out[from]);
            Square { input, grads, out }.add::<S, V>(simd, again);
        }
    }
}

by_lane!(Outer);

/// A panel of an input and `P` of a gradient, as long as each other, and where their products are added.
struct Square<'a, const P: usize> {
    input: &'a [Lane],
    grads: [&'a [Lane]; P],
    out: [&'a mut [Lane; PANEL]; P],
}

impl<const P: usize> Square<'_, P> {
    /// Adds the products to what `out` holds where `again`: as many sums at once as the registers hold.
    #[inline(always)]
    fn add<S: Simd, const V: usize>(mut self, simd: S, again: bool) {
        match V {
            1 => {
                self.tile::<S, V, 0, 8>(simd, again);
                self.tile::<S, V, 8, 8>(simd, again);
            }
            2 => {
                self.tile::<S, V, 0, 6>(simd, again);
                self.tile::<S, V, 6, 6>(simd, again);
                self.tile::<S, V, 12, 4>(simd, again);
            }
            _ => {
                self.tile::<S, V, 0, 4>(simd, again);
                self.tile::<S, V, 4, 4>(simd, again);
                self.tile::<S, V, 8, 4>(simd, again);
                self.tile::<S, V, 12, 4>(simd, again);
            }
        }
    }

    /// `R` rows of the products from row `FIRST` on.
    #[inline(always)]
    fn tile<S: Simd, const V: usize, const FIRST: usize, const R: usize>(
        &mut self,
        simd: S,
        again: bool,
    ) {
        let mut sums = [[[simd.splat_f32s(0.0); V]; R]; P];
        if again {
            for p in 0..P {
                for r in 0..R {
                    sums[p][r] = load::<S, V>(&self.out[p][FIRST + r]);
                }
            }
        }
        let (inputs, _) = self.input.as_chunks::<BLOCK>();
        let mut grads = [&[][..]; P];
        for p in 0..P {
            grads[p] = &self.grads[p].as_chunks::<BLOCK>().0[..inputs.len()];
        }
        for block in 0..inputs.len() {
            let input = &inputs[block];
            let mut grad = [&[[0.0; PANEL]; BLOCK]; P];
            for p in 0..P {
                grad[p] = &grads[p][block];
            }
            // Written out, as in products.
            add_row::<S, V, P, FIRST, R>(simd, input, grad, 0, &mut sums);
            add_row::<S, V, P, FIRST, R>(simd, input, grad, 1, &mut sums);
            add_row::<S, V, P, FIRST, R>(simd, input, grad, 2, &mut sums);
            add_row::<S, V, P, FIRST, R>(simd, input, grad, 3, &mut sums);
        }
        for p in 0..P {
            for r in 0..R {
                store::<S, V>(&mut self.out[p][FIRST + r], sums[p][r]);
            }
        }
    }
}

/// Adds to `sums` the products of row `row` of a block of `P` panels of a gradient with `R` columns of that of the
/// input, from `FIRST` on.
#[inline(always)]
fn add_row<S: Simd, const V: usize, const P: usize, const FIRST: usize, const R: usize>(
    simd: S,
    input: &[Lane; BLOCK],
    grads: [&[Lane; BLOCK]; P],
    row: usize,
    sums: &mut [[[S::f32s; V]; R]; P],
) {
    let mut grad = [[simd.splat_f32s(0.0); V]; P];
    for p in 0..P {
        grad[p] = load::<S, V>(&grads[p][row]);
    }
    for r in 0..R {
        let x = simd.splat_f32s(input[row][FIRST + r]);
        for p in 0..P {
            for v in 0..V {
                sums[p][r][v] = simd.mul_add_e_f32s(x, grad[p][v], sums[p][r][v]);
            }
        }
    }
}

/// `out += sums of the rows of grad`, `[1, outputs]`.
pub(super) struct Total<'a> {
    pub(super) grad: &'a Panels,
    pub(super) out: &'a mut Panels,
}

impl Total<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        for panel in 0..self.grad.count() {
            let out = &mut self.out.panel_mut(panel)[0];
            let total = column::<S, V>(simd, self.grad.panel(panel), load::<S, V>(out));
            store::<S, V>(out, total);
        }
    }
}

by_lane!(Total);

/// `total` and the sum of `lanes`, whole blocks of them.
#[inline(always)]
fn column<S: Simd, const V: usize>(
    simd: S,
    lanes: &[Lane],
    mut total: [S::f32s; V],
) -> [S::f32s; V] {
    let mut sums = [[simd.splat_f32s(0.0); V]; BLOCK];
    let (blocks, _) = lanes.as_chunks::<BLOCK>();
    for block in blocks {
        for r in 0..BLOCK {
            let lane = load::<S, V>(&block[r]);
            for v in 0..V {
                sums[r][v] = simd.add_f32s(sums[r][v], lane[v]);
            }
        }
    }
    for r in 0..BLOCK {
        for v in 0..V {
            total[v] = simd.add_f32s(total[v], sums[r][v]);
        }
    }
    total
}
