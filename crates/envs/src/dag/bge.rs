//! The BGe score: the marginal likelihood of a Gaussian network under a normal-Wishart prior.

use std::f64::consts::PI;

use super::cholesky::{Cholesky, log_gamma, submatrix};
use super::{Data, LocalScores};
use crate::EnvError;

/// The normal-Wishart prior; its parametric matrix is t I with
/// t = alpha_mu (alpha_w - d - 1) / (alpha_mu + 1) and its mean is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BgePrior {
    /// Precision of the mean, in observations.
    pub alpha_mu: f64,
    /// Degrees of freedom of the precision matrix, more than d + 1; `None` is d + 2.
    pub alpha_w: Option<f64>,
}

impl Default for BgePrior {
    /// alpha_mu = 1 and alpha_w = d + 2, as in the code of arXiv 2202.13903.
    fn default() -> Self {
        Self {
            alpha_mu: 1.0,
            alpha_w: None,
        }
    }
}

/// log p(data | G) of a Gaussian network G, summed over the variables, in nats.
///
/// Geiger and Heckerman 2002 (Annals of Statistics 30) in the corrected form of Kuipers, Moffa and
/// Heckerman 2014 (arXiv 1402.6863), equation 4 and following. With p parents, N observations and
/// R = t I + S_N + N alpha_mu / (N + alpha_mu) mean mean^T, a local score is
///
/// ```text
/// 1/2 log(alpha_mu / (N + alpha_mu)) - N/2 log pi + (alpha_w - d + 2 p + 1) / 2 log t
///   + log Gamma((N + alpha_w - d + p + 1) / 2) - log Gamma((alpha_w - d + p + 1) / 2)
///   + (N + alpha_w - d + p) / 2 log |R_pp| - (N + alpha_w - d + p + 1) / 2 log |R_qq|
/// ```
///
/// where R_pp has the rows of the parents and R_qq those of the parents and the variable. Graphs of one
/// Markov equivalence class have one score.
///
/// # Errors
/// More variables than a graph may have, `alpha_mu` not positive, `alpha_w` not above d + 1, or data
/// that make R singular in floating point.
pub fn bge(data: &Data, prior: BgePrior) -> Result<LocalScores, EnvError> {
    let d = data.variables();
    super::check_variables(d)?;
    let (n, dims) = (data.len() as f64, d as f64);
    let BgePrior { alpha_mu, alpha_w } = prior;
    let alpha_w = alpha_w.unwrap_or(dims + 2.0);
    if !(alpha_mu.is_finite() && alpha_mu > 0.0) {
        return Err(EnvError::out_of_range(
            "alpha_mu",
            alpha_mu,
            "positive and finite",
        ));
    }
    if !(alpha_w.is_finite() && alpha_w > dims + 1.0) {
        let expected = format!("finite and more than {} (variables + 1)", d + 1);
        return Err(EnvError::out_of_range("alpha_w", alpha_w, expected));
    }
    let t = alpha_mu * (alpha_w - dims - 1.0) / (alpha_mu + 1.0);
    let r = posterior_matrix(data, t, n * alpha_mu / (n + alpha_mu));
    let mut log_dets = vec![0.0; 1 << d];
    for (mask, value) in log_dets.iter_mut().enumerate().skip(1) {
        let size = mask.count_ones() as usize;
        let part = Cholesky::new(&submatrix(&r, d, mask as u16), size);
        *value = part.map(|part| part.log_det()).ok_or_else(|| EnvError::BadData {
            reason: format!(
                "the variables {mask:#b} are too nearly dependent to be scored; rescale them or drop one"
            ),
        })?;
    }
    LocalScores::new(d, |variable, parents| {
        let p = f64::from(parents.count_ones());
        let freedom = alpha_w - dims + p;
        let gammas = log_gamma(0.5 * (n + freedom + 1.0)) - log_gamma(0.5 * (freedom + 1.0));
        let constant = 0.5 * (alpha_mu / (n + alpha_mu)).ln() - 0.5 * n * PI.ln()
            + 0.5 * (freedom + p + 1.0) * t.ln();
        let below = log_dets[usize::from(parents)];
        let above = log_dets[usize::from(parents | 1 << variable)];
        Ok(constant + gammas + 0.5 * (n + freedom) * below - 0.5 * (n + freedom + 1.0) * above)
    })
}

/// R `[d, d]`.
fn posterior_matrix(data: &Data, t: f64, shrinkage: f64) -> Vec<f64> {
    let d = data.variables();
    let mut mean = vec![0.0; d];
    for row in data.rows() {
        for (sum, value) in mean.iter_mut().zip(row) {
            *sum += value / data.len() as f64;
        }
    }
    let mut out = vec![0.0; d * d];
    for i in 0..d {
        for j in 0..d {
            let scatter: f64 = data
                .rows()
                .map(|x| (x[i] - mean[i]) * (x[j] - mean[j]))
                .sum();
            let diagonal = if i == j { t } else { 0.0 };
            out[i * d + j] = diagonal + scatter + shrinkage * mean[i] * mean[j];
        }
    }
    out
}
