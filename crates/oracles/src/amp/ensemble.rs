//! Several networks, and what is known of them on peptides they have not seen.

use std::collections::BTreeMap;

use anabranch_core::Seed;
use anabranch_core::metric::roc_auc;
use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::data::{Labelled, kinship};
use super::network::{Network, Sparse, train};
use super::peptide::{FEATURES, GLOBALS};
use super::{AmpError, Peptide};

/// Networks of an ensemble; each is stopped by a fifth of what is not tested on.
pub const MEMBERS: usize = 5;
/// Share of the groups of kin that are tested on.
const TESTED: f64 = 0.2;
/// Fewest peptides of each class.
const LEAST: usize = 50;
/// Share of the antimicrobial peptides whose variety counts as too little.
const REPETITIVE: f64 = 0.05;
/// Bins of the calibration error.
const BINS: usize = 10;

/// How well the ensemble does on groups of kin that no member has seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// Peptides that networks were trained or stopped on.
    pub trained: usize,
    /// Peptides tested on.
    pub tested: usize,
    /// Groups of kin among all.
    pub groups: usize,
    /// Peptides in the largest group.
    pub largest: usize,
    /// Area under the ROC curve of the mean probability.
    pub auc: f64,
    /// The same of length alone, the better direction: what the classes' lengths give away.
    pub auc_of_length: f64,
    /// The same of net charge alone.
    pub auc_of_charge: f64,
    /// Share classified rightly at a probability of 0.5.
    pub accuracy: f64,
    /// Mean |probability - share of antimicrobial ones| over ten bins of probability, by their sizes.
    pub calibration_error: f64,
}

/// What an ensemble says of a peptide.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Mean probability of being antimicrobial.
    pub probability: f64,
    /// Standard deviation over the members.
    pub deviation: f64,
    /// 1 for a peptide as varied as antimicrobial ones are, towards 0 for a repeat: the smaller of
    /// [`Peptide::variety`] divided by what all but 5 % of the antimicrobial peptides reach, at most 1.
    pub complexity: f64,
}

/// A classifier of antimicrobial peptides.
#[derive(Clone, Debug, PartialEq)]
pub struct AmpEnsemble {
    members: Vec<Network>,
    scale: Scale,
    least_variety: [f64; 2],
    held: Held,
}

/// `[FEATURES]` what features are divided by, and what is taken off the first ones.
#[derive(Clone, Debug, PartialEq)]
struct Scale {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Scale {
    fn of(all: &[Sparse]) -> Self {
        let n = all.len() as f64;
        let mut sums = vec![(0.0_f64, 0.0_f64); FEATURES];
        for &(index, value) in all.iter().flatten() {
            let sum = &mut sums[usize::from(index)];
            sum.0 += f64::from(value);
            sum.1 += f64::from(value) * f64::from(value);
        }
        let mean = |&(sum, _): &(f64, f64)| sum / n;
        let deviation = |s: &(f64, f64)| (s.1 / n - mean(s).powi(2)).max(0.0).sqrt();
        Self {
            mean: sums[..GLOBALS].iter().map(|s| mean(s) as f32).collect(),
            // A pair of letters that hardly ever comes would be blown up without a least deviation.
            deviation: sums.iter().map(|s| deviation(s).max(5e-3) as f32).collect(),
        }
    }

    fn apply(&self, features: &mut Sparse) {
        for (index, value) in features {
            let index = usize::from(*index);
            *value -= self.mean.get(index).copied().unwrap_or(0.0);
            *value /= self.deviation[index];
        }
    }
}

impl AmpEnsemble {
    /// Trains on labelled peptides; the same data and seed give the same bits.
    ///
    /// Groups of [`kinship`] are dealt out whole: a fifth is tested on, and member i is trained on four
    /// fifths of the rest and stopped by the other fifth.
    ///
    /// # Errors
    /// Where there are too few peptides of a class.
    pub fn train(data: &Labelled, seed: Seed) -> Result<Self, AmpError> {
        let (positives, negatives) = data.counts();
        if positives.min(negatives) < LEAST {
            return Err(AmpError::TooFew {
                positives,
                negatives,
                least: LEAST,
            });
        }
        let peptides: Vec<&Peptide> = data.peptides.iter().map(|(peptide, _)| peptide).collect();
        let groups = kinship(&peptides);
        let (folds, sizes) = deal(&groups, seed);
        let mut features: Vec<Sparse> = peptides.par_iter().map(|p| p.features()).collect();
        let unseen = |i: usize| folds[i] == MEMBERS;
        let seen: Vec<Sparse> = (0..features.len())
            .filter(|&i| !unseen(i))
            .map(|i| features[i].clone())
            .collect();
        let scale = Scale::of(&seen);
        features.par_iter_mut().for_each(|f| scale.apply(f));
        let members: Vec<Network> = (0..MEMBERS)
            .into_par_iter()
            .map(|member| {
                let examples = |held: bool| -> Vec<(&Sparse, bool)> {
                    (0..features.len())
                        .filter(|&i| !unseen(i) && (folds[i] == member) == held)
                        .map(|i| (&features[i], data.peptides[i].1))
                        .collect()
                };
                let own = Seed::new(seed.value().wrapping_add(1 + member as u64));
                train(&examples(false), &examples(true), own)
            })
            .collect();
        let mut out = Self {
            members,
            scale,
            least_variety: least_variety(data, &folds),
            held: Held {
                trained: seen.len(),
                tested: features.len() - seen.len(),
                groups: sizes.len(),
                largest: sizes.into_iter().max().unwrap_or(0),
                auc: f64::NAN,
                auc_of_length: f64::NAN,
                auc_of_charge: f64::NAN,
                accuracy: f64::NAN,
                calibration_error: f64::NAN,
            },
        };
        let tested: Vec<&(Peptide, bool)> = (0..features.len())
            .filter(|&i| unseen(i))
            .map(|i| &data.peptides[i])
            .collect();
        out.measure(&tested);
        Ok(out)
    }

    /// How well it does on what it has not seen.
    #[must_use]
    pub fn held(&self) -> &Held {
        &self.held
    }

    /// What it says of a peptide.
    #[must_use]
    pub fn predict(&self, peptide: &Peptide) -> Prediction {
        let mut features = peptide.features();
        self.scale.apply(&mut features);
        let all: Vec<f64> = self
            .members
            .iter()
            .map(|member| 1.0 / (1.0 + (-member.logit(&features)).exp()))
            .collect();
        let n = all.len() as f64;
        let probability = all.iter().sum::<f64>() / n;
        let variance = all.iter().map(|p| (p - probability).powi(2)).sum::<f64>() / n;
        let variety = peptide.variety();
        let shares = variety.iter().zip(self.least_variety);
        Prediction {
            probability,
            deviation: variance.sqrt(),
            complexity: shares.map(|(v, least)| v / least).fold(1.0, f64::min),
        }
    }

    fn measure(&mut self, tested: &[&(Peptide, bool)]) {
        let classes: Vec<bool> = tested.iter().map(|(_, class)| *class).collect();
        let over = |f: &(dyn Fn(&Peptide) -> f64 + Sync)| -> Vec<f64> {
            tested.par_iter().map(|(peptide, _)| f(peptide)).collect()
        };
        let auc = |scores: &[f64]| roc_auc(scores, &classes).unwrap_or(f64::NAN);
        let either = |scores: &[f64]| auc(scores).max(1.0 - auc(scores));
        let p = over(&|peptide| self.predict(peptide).probability);
        let right = p
            .iter()
            .zip(&classes)
            .filter(|(p, class)| (**p >= 0.5) == **class);
        let held = Held {
            auc: auc(&p),
            auc_of_length: either(&over(&|peptide| peptide.residues().len() as f64)),
            auc_of_charge: either(&over(&|peptide| f64::from(peptide.charge()))),
            accuracy: right.count() as f64 / p.len().max(1) as f64,
            calibration_error: calibration_error(&p, &classes),
            ..self.held.clone()
        };
        self.held = held;
    }
}

/// `[N]` the fold of each peptide, [`MEMBERS`] for those tested on; and the sizes of the groups.
fn deal(groups: &[usize], seed: Seed) -> (Vec<usize>, Vec<usize>) {
    let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
    for group in groups {
        *sizes.entry(*group).or_default() += 1;
    }
    let mut order: Vec<(usize, usize)> = sizes.iter().map(|(g, n)| (*g, *n)).collect();
    order.shuffle(&mut seed.stream("amp_folds", &[]));
    // A group larger than a fold's share of what is tested on would be most of the test: it is trained on.
    let wanted = TESTED * groups.len() as f64;
    let mut tested = 0;
    let mut fold_of = BTreeMap::new();
    let mut folds = [0_usize; MEMBERS];
    for (group, size) in order {
        if (size as f64) < 0.1 * wanted && ((tested + size) as f64) <= wanted {
            tested += size;
            fold_of.insert(group, MEMBERS);
            continue;
        }
        let least = (0..MEMBERS).min_by_key(|&f| folds[f]).unwrap_or(0);
        folds[least] += size;
        fold_of.insert(group, least);
    }
    let of_peptides = groups.iter().map(|group| fold_of[group]).collect();
    (of_peptides, sizes.into_values().collect())
}

/// What all but 5 % of the antimicrobial peptides that are trained on reach of each variety.
fn least_variety(data: &Labelled, folds: &[usize]) -> [f64; 2] {
    let known = data.peptides.iter().zip(folds);
    let known = known.filter(|((_, class), fold)| *class && **fold < MEMBERS);
    let varieties: Vec<[f64; 2]> = known.map(|((p, _), _)| p.variety()).collect();
    [0, 1].map(|which| {
        let mut values: Vec<f64> = varieties.iter().map(|v| v[which]).collect();
        values.sort_by(f64::total_cmp);
        let place = (REPETITIVE * values.len() as f64) as usize;
        values.get(place).copied().unwrap_or(1.0).max(1e-3)
    })
}

fn calibration_error(probabilities: &[f64], classes: &[bool]) -> f64 {
    let mut bins = [(0.0, 0.0, 0.0); BINS];
    for (p, class) in probabilities.iter().zip(classes) {
        let bin = &mut bins[((p * BINS as f64) as usize).min(BINS - 1)];
        bin.0 += p;
        bin.1 += f64::from(u8::from(*class));
        bin.2 += 1.0;
    }
    let errors = bins
        .iter()
        .map(|(p, class, _): &(f64, f64, f64)| (p - class).abs());
    errors.sum::<f64>() / probabilities.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half of the 0.9s and none of the 0.05s: (0.4 * 2 + 0.05 * 2) / 4.
    #[test]
    fn calibration_by_hand() {
        let error = calibration_error(&[0.9, 0.9, 0.05, 0.05], &[true, false, false, false]);
        assert!((error - (0.8 + 0.1) / 4.0).abs() < 1e-12);
    }

    #[test]
    fn groups_are_dealt_out_whole() {
        let groups: Vec<usize> = (0..1000).map(|i| i / 3).collect();
        let (folds, sizes) = deal(&groups, Seed::new(1));
        assert_eq!(sizes.len(), 334);
        for (i, group) in groups.iter().enumerate() {
            assert_eq!(folds[i], folds[group * 3]);
        }
        let tested = folds.iter().filter(|f| **f == MEMBERS).count();
        assert!((195..=200).contains(&tested), "{tested}");
        for fold in 0..MEMBERS {
            let size = folds.iter().filter(|f| **f == fold).count();
            assert!((150..=170).contains(&size), "{size}");
        }
    }

    /// Peptides of two compositions are told apart, twice with the same bits.
    #[test]
    fn training_is_deterministic_and_learns() {
        let mut rng = Seed::new(5).stream("peptides", &[]);
        let mut draw = |letters: &str, class: bool| -> Vec<(Peptide, bool)> {
            let letters: Vec<char> = letters.chars().collect();
            (0..150)
                .map(|_| {
                    use rand::RngExt;
                    let text: String = (0..15)
                        .map(|_| letters[rng.random_range(0..letters.len())])
                        .collect();
                    (Peptide::from_text(&text).unwrap(), class)
                })
                .collect()
        };
        let mut all = draw("KKRLLIWGACF", true);
        all.extend(draw("DDESTNQGACP", false));
        let data = Labelled::of(all);
        let ensemble = AmpEnsemble::train(&data, Seed::new(0)).unwrap();
        assert!(ensemble.held().auc > 0.95, "{:?}", ensemble.held());
        let one = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        let again = one.install(|| AmpEnsemble::train(&data, Seed::new(0)).unwrap());
        assert_eq!(ensemble, again);
        assert_ne!(ensemble, AmpEnsemble::train(&data, Seed::new(1)).unwrap());
        let repeat = ensemble.predict(&Peptide::from_text("KKKKKKKKKKKK").unwrap());
        assert!(repeat.complexity < 0.2, "{repeat:?}");
        let few = Labelled::of(data.peptides[..60].to_vec());
        assert!(AmpEnsemble::train(&few, Seed::new(0)).is_err());
    }
}
