//! Choosing the processor's vector instructions at run time.

use pulp::{Simd, WithSimd};

/// Runs `work` with the widest vectors there are. Not `pulp::Arch`: that leaves AVX2 out unless a
/// feature is on which the tensor library's own build of pulp does without.
pub(crate) fn dispatch<W: WithSimd>(work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(simd) = pulp::x86::V4::try_new() {
            Simd::vectorize(simd, work)
        } else if let Some(simd) = pulp::x86::V3::try_new() {
            Simd::vectorize(simd, work)
        } else {
            Simd::vectorize(pulp::Scalar::new(), work)
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    pulp::Arch::new().dispatch(work)
}
