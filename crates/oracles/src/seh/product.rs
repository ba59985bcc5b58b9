//! Products of matrices: rows of atoms with weights that lie in panels.
//!
//! A tile of the result stays in registers while its sum runs once over the inputs in one order, so
//! that a row's numbers do not depend on the rows beside it.

#![allow(
    clippy::needless_range_loop,
    clippy::manual_memcpy,
    reason = "counted loops keep sums in registers; iterators over them go through memory"
)]

use pulp::Simd;

/// Columns of a panel: one vector of AVX-512, two of AVX2, four of NEON.
pub(super) const PANEL: usize = 16;
/// Rows are padded to a multiple of this, which every tile's height divides.
pub(super) const ROWS: usize = 8;

/// A matrix `[inputs, outputs]` in panels of [`PANEL`] outputs, and a bias for each output.
#[derive(Clone, Debug)]
pub(super) struct Linear {
    inputs: usize,
    /// `[outputs / PANEL, inputs]`
    weight: Vec<[f32; PANEL]>,
    /// `[outputs / PANEL]`
    bias: Vec<[f32; PANEL]>,
}

impl Linear {
    /// A layer of `weight(input, output)` and `bias(output)`; outputs are whole panels.
    pub(super) fn new(
        inputs: usize,
        outputs: usize,
        weight: impl Fn(usize, usize) -> f32,
        bias: impl Fn(usize) -> f32,
    ) -> Self {
        debug_assert!(outputs.is_multiple_of(2 * PANEL));
        let panels = 0..outputs / PANEL;
        let lane = |panel: usize, value: &dyn Fn(usize) -> f32| {
            std::array::from_fn(|at| value(panel * PANEL + at))
        };
        Self {
            inputs,
            weight: panels
                .clone()
                .flat_map(|panel| (0..inputs).map(move |input| (panel, input)))
                .map(|(panel, input)| lane(panel, &|output| weight(input, output)))
                .collect(),
            bias: panels.map(|panel| lane(panel, &bias)).collect(),
        }
    }

    /// Number of outputs.
    pub(super) fn outputs(&self) -> usize {
        self.bias.len() * PANEL
    }

    /// The row of the matrix that belongs to `input`, panel by panel.
    #[inline(always)]
    pub(super) fn row(&self, input: usize) -> impl Iterator<Item = &[f32; PANEL]> {
        self.weight.iter().skip(input).step_by(self.inputs)
    }

    /// The bias, panel by panel.
    #[inline(always)]
    pub(super) fn bias(&self) -> &[[f32; PANEL]] {
        &self.bias
    }

    /// `out = input @ weight + bias` for rows that begin every `stride` numbers at `input`; `out` is
    /// `[rows, outputs]` and has a multiple of [`ROWS`] of them.
    #[inline(always)]
    pub(super) fn apply<S: Simd>(&self, simd: S, input: &[f32], stride: usize, out: &mut [f32]) {
        match S::F32_LANES {
            16 => self.run::<S, 1, 8>(simd, input, stride, out),
            8 => self.run::<S, 2, 2>(simd, input, stride, out),
            4 => self.run::<S, 4, 2>(simd, input, stride, out),
            1 => self.run::<S, 16, 1>(simd, input, stride, out),
            lanes => unreachable!("vectors of {lanes} numbers"),
        }
    }

    /// In tiles of two panels and `R` rows; `V` vectors make up a lane.
    #[inline(always)]
    fn run<S: Simd, const V: usize, const R: usize>(
        &self,
        simd: S,
        input: &[f32],
        stride: usize,
        out: &mut [f32],
    ) {
        let (outputs, inputs) = (self.outputs(), self.inputs);
        let rows = out.len() / outputs;
        debug_assert!(rows.is_multiple_of(ROWS));
        for panel in (0..outputs / PANEL).step_by(2) {
            let left = &self.weight[panel * inputs..][..inputs];
            let right = &self.weight[(panel + 1) * inputs..][..inputs];
            for row in (0..rows).step_by(R) {
                let mut lines: [&[f32]; R] = [&[]; R];
                for r in 0..R {
                    lines[r] = &input[(row + r) * stride..][..inputs];
                }
                let mut sums = [[[simd.splat_f32s(0.0); V]; 2]; R];
                for r in 0..R {
                    sums[r] = [
                        load::<S, V>(&self.bias[panel]),
                        load::<S, V>(&self.bias[panel + 1]),
                    ];
                }
                for k in 0..inputs {
                    let (a, b) = (load::<S, V>(&left[k]), load::<S, V>(&right[k]));
                    for r in 0..R {
                        let x = simd.splat_f32s(lines[r][k]);
                        for v in 0..V {
                            sums[r][0][v] = simd.mul_add_e_f32s(x, a[v], sums[r][0][v]);
                            sums[r][1][v] = simd.mul_add_e_f32s(x, b[v], sums[r][1][v]);
                        }
                    }
                }
                for r in 0..R {
                    let line = &mut out[(row + r) * outputs + panel * PANEL..][..2 * PANEL];
                    let (vectors, _) = S::as_mut_simd_f32s(line);
                    for v in 0..V {
                        vectors[v] = sums[r][0][v];
                        vectors[V + v] = sums[r][1][v];
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn load<S: Simd, const V: usize>(lane: &[f32; PANEL]) -> [S::f32s; V] {
    let (vectors, _) = S::as_simd_f32s(lane);
    *vectors.first_chunk().expect("V vectors make up a lane")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::{Arch, WithSimd};

    struct Apply<'a>(&'a Linear, &'a [f32], usize, &'a mut [f32]);

    impl WithSimd for Apply<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            self.0.apply(simd, self.1, self.2, self.3);
        }
    }

    #[test]
    fn products_are_those_of_a_plain_loop() {
        let (rows, inputs, outputs, stride) = (16, 5, 64, 9);
        let value = |at: usize| ((at * 37 % 101) as f32 - 50.0) / 17.0;
        let weight = |i: usize, o: usize| value(i * outputs + o + 3);
        let linear = Linear::new(inputs, outputs, weight, |o| value(o + 11));
        let input: Vec<f32> = (0..rows * stride).map(value).collect();
        let mut out = vec![f32::NAN; rows * outputs];
        Arch::new().dispatch(Apply(&linear, &input, stride, &mut out));
        let mut scalar = vec![f32::NAN; rows * outputs];
        Apply(&linear, &input, stride, &mut scalar).with_simd(pulp::Scalar::new());
        for row in 0..rows {
            for o in 0..outputs {
                let mut sum = f64::from(value(o + 11));
                for i in 0..inputs {
                    sum += f64::from(input[row * stride + i]) * f64::from(weight(i, o));
                }
                let found = f64::from(out[row * outputs + o]);
                assert!((found - sum).abs() < 1e-4, "{row} {o}: {found} {sum}");
                assert!((f64::from(scalar[row * outputs + o]) - sum).abs() < 1e-4);
            }
        }
    }
}
