//! Softmaxes over the rows of ragged scores, and their gradients.

use std::ops::Range;

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

/// Softmaxes within rows, both ways that they are needed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Softmax {
    /// `[M]` log-probabilities.
    pub log_probs: Vec<f64>,
    /// `[M]` probabilities.
    pub probs: Vec<f64>,
}

impl Softmax {
    /// Of the `scores` (`[M]`) within each row of `rows`, each exponential computed once.
    pub fn rows<T>(rows: &Ragged<T>, scores: &[f64]) -> Self {
        let mut log_probs = scores.to_vec();
        let mut probs = vec![0.0; scores.len()];
        for row in 0..rows.len() {
            let range = rows.range(row);
            softmax(&mut log_probs[range.clone()], &mut probs[range]);
        }
        Self { log_probs, probs }
    }

    /// Adds to `grad` (`[M]`, over scores) the gradient of `weight * log_probs[chosen]` of one row,
    /// which is `range` of `[M]`; `chosen` is counted within it.
    pub fn add_choice_gradient(
        &self,
        range: Range<usize>,
        chosen: usize,
        weight: f64,
        grad: &mut [f64],
    ) {
        grad[range.start + chosen] += weight;
        for (grad, p) in grad[range.clone()].iter_mut().zip(&self.probs[range]) {
            *grad -= weight * p;
        }
    }
}

/// One softmax: `scores` become log-probabilities.
fn softmax(scores: &mut [f64], probs: &mut [f64]) {
    if let [only] = scores {
        // The one way out is certain, whatever its score, as long as that is a number.
        *only = if only.is_finite() { 0.0 } else { f64::NAN };
        probs[0] = 1.0;
        return;
    }
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for (p, score) in probs.iter_mut().zip(&*scores) {
        *p = (score - max).exp();
        sum += *p;
    }
    let total = max + sum.ln();
    for (p, score) in probs.iter_mut().zip(scores) {
        *p /= sum;
        *score -= total;
    }
}
