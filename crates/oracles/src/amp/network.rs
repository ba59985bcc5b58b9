//! A small network: one hidden layer over sparse features.

use anabranch_core::Seed;
use rand::RngExt;
use rand::seq::SliceRandom;

use super::peptide::FEATURES;

/// Features of one peptide that are not 0, scaled.
pub(super) type Sparse = Vec<(u16, f32)>;

/// Units of the hidden layer.
const HIDDEN: usize = 32;
const LEARNING_RATE: f32 = 2e-3;
/// Decoupled, of the weights alone.
const WEIGHT_DECAY: f32 = 0.05;
const BATCH: usize = 32;
/// Most passes over the data.
const EPOCHS: usize = 40;
/// Passes without a lower loss on the validation fold after which training ends.
const PATIENCE: usize = 6;
const BETAS: (f32, f32) = (0.9, 0.999);
/// Share of features that are left out of a pass at random.
const DROPOUT: f64 = 0.2;

/// Parameters: `[FEATURES, HIDDEN]` first weights, `[HIDDEN]` first biases, `[HIDDEN]` second weights, the
/// second bias.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Network {
    values: Vec<f32>,
}

const FIRST_BIAS: usize = FEATURES * HIDDEN;
const SECOND: usize = FIRST_BIAS + HIDDEN;
const SECOND_BIAS: usize = SECOND + HIDDEN;
const PARAMETERS: usize = SECOND_BIAS + 1;

impl Network {
    fn new(seed: Seed) -> Self {
        let mut rng = seed.stream("amp_init", &[]);
        let mut values = vec![0.0; PARAMETERS];
        // Scaled features have some fifty entries of about 1.
        for value in &mut values[..FIRST_BIAS] {
            *value = rng.random_range(-0.1..0.1);
        }
        for value in &mut values[SECOND..SECOND_BIAS] {
            *value = rng.random_range(-0.2..0.2);
        }
        Self { values }
    }

    fn hidden(&self, features: &[(u16, f32)]) -> [f32; HIDDEN] {
        let mut sums = [0.0; HIDDEN];
        sums.copy_from_slice(&self.values[FIRST_BIAS..SECOND]);
        for &(index, value) in features {
            let row = &self.values[usize::from(index) * HIDDEN..][..HIDDEN];
            for (sum, weight) in sums.iter_mut().zip(row) {
                *sum += value * weight;
            }
        }
        sums
    }

    fn logit_of(&self, hidden: &[f32; HIDDEN]) -> f32 {
        let weights = &self.values[SECOND..SECOND_BIAS];
        let products = hidden.iter().zip(weights).map(|(h, w)| h.max(0.0) * w);
        self.values[SECOND_BIAS] + products.sum::<f32>()
    }

    /// Log-odds of being antimicrobial.
    pub(super) fn logit(&self, features: &[(u16, f32)]) -> f64 {
        f64::from(self.logit_of(&self.hidden(features)))
    }

    /// Mean cross-entropy over examples, in nats.
    fn loss(&self, examples: &[(&Sparse, bool)]) -> f64 {
        let losses = examples.iter().map(|(features, class)| {
            let z = self.logit(features);
            let z = if *class { z } else { -z };
            // log(1 + e^-z) without overflow.
            (-z).max(0.0) + (-z.abs()).exp().ln_1p()
        });
        losses.sum::<f64>() / examples.len().max(1) as f64
    }

    /// Adds the gradient of one example's cross-entropy, times `weight`, to `sums`.
    fn differentiate(&self, features: &[(u16, f32)], class: bool, weight: f32, sums: &mut [f32]) {
        let hidden = self.hidden(features);
        let probability = 1.0 / (1.0 + (-self.logit_of(&hidden)).exp());
        let slope = weight * (probability - f32::from(u8::from(class)));
        sums[SECOND_BIAS] += slope;
        let mut slopes = [0.0; HIDDEN];
        for (i, h) in hidden.iter().enumerate().filter(|(_, h)| **h > 0.0) {
            sums[SECOND + i] += slope * h;
            slopes[i] = slope * self.values[SECOND + i];
            sums[FIRST_BIAS + i] += slopes[i];
        }
        for &(index, value) in features {
            let row = &mut sums[usize::from(index) * HIDDEN..][..HIDDEN];
            for (sum, slope) in row.iter_mut().zip(&slopes) {
                *sum += value * slope;
            }
        }
    }
}

/// Trains on `train` until the loss on `held` no longer falls, and returns the weights that were best
/// there.
pub(super) fn train(train: &[(&Sparse, bool)], held: &[(&Sparse, bool)], seed: Seed) -> Network {
    let mut network = Network::new(seed);
    let (mut first, mut second) = (vec![0.0_f32; PARAMETERS], vec![0.0_f32; PARAMETERS]);
    let mut best = (network.loss(held), network.clone());
    let mut order: Vec<usize> = (0..train.len()).collect();
    let (mut step, mut worse) = (0_i32, 0);
    for epoch in 0..EPOCHS {
        let mut rng = seed.stream("amp_epoch", &[epoch as u64]);
        order.shuffle(&mut rng);
        for batch in order.chunks(BATCH) {
            let mut sums = vec![0.0; PARAMETERS];
            for &i in batch {
                let (features, class) = train[i];
                let kept: Sparse = features
                    .iter()
                    .filter(|_| rng.random::<f64>() >= DROPOUT)
                    .map(|&(index, value)| (index, value / (1.0 - DROPOUT as f32)))
                    .collect();
                network.differentiate(&kept, class, 1.0 / batch.len() as f32, &mut sums);
            }
            step += 1;
            let unbias = (1.0 - BETAS.0.powi(step), 1.0 - BETAS.1.powi(step));
            for (i, (value, grad)) in network.values.iter_mut().zip(&sums).enumerate() {
                first[i] = BETAS.0 * first[i] + (1.0 - BETAS.0) * grad;
                second[i] = BETAS.1 * second[i] + (1.0 - BETAS.1) * grad * grad;
                let move_by = first[i] / unbias.0 / ((second[i] / unbias.1).sqrt() + 1e-8);
                *value -= LEARNING_RATE * (move_by + WEIGHT_DECAY * *value);
            }
        }
        let loss = network.loss(held);
        if loss < best.0 {
            best = (loss, network.clone());
            worse = 0;
        } else {
            worse += 1;
            if worse >= PATIENCE {
                break;
            }
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let mut network = Network::new(Seed::new(3));
        let features: Sparse = vec![(0, 1.5), (7, -0.4), (100, 2.0)];
        let mut sums = vec![0.0; PARAMETERS];
        network.differentiate(&features, true, 1.0, &mut sums);
        let places = [
            0,
            5,
            7 * HIDDEN + 3,
            FIRST_BIAS + 2,
            SECOND + 4,
            SECOND_BIAS,
        ];
        for place in places {
            let kept = network.values[place];
            let mut at = |value: f32| {
                network.values[place] = value;
                network.loss(&[(&features, true)])
            };
            let slope = (at(kept + 1e-3) - at(kept - 1e-3)) / 2e-3;
            at(kept);
            assert!((slope - f64::from(sums[place])).abs() < 2e-4, "{place}");
        }
    }
}
