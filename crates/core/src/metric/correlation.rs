//! Correlation of two lists of numbers, such as log p(x) and log R(x) on a fixed test set.

/// Pearson's correlation of `[n]` and `[n]`, in -1 ..= 1.
///
/// `None` where it is undefined: fewer than two values, a list without spread, or a value that is not
/// finite.
///
/// # Panics
/// If the lengths differ.
pub fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    assert_eq!(x.len(), y.len(), "correlation is of pairs");
    let x = standardised(x)?;
    let y = standardised(y)?;
    let product: f64 = x.iter().zip(&y).map(|(a, b)| a * b).sum();
    Some(product.clamp(-1.0, 1.0))
}

/// Spearman's rank correlation of `[n]` and `[n]`, in -1 ..= 1: Pearson's of the ranks, where equal
/// values share the mean of their ranks.
///
/// `None` where it is undefined: fewer than two values, a list of equal values, or a NaN. Infinities
/// have ranks like any other value.
///
/// # Panics
/// If the lengths differ.
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    pearson(&ranks(x)?, &ranks(y)?)
}

/// `[n]` ranks from 1, ties averaged; `None` with a NaN.
fn ranks(values: &[f64]) -> Option<Vec<f64>> {
    if values.iter().any(|v| v.is_nan()) {
        return None;
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut out = vec![0.0; values.len()];
    let mut before = 0;
    // Not by total_cmp: 0.0 and -0.0 are a tie.
    for tie in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = before as f64 + (tie.len() as f64 + 1.0) / 2.0;
        tie.iter().for_each(|&place| out[place] = rank);
        before += tie.len();
    }
    Some(out)
}

/// Values less their mean, divided by the length of what remains; `None` without spread.
fn standardised(values: &[f64]) -> Option<Vec<f64>> {
    // Scaling first keeps the squares of 1e200 and of 1e-200 in range.
    let scale = values.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    let varies = values.iter().any(|v| *v != values[0]);
    if !varies || !values.iter().all(|v| v.is_finite()) {
        return None;
    }
    let mean = values.iter().map(|v| v / scale).sum::<f64>() / values.len() as f64;
    let mut out: Vec<f64> = values.iter().map(|v| v / scale - mean).collect();
    let norm = out.iter().map(|v| v * v).sum::<f64>().sqrt();
    out.iter_mut().for_each(|v| *v /= norm);
    (norm > 0.0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: deviations (-1.5, -.5, .5, 1.5) and (-1.5, .5, -.5, 1.5): 4 / 5.
    #[test]
    fn four_pairs() {
        let (x, y) = ([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 4.0]);
        assert!((pearson(&x, &y).unwrap() - 0.8).abs() < 1e-15);
        assert!((spearman(&x, &y).unwrap() - 0.8).abs() < 1e-15);
    }

    /// By hand: y ranks (1.5, 1.5, 3); deviations (-1, 0, 1) and (-.5, -.5, 1): 1.5 / sqrt(2 * 1.5).
    #[test]
    fn ties_share_their_mean_rank() {
        let rho = spearman(&[10.0, 20.0, 30.0], &[0.0, -0.0, 7.0]).unwrap();
        assert!((rho - 0.75_f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn only_order_matters_to_ranks() {
        let x = [0.3, -2.0, 5.0, 1.0, 1.5];
        let steep = x.map(|v: f64| (3.0 * v).exp());
        assert!((spearman(&x, &steep).unwrap() - 1.0).abs() < 1e-15);
        assert!(pearson(&x, &steep).unwrap() < 0.99);
        assert!((spearman(&x, &x.map(|v| -v)).unwrap() + 1.0).abs() < 1e-15);
        let lowest = [0.3, f64::NEG_INFINITY, 5.0, 1.0, 1.5];
        assert!((spearman(&x, &lowest).unwrap() - 1.0).abs() < 1e-15);
    }

    #[test]
    fn scale_and_shift_do_not_matter() {
        let (x, y) = ([1.0, 2.0, 4.0, 8.0], [3.0, 1.0, 9.0, 7.0]);
        let expected = pearson(&x, &y).unwrap();
        for scale in [1e-200, 1.0, 1e200] {
            let scaled = x.map(|v| v * scale + 5.0 * scale);
            assert!((pearson(&scaled, &y).unwrap() - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn undefined_is_none() {
        for (x, y) in [
            (&[][..], &[][..]),
            (&[1.0], &[2.0]),
            (&[0.1, 0.1, 0.1], &[1.0, 2.0, 3.0]),
            (&[f64::NAN, 1.0], &[1.0, 2.0]),
        ] {
            assert_eq!(pearson(x, y), None);
            assert_eq!(spearman(x, y), None);
        }
        assert_eq!(pearson(&[f64::INFINITY, 1.0], &[1.0, 2.0]), None);
    }
}
