//! Lanes as vectors: arithmetic of 16 numbers with whichever instructions the processor has.

#![allow(
    clippy::needless_range_loop,
    clippy::manual_memcpy,
    reason = "counted loops keep values in registers; iterators over them go through memory"
)]

use pulp::Simd;

use crate::policy::panels::Lane;

/// One lane in registers, as `V` vectors of `S`.
#[derive(Clone, Copy)]
pub(super) struct Vector<S: Simd, const V: usize> {
    simd: S,
    parts: [S::f32s; V],
}

/// Methods and not closures: what a closure calls is not compiled for the vectors of `simd`.
impl<S: Simd, const V: usize> Vector<S, V> {
    #[inline(always)]
    pub(super) fn splat(simd: S, value: f32) -> Self {
        Self {
            simd,
            parts: [simd.splat_f32s(value); V],
        }
    }

    #[inline(always)]
    pub(super) fn load(simd: S, lane: &Lane) -> Self {
        let (vectors, _) = S::as_simd_f32s(lane);
        Self {
            simd,
            parts: *vectors.first_chunk().expect("V vectors make up a lane"),
        }
    }

    #[inline(always)]
    pub(super) fn store(self, lane: &mut Lane) {
        let (vectors, _) = S::as_mut_simd_f32s(lane);
        for v in 0..V {
            vectors[v] = self.parts[v];
        }
    }

    #[inline(always)]
    pub(super) fn add(mut self, other: Self) -> Self {
        for v in 0..V {
            self.parts[v] = self.simd.add_f32s(self.parts[v], other.parts[v]);
        }
        self
    }

    #[inline(always)]
    pub(super) fn sub(mut self, other: Self) -> Self {
        for v in 0..V {
            self.parts[v] = self.simd.sub_f32s(self.parts[v], other.parts[v]);
        }
        self
    }

    #[inline(always)]
    pub(super) fn mul(mut self, other: Self) -> Self {
        for v in 0..V {
            self.parts[v] = self.simd.mul_f32s(self.parts[v], other.parts[v]);
        }
        self
    }

    /// `self / other`.
    #[inline(always)]
    pub(super) fn over(mut self, other: Self) -> Self {
        for v in 0..V {
            self.parts[v] = self.simd.div_f32s(self.parts[v], other.parts[v]);
        }
        self
    }

    #[inline(always)]
    pub(super) fn max(mut self, other: Self) -> Self {
        for v in 0..V {
            self.parts[v] = self.simd.max_f32s(self.parts[v], other.parts[v]);
        }
        self
    }

    /// `self + a * b`.
    #[inline(always)]
    pub(super) fn plus(mut self, a: Self, b: Self) -> Self {
        for v in 0..V {
            self.parts[v] = self
                .simd
                .mul_add_e_f32s(a.parts[v], b.parts[v], self.parts[v]);
        }
        self
    }

    /// Sum of the 16 numbers.
    #[inline(always)]
    pub(super) fn sum(self) -> f32 {
        let mut total = self.parts[0];
        for v in 1..V {
            total = self.simd.add_f32s(total, self.parts[v]);
        }
        self.simd.reduce_sum_f32s(total)
    }

    /// e^x for x <= 0, with a relative error below 2e-7; what is less than e^-87 is e^-87.
    ///
    /// x = n ln 2 + r with |r| <= ln 2 / 2; e^r by its series to the seventh power, 2^n by the exponent's
    /// bits. The number added to x / ln 2 rounds it and leaves n in the lowest bits.
    #[inline(always)]
    pub(super) fn exp(mut self) -> Self {
        /// 1.5 * 2^23
        const ROUND: f32 = 12_582_912.0;
        /// ln 2 in two parts, the first with few bits, so that n times it is exact.
        const LN_2: (f32, f32) = (355.0 / 512.0, -2.121_944_4e-4);
        const SERIES: [f32; 7] = [
            1.0 / 5040.0,
            1.0 / 720.0,
            1.0 / 120.0,
            1.0 / 24.0,
            1.0 / 6.0,
            0.5,
            1.0,
        ];
        let simd = self.simd;
        for v in 0..V {
            let x = simd.max_f32s(self.parts[v], simd.splat_f32s(-87.0));
            let shifted = simd.mul_add_e_f32s(
                x,
                simd.splat_f32s(std::f32::consts::LOG2_E),
                simd.splat_f32s(ROUND),
            );
            let n = simd.sub_f32s(shifted, simd.splat_f32s(ROUND));
            let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-LN_2.0), x);
            let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-LN_2.1), r);
            let mut power = simd.splat_f32s(SERIES[0]);
            for term in 1..SERIES.len() {
                power = simd.mul_add_e_f32s(power, r, simd.splat_f32s(SERIES[term]));
            }
            power = simd.mul_add_e_f32s(power, r, simd.splat_f32s(1.0));
            let n =
                simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
            let bits = simd.add_u32s(simd.transmute_u32s_f32s(power), n);
            self.parts[v] = simd.transmute_f32s_u32s(bits);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::kernels::by_lane;
    use crate::policy::panels::PANEL;
    use crate::simd::dispatch;

    struct Exp<'a>(&'a mut [Lane]);

    impl Exp<'_> {
        #[inline(always)]
        fn run<S: Simd, const V: usize>(self, simd: S) {
            for lane in self.0 {
                Vector::<S, V>::load(simd, lane).exp().store(lane);
            }
        }
    }

    by_lane!(Exp);

    #[test]
    fn exponentials_are_those_of_the_standard_library() {
        let number = |i: usize| -(i as f32) * 86.9 / 65_535.0;
        let mut lanes: Vec<Lane> = (0..65_536 / PANEL)
            .map(|i| std::array::from_fn(|l| number(PANEL * i + l)))
            .collect();
        dispatch(Exp(&mut lanes));
        for (i, value) in lanes.as_flattened().iter().enumerate() {
            let exact = f64::from(number(i)).exp();
            let error = (f64::from(*value) - exact).abs() / exact;
            assert!(error < 2e-7, "e^{}: {value}, not {exact}", number(i));
        }
        let mut ends = [[0.0; PANEL]];
        ends[0][1] = -1e30;
        dispatch(Exp(&mut ends));
        assert_eq!(ends[0][0], 1.0);
        assert!(ends[0][1] >= 0.0 && ends[0][1] < 1e-37);
    }
}
