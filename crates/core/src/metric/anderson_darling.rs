//! Whether several samples come from one distribution: the Anderson-Darling test for k samples.

/// Result of [`anderson_darling`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AndersonDarling {
    /// The standardised statistic T: about 0 on average where all samples have one distribution.
    pub statistic: f64,
    /// What the statistic exceeds with probability 0.05 where they have one.
    pub critical_5_percent: f64,
}

impl AndersonDarling {
    /// Statistic over critical value: above 1 the samples differ at the 5% level (Shen et al. 2023,
    /// arXiv 2305.07170, report this of sampled against target rewards).
    pub fn ratio(&self) -> f64 {
        self.statistic / self.critical_5_percent
    }
}

/// The k-sample Anderson-Darling test with midranks, so that ties are fair.
///
/// Scholz and Stephens 1987, J. Am. Stat. Assoc. 82: statistic by equation 7, its variance by equation 4,
/// the critical value by the interpolation 1.645 + 0.678 / sqrt(m) - 0.362 / m of table 2, where
/// m = k - 1. The same as `scipy.stats.anderson_ksamp` with `midrank=True`.
///
/// `None` where it is undefined: fewer than two samples, an empty one, fewer than four values in all, all
/// values equal, or a NaN.
///
/// # Complexity
/// N log N in the number of values, and k times the number of distinct ones.
pub fn anderson_darling(samples: &[&[f64]]) -> Option<AndersonDarling> {
    let sorted: Vec<Vec<f64>> = samples.iter().map(|sample| ascending(sample)).collect();
    let pooled = ascending(&samples.concat());
    let count = pooled.len();
    let nan = pooled.iter().any(|v| v.is_nan());
    if samples.len() < 2 || sorted.iter().any(Vec::is_empty) || count < 4 || nan {
        return None;
    }
    if pooled[0] == pooled[count - 1] {
        return None;
    }
    let n = count as f64;
    let mut below = 0.0;
    let mut at = vec![0; sorted.len()];
    let mut sums = vec![0.0; sorted.len()];
    for tie in pooled.chunk_by(|a, b| a == b) {
        let (value, many) = (tie[0], tie.len() as f64);
        // Midranks: half of a tie counts as below.
        let rank = below + many / 2.0;
        let spread = rank * (n - rank) - n * many / 4.0;
        for (i, sample) in sorted.iter().enumerate() {
            let own = sample[at[i]..].iter().take_while(|v| **v == value).count();
            let own_rank = at[i] as f64 + own as f64 / 2.0;
            at[i] += own;
            let gap = n * own_rank - rank * sample.len() as f64;
            sums[i] += many / n * gap * gap / spread;
        }
        below += many;
    }
    let each = sums
        .iter()
        .zip(&sorted)
        .map(|(sum, sample)| sum / sample.len() as f64);
    let raw = each.sum::<f64>() * (n - 1.0) / n;
    let m = (samples.len() - 1) as f64;
    Some(AndersonDarling {
        statistic: (raw - m) / variance(&sorted, count).sqrt(),
        critical_5_percent: 1.645 + 0.678 / m.sqrt() - 0.362 / m,
    })
}

fn ascending(values: &[f64]) -> Vec<f64> {
    let mut out = values.to_vec();
    out.sort_by(f64::total_cmp);
    out
}

/// Variance of the unstandardised statistic.
fn variance(samples: &[Vec<f64>], count: usize) -> f64 {
    let (k, n) = (samples.len() as f64, count as f64);
    let reciprocals: f64 = samples.iter().map(|s| 1.0 / s.len() as f64).sum();
    // h: sum of 1 / i below N; g: sum over i < j < N of 1 / ((N - i) j).
    let (mut h, mut g) = (0.0, 0.0);
    for i in (1..count).rev() {
        g += h / (count - i) as f64;
        h += 1.0 / i as f64;
    }
    let a = (4.0 * g - 6.0) * (k - 1.0) + (10.0 - 6.0 * g) * reciprocals;
    let b = (2.0 * g - 4.0) * k * k + 8.0 * h * k + (2.0 * g - 14.0 * h - 4.0) * reciprocals
        - 8.0 * h
        + 4.0 * g
        - 6.0;
    let c = (6.0 * h + 2.0 * g - 2.0) * k * k
        + (4.0 * h - 4.0 * g + 6.0) * k
        + (2.0 * h - 6.0) * reciprocals
        + 4.0 * h;
    let d = (2.0 * h + 6.0) * k * k - 4.0 * h * k;
    (a * n.powi(3) + b * n * n + c * n + d) / ((n - 1.0) * (n - 2.0) * (n - 3.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy 1.17.1, `anderson_ksamp(samples)` with its default midranks: statistic and the critical
    /// value at 5%; the last are the smoothness scores of four laboratories in Scholz and Stephens 1987.
    #[test]
    fn values_of_scipy() {
        let cases: [(&[&[f64]], f64, f64); 4] = [
            (
                &[
                    &[0.1, 0.4, 1.3, 2.2, 0.7],
                    &[0.5, 1.9, 2.5, 3.1],
                    &[1.1, 0.2, 4.0, 2.8, 3.3, 0.9],
                ],
                -0.059168355240265647,
                1.9434183976444794,
            ),
            (
                &[
                    &[1.0, 2.0, 2.0, 3.0, 3.0, 3.0],
                    &[2.0, 3.0, 4.0, 4.0, 5.0],
                    &[1.0, 1.0, 2.0, 5.0],
                ],
                1.360189257173524,
                1.9434183976444794,
            ),
            (
                &[&[1.0, 1.0, 2.0, 2.0, 3.0], &[3.0, 4.0, 4.0, 5.0, 5.0, 5.0]],
                6.11090743023714,
                1.961,
            ),
            (
                &[
                    &[38.7, 41.5, 43.8, 44.5, 45.5, 46.0, 47.7, 58.0],
                    &[39.2, 39.3, 39.7, 41.4, 41.8, 42.9, 43.3, 45.8],
                    &[34.0, 35.0, 39.0, 40.0, 43.0, 43.0, 44.0, 45.0],
                    &[34.0, 34.8, 34.8, 35.4, 37.2, 37.8, 41.2, 42.8],
                ],
                4.479780627135335,
                1.9157768158438997,
            ),
        ];
        for (samples, statistic, critical) in cases {
            let got = anderson_darling(samples).unwrap();
            assert!((got.statistic - statistic).abs() < 1e-12, "{got:?}");
            assert!((got.critical_5_percent - critical).abs() < 1e-12, "{got:?}");
            assert!((got.ratio() - statistic / critical).abs() < 1e-12);
        }
    }

    #[test]
    fn undefined_is_none() {
        let cases: [&[&[f64]]; 5] = [
            &[&[1.0, 2.0, 3.0, 4.0]],
            &[&[1.0, 2.0, 3.0, 4.0], &[]],
            &[&[1.0, 2.0], &[3.0]],
            &[&[1.0, 1.0], &[1.0, 1.0]],
            &[&[1.0, f64::NAN], &[1.0, 3.0]],
        ];
        for samples in cases {
            assert_eq!(anderson_darling(samples), None);
        }
        // 0 and -0 are a tie, in whichever sample.
        let zeros = anderson_darling(&[&[0.0, -0.0, 1.0], &[-0.0, 0.0, 1.0]]).unwrap();
        let plain = anderson_darling(&[&[0.0, 0.0, 1.0], &[0.0, 0.0, 1.0]]).unwrap();
        assert_eq!(zeros, plain);
    }
}
