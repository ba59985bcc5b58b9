//! Softmaxes over the rows of ragged scores, and their gradients.

use anabranch_core::Ragged;
use anabranch_core::logspace::log_softmax;

/// `[M]` log-softmax of `scores` within each row of `rows`.
pub fn log_softmax_rows<T>(rows: &Ragged<T>, scores: &[f64]) -> Vec<f64> {
    let mut out = scores.to_vec();
    for row in 0..rows.len() {
        log_softmax(&mut out[rows.range(row)]);
    }
    out
}

/// Adds to `grad` (`[M]`, over scores) the gradient of `weight * log_softmax(row)[chosen]`.
///
/// `log_probs` is what [`log_softmax_rows`] returned.
pub fn add_choice_gradient<T>(
    rows: &Ragged<T>,
    row: usize,
    chosen: usize,
    log_probs: &[f64],
    weight: f64,
    grad: &mut [f64],
) {
    let range = rows.range(row);
    for index in range.clone() {
        grad[index] -= weight * log_probs[index].exp();
    }
    grad[range.start + chosen] += weight;
}
