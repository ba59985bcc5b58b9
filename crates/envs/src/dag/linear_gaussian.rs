//! The marginal likelihood of a linear-Gaussian network with known noise.

use std::f64::consts::PI;

use super::cholesky::{Cholesky, submatrix};
use super::{Data, LocalScores};
use crate::EnvError;

/// Weights of edges are N(mean, variance) independently; noise is N(0, noise_variance).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearGaussianPrior {
    /// Mean of a weight.
    pub mean: f64,
    /// Variance of a weight.
    pub variance: f64,
    /// Variance of the noise at every variable.
    pub noise_variance: f64,
}

impl Default for LinearGaussianPrior {
    /// N(0, 1) weights and noise of variance 0.1, as in gfnx.
    fn default() -> Self {
        Self {
            mean: 0.0,
            variance: 1.0,
            noise_variance: 0.1,
        }
    }
}

/// log p(data | G) of a linear-Gaussian network G without intercepts, weights integrated out, in nats.
///
/// With r = y - mean X 1 and M = noise I + variance X^T X over the parents' columns X, a local score is
///
/// ```text
/// log N(r; 0, noise I + variance X X^T)
///   = -1/2 (r^T r / noise - variance / noise (X^T r)^T M^-1 (X^T r)
///           + log |M| + (N - p) log noise + N log 2 pi)
/// ```
///
/// by the Woodbury identity. Unlike [`bge()`](super::bge()) it is not the same for Markov equivalent
/// graphs.
///
/// # Errors
/// More variables than a graph may have, a variance that is not positive, a mean that is not finite, or
/// data too large for f64.
pub fn linear_gaussian(data: &Data, prior: LinearGaussianPrior) -> Result<LocalScores, EnvError> {
    let LinearGaussianPrior {
        mean,
        variance,
        noise_variance: noise,
    } = prior;
    for (name, value) in [("variance", variance), ("noise_variance", noise)] {
        if !(value.is_finite() && value > 0.0) {
            return Err(EnvError::out_of_range(name, value, "positive and finite"));
        }
    }
    if !mean.is_finite() {
        return Err(EnvError::out_of_range("mean", mean, "finite"));
    }
    let d = data.variables();
    let gram = gram(data);
    let n = data.len() as f64;
    LocalScores::new(d, |variable, mask| {
        let parents: Vec<usize> = (0..d).filter(|i| mask >> i & 1 == 1).collect();
        let p = parents.len();
        let sums = |i: usize| parents.iter().map(|&j| gram[i * d + j]).sum::<f64>();
        // X^T r and r^T r out of the products of columns.
        let xr: Vec<f64> = parents
            .iter()
            .map(|&i| gram[i * d + variable] - mean * sums(i))
            .collect();
        let xx: f64 = parents.iter().map(|&i| sums(i)).sum();
        let rr = gram[variable * d + variable] - 2.0 * mean * sums(variable) + mean * mean * xx;
        let mut m = submatrix(&gram, d, mask);
        m.iter_mut().for_each(|v| *v *= variance);
        (0..p).for_each(|i| m[i * p + i] += noise);
        let factor = Cholesky::new(&m, p).ok_or_else(|| EnvError::BadData {
            reason: format!("the columns {parents:?} are too large to be scored; rescale them"),
        })?;
        let quadratic = (rr - variance * factor.inverse_quadratic(&xr)) / noise;
        let log_det = factor.log_det() + (n - p as f64) * noise.ln();
        Ok(-0.5 * (quadratic + log_det + n * (2.0 * PI).ln()))
    })
}

/// `[d, d]` products of the columns.
fn gram(data: &Data) -> Vec<f64> {
    let d = data.variables();
    let mut out = vec![0.0; d * d];
    for row in data.rows() {
        for i in 0..d {
            for j in 0..d {
                out[i * d + j] += row[i] * row[j];
            }
        }
    }
    out
}
