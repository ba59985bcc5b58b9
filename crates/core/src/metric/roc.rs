//! How well scores tell two classes apart.

/// Area under the ROC curve: the probability that a positive example scores above a negative one, ties
/// counting half (Mann-Whitney's U over the number of pairs). `scores` and `positive` are `[N]`; `None`
/// without examples of both classes, for different lengths or for a score that is NaN.
#[must_use]
pub fn roc_auc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    if scores.len() != positive.len() || scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let (mut pairs_won, mut negatives, mut positives) = (0.0, 0.0, 0.0);
    for tied in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let up = tied.iter().filter(|&&i| positive[i]).count() as f64;
        let down = tied.len() as f64 - up;
        pairs_won += up * (negatives + 0.5 * down);
        negatives += down;
        positives += up;
    }
    (positives * negatives > 0.0).then(|| pairs_won / (positives * negatives))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Over all pairs, slower and plainer.
    fn naive(scores: &[f64], positive: &[bool]) -> f64 {
        let (mut won, mut pairs) = (0.0, 0.0);
        for (a, up) in scores.iter().zip(positive) {
            for (b, other) in scores.iter().zip(positive) {
                if *up && !*other {
                    pairs += 1.0;
                    won += if a > b {
                        1.0
                    } else if a == b {
                        0.5
                    } else {
                        0.0
                    };
                }
            }
        }
        won / pairs
    }

    #[test]
    fn ranks_give_what_pairs_give() {
        let scores: Vec<f64> = (0..60).map(|i| f64::from(i * 37 % 11) - 3.0).collect();
        let positive: Vec<bool> = (0..60).map(|i| i * 29 % 7 < 3).collect();
        let auc = roc_auc(&scores, &positive).unwrap();
        assert!((auc - naive(&scores, &positive)).abs() < 1e-12);
    }

    #[test]
    fn by_hand() {
        let classes = [false, false, true, true];
        assert_eq!(roc_auc(&[0.1, 0.2, 0.3, 0.4], &classes), Some(1.0));
        assert_eq!(roc_auc(&[4.0, 3.0, 2.0, 1.0], &classes), Some(0.0));
        assert_eq!(roc_auc(&[1.0; 4], &classes), Some(0.5));
        assert_eq!(roc_auc(&[-0.0, 0.0, 0.0, -0.0], &classes), Some(0.5));
        assert_eq!(roc_auc(&[0.1, 0.4, 0.35, 0.8], &classes), Some(0.75));
        assert_eq!(roc_auc(&[1.0, 2.0], &[true, true]), None);
        assert_eq!(roc_auc(&[1.0], &[true, false]), None);
        assert_eq!(roc_auc(&[f64::NAN, 1.0], &[true, false]), None);
    }
}
