//! The softmax of scores that stand key by key, 16 queries a lane, and its gradient.

use pulp::Simd;

use super::vector::Vector;
use crate::policy::panels::Lane;

/// Below every score.
const LEAST: f32 = f32::MIN;

/// The softmax of `scale * scores` over the keys, in place.
#[inline(always)]
pub(super) fn softmax<S: Simd, const V: usize>(
    simd: S,
    scores: &mut [Lane],
    lanes: usize,
    scale: f32,
) {
    let scale = Vector::<S, V>::splat(simd, scale);
    for lane in 0..lanes {
        let mut most = Vector::<S, V>::splat(simd, LEAST);
        for scores in scores[lane..].iter().step_by(lanes) {
            most = most.max(Vector::<S, V>::load(simd, scores));
        }
        let mut total = Vector::<S, V>::splat(simd, 0.0);
        for scores in scores[lane..].iter_mut().step_by(lanes) {
            let below = Vector::<S, V>::load(simd, scores).sub(most);
            let power = below.mul(scale).exp();
            total = total.add(power);
            power.store(scores);
        }
        let share = Vector::<S, V>::splat(simd, 1.0).over(total);
        for scores in scores[lane..].iter_mut().step_by(lanes) {
            Vector::<S, V>::load(simd, scores).mul(share).store(scores);
        }
    }
}

/// `grad = weights * (grad - sum of weights * grad)` over the keys, in place.
#[inline(always)]
pub(super) fn softmax_back<S: Simd, const V: usize>(
    simd: S,
    grad: &mut [Lane],
    weights: &[Lane],
    lanes: usize,
) {
    for lane in 0..lanes {
        let mut along = Vector::<S, V>::splat(simd, 0.0);
        let pairs = grad[lane..].iter().zip(&weights[lane..]);
        for (grad, weight) in pairs.step_by(lanes) {
            let weight = Vector::<S, V>::load(simd, weight);
            along = along.plus(Vector::<S, V>::load(simd, grad), weight);
        }
        let pairs = grad[lane..].iter_mut().zip(&weights[lane..]);
        for (grad, weight) in pairs.step_by(lanes) {
            let moved = Vector::<S, V>::load(simd, grad).sub(along);
            moved.mul(Vector::<S, V>::load(simd, weight)).store(grad);
        }
    }
}
