//! Medians and slopes.

/// The middle of `values`, the mean of the middle two of an even number; `None` of none.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

/// The slope of log y against log x by least squares: 1 where y grows in proportion to x.
pub fn log_log_slope(points: &[(f64, f64)]) -> Option<f64> {
    if points.len() < 2 {
        return None;
    }
    let n = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (mx, my) = (mean(|p| p.0.ln()), mean(|p| p.1.ln()));
    let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
        points
            .iter()
            .map(|(x, y)| of(x.ln() - mx, y.ln() - my))
            .sum()
    };
    Some(sum(&|x, y| x * y) / sum(&|x, _| x * x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_even_and_none() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn the_slope_is_the_power() {
        let points: Vec<(f64, f64)> = [1.0, 2.0, 8.0].map(|x: f64| (x, 5.0 * x.powf(1.5))).into();
        let slope = log_log_slope(&points).expect("three points");
        assert!((slope - 1.5).abs() < 1e-12, "{slope}");
        assert_eq!(log_log_slope(&points[..1]), None);
    }
}
