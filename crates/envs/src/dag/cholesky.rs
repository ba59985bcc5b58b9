//! The little dense algebra that the scores need.

/// The lower Cholesky factor of the positive definite `matrix`, n x n by rows.
pub(super) struct Cholesky {
    size: usize,
    factor: Vec<f64>,
}

impl Cholesky {
    /// Factorises; `None` where the matrix is not positive definite in floating point.
    pub(super) fn new(matrix: &[f64], size: usize) -> Option<Self> {
        let mut factor = vec![0.0; size * size];
        for row in 0..size {
            for column in 0..=row {
                let done: f64 = (0..column)
                    .map(|k| factor[row * size + k] * factor[column * size + k])
                    .sum();
                let rest = matrix[row * size + column] - done;
                factor[row * size + column] = if row == column {
                    if !(rest.is_finite() && rest > 0.0) {
                        return None;
                    }
                    rest.sqrt()
                } else {
                    rest / factor[column * size + column]
                };
            }
        }
        Some(Self { size, factor })
    }

    /// log of the determinant.
    pub(super) fn log_det(&self) -> f64 {
        let diagonal = (0..self.size).map(|i| self.factor[i * self.size + i].ln());
        2.0 * diagonal.sum::<f64>()
    }

    /// `b^T A^-1 b`.
    pub(super) fn inverse_quadratic(&self, b: &[f64]) -> f64 {
        let mut solved: Vec<f64> = Vec::with_capacity(self.size);
        for (row, value) in b.iter().enumerate().take(self.size) {
            let known = &self.factor[row * self.size..][..=row];
            let done: f64 = known.iter().zip(&solved).map(|(l, v)| l * v).sum();
            solved.push((value - done) / known[row]);
        }
        solved.iter().map(|v| v * v).sum()
    }
}

/// `[k, k]` rows and columns of `matrix` `[n, n]` that `mask` picks.
pub(super) fn submatrix(matrix: &[f64], size: usize, mask: u16) -> Vec<f64> {
    let kept: Vec<usize> = (0..size).filter(|i| mask >> i & 1 == 1).collect();
    let rows = kept
        .iter()
        .flat_map(|&i| kept.iter().map(move |&j| i * size + j));
    rows.map(|place| matrix[place]).collect()
}

/// log Gamma(x) for x > 0: Stirling's series, shifted by the recurrence until it is exact in f64.
pub(super) fn log_gamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x, 0.0);
    while x < 12.0 {
        shift += x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series = 1.0 / 12.0
        - inverse
            * (1.0 / 360.0
                - inverse
                    * (1.0 / 1260.0
                        - inverse
                            * (1.0 / 1680.0
                                - inverse * (1.0 / 1188.0 - inverse * (691.0 / 360_360.0)))));
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series / x - shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_gamma_at_known_values() {
        let pi = std::f64::consts::PI;
        let known = [
            (1.0, 0.0),
            (0.5, 0.5 * pi.ln()),
            (1.5, 0.5 * pi.ln() - 2.0_f64.ln()),
            (6.0, 120.0_f64.ln()),
            (13.0, 479_001_600.0_f64.ln()),
        ];
        for (x, expected) in known {
            assert!((log_gamma(x) - expected).abs() < 1e-13, "{x}");
        }
        assert!((log_gamma(50.3) - log_gamma(51.3) + 50.3_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn a_two_by_two_matrix() {
        let factor = Cholesky::new(&[4.0, 2.0, 2.0, 3.0], 2).unwrap();
        assert!((factor.log_det() - 8.0_f64.ln()).abs() < 1e-14);
        // Inverse is [[3, -2], [-2, 4]] / 8.
        assert!((factor.inverse_quadratic(&[1.0, 2.0]) - 11.0 / 8.0).abs() < 1e-14);
        assert!(Cholesky::new(&[1.0, 2.0, 2.0, 1.0], 2).is_none());
    }
}
