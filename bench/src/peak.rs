//! How many single-precision operations a second the processor can do at all: what products of matrices
//! are held against.

use std::hint::black_box;
use std::time::Instant;

use pulp::{Simd, WithSimd};

/// Accumulators: as many as hide the latency of a fused multiply-add on two ports, and no more than fit
/// beside the two factors in 16 registers.
const CHAINS: usize = 12;
const ROUNDS: usize = 200_000;

/// Fused multiply-adds on registers alone; returns the floating-point operations done.
struct Chains;

impl WithSimd for Chains {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let factor = simd.splat_f32s(black_box(0.999_9));
        let addend = simd.splat_f32s(black_box(1e-4));
        let mut sums = [simd.splat_f32s(1.0); CHAINS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = simd.mul_add_f32s(*sum, factor, addend);
            }
        }
        let total: f32 = sums.iter().map(|sum| simd.reduce_sum_f32s(*sum)).sum();
        black_box(total);
        (2 * S::F32_LANES * CHAINS * ROUNDS) as f64
    }
}

/// Runs with the widest vectors there are.
fn dispatch() -> f64 {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(simd) = pulp::x86::V4::try_new() {
            Simd::vectorize(simd, Chains)
        } else if let Some(simd) = pulp::x86::V3::try_new() {
            Simd::vectorize(simd, Chains)
        } else {
            Simd::vectorize(pulp::Scalar::new(), Chains)
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    pulp::Arch::new().dispatch(Chains)
}

/// Thousands of millions of single-precision operations a second (GFLOP/s) of `threads` threads over
/// about `seconds`; a fused multiply-add counts as two.
pub fn gflops(threads: usize, seconds: f64) -> f64 {
    let one = || {
        dispatch();
        let begin = Instant::now();
        let mut operations = 0.0;
        let mut elapsed = 0.0;
        while elapsed < seconds {
            operations += dispatch();
            elapsed = begin.elapsed().as_secs_f64();
        }
        operations / elapsed / 1e9
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        running
            .into_iter()
            .map(|thread| thread.join().expect("the loop cannot panic"))
            .sum()
    })
}
