//! Laws of transforms and combinations.

use anabranch_oracles::{Combine, Desirability, Side, Transform};
use proptest::prelude::*;

const COMBINES: [Combine; 4] = [
    Combine::Product,
    Combine::Sum,
    Combine::GeometricMean,
    Combine::Tchebycheff,
];

/// Transforms that never fall as the value rises, and whose scores are from 0 to 1.
fn rising() -> impl Strategy<Value = Transform> {
    let shape = prop_oneof![
        (-1e3..1e3, 1e-3..1e3).prop_map(|(low, width)| Desirability::Higher {
            low,
            high: low + width
        }),
        (-1e3..1e3, 1e-3..1e3)
            .prop_map(|(midpoint, slope)| Desirability::Sigmoid { midpoint, slope }),
        (-1e3..1e3, 1e-3..1e3).prop_map(|(low, width)| Desirability::SigmoidBetween {
            low,
            high: low + width
        }),
        (-1e3..1e3).prop_map(|threshold| Desirability::Step {
            threshold,
            side: Side::Above
        }),
    ];
    (shape, 0.1..5.0).prop_map(|(shape, power)| Transform::new(shape).with_power(power))
}

/// The transform that wants the opposite.
fn falling(transform: Transform) -> Transform {
    let desirability = match transform.desirability {
        Desirability::Higher { low, high } => Desirability::Lower { low, high },
        Desirability::Sigmoid { midpoint, slope } => Desirability::Sigmoid {
            midpoint,
            slope: -slope,
        },
        Desirability::SigmoidBetween { low, high } => Desirability::SigmoidBetween {
            low: high,
            high: low,
        },
        Desirability::Step { threshold, .. } => Desirability::Step {
            threshold,
            side: Side::Below,
        },
        other => other,
    };
    Transform {
        desirability,
        ..transform
    }
}

proptest! {
    #[test]
    fn transforms_are_monotone_and_from_0_to_1(
        transform in rising(),
        a in -2e3..2e3,
        b in -2e3..2e3,
    ) {
        let (low, high) = if a < b { (a, b) } else { (b, a) };
        transform.check("x").unwrap();
        let of = |t: Transform, v| t.apply("x", v).unwrap();
        for t in [transform, falling(transform)] {
            for v in [low, high, f64::MAX, f64::MIN] {
                prop_assert!((0.0..=1.0).contains(&of(t, v)), "{t:?} of {v} is {}", of(t, v));
            }
        }
        prop_assert!(of(transform, low) <= of(transform, high));
        prop_assert!(of(falling(transform), low) >= of(falling(transform), high));
        for v in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            prop_assert!(transform.apply("x", v).is_err());
        }
    }

    #[test]
    fn combinations_are_monotone_and_from_0_to_1(
        pairs in prop::collection::vec((0.0..=1.0_f64, 0.0..10.0_f64), 1..6),
        which in 0..6_usize,
        rise in 0.0..=1.0_f64,
    ) {
        let (scores, mut weights): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        weights[0] += 0.1;
        let mut better = scores.clone();
        let which = which % scores.len();
        better[which] += (1.0 - better[which]) * rise;
        for combine in COMBINES {
            let reward = combine.reward(&scores, &weights).unwrap();
            let higher = combine.reward(&better, &weights).unwrap();
            prop_assert!((0.0..=1.0 + 1e-12).contains(&reward), "{combine:?}: {reward}");
            prop_assert!(higher >= reward - 1e-12, "{combine:?}: {reward} to {higher}");
            // All best is best.
            let best = combine.reward(&vec![1.0; scores.len()], &weights).unwrap();
            prop_assert!((best - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn means_lie_between_the_scores_and_do_not_mind_the_scale_of_weights(
        pairs in prop::collection::vec((1e-3..=1.0_f64, 0.1..10.0_f64), 1..6),
        factor in 1e-3..1e3_f64,
    ) {
        let (scores, weights): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let lowest = scores.iter().copied().fold(f64::MAX, f64::min);
        let highest = scores.iter().copied().fold(0.0, f64::max);
        let scaled: Vec<f64> = weights.iter().map(|w| w * factor).collect();
        for combine in [Combine::Sum, Combine::GeometricMean, Combine::Tchebycheff] {
            let reward = combine.reward(&scores, &weights).unwrap();
            prop_assert!(reward >= lowest - 1e-12, "{combine:?}");
            prop_assert!(combine == Combine::Tchebycheff || reward <= highest + 1e-12, "{combine:?}");
            let same = combine.reward(&scores, &scaled).unwrap();
            prop_assert!((same - reward).abs() < 1e-9, "{combine:?}");
        }
    }

    #[test]
    fn no_number_that_is_none_comes_through(at in 0..3_usize, which in 0..4_usize) {
        let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.1][which];
        for combine in COMBINES {
            let (mut scores, mut weights) = ([0.5; 3], [1.0; 3]);
            scores[at] = bad;
            prop_assert!(combine.reward(&scores, &weights).is_err());
            weights[at] = bad;
            prop_assert!(combine.reward(&[0.5; 3], &weights).is_err());
        }
    }
}
