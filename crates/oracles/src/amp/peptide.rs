//! Peptides and what a network sees of them.

use std::fmt;

use super::AmpError;

/// The twenty amino acids in the order of their numbers.
pub const RESIDUES: &str = "ACDEFGHIKLMNPQRSTVWY";

/// Number of amino acids.
const KINDS: usize = 20;

/// Consensus hydrophobicity of each residue in the order of [`RESIDUES`] (Eisenberg, Annu. Rev. Biochem.
/// 53:595, 1984, the scale that is not normalised).
const HYDROPHOBICITY: [f32; KINDS] = [
    0.62, 0.29, -0.90, -0.74, 1.19, 0.48, -0.40, 1.38, -1.50, 1.06, 0.64, -0.78, 0.12, -0.85,
    -2.53, -0.18, -0.05, 1.08, 0.81, 0.26,
];

/// Features that are not counts of letters; they come first.
pub(super) const GLOBALS: usize = 10;
/// Length of a feature vector.
pub(super) const FEATURES: usize = GLOBALS + KINDS + KINDS * KINDS;

/// Residues of a helix's stretch over which the largest moment is sought: three turns.
const WINDOW: usize = 11;

/// A peptide: at least one of the twenty amino acids.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peptide(Vec<u8>);

impl Peptide {
    /// Reads one-letter codes.
    ///
    /// # Errors
    /// For an empty text and letters that are no amino acid, lower case among them.
    pub fn from_text(text: &str) -> Result<Self, AmpError> {
        let residues: Result<Vec<u8>, AmpError> = text
            .chars()
            .enumerate()
            .map(|(i, letter)| {
                let number = RESIDUES.chars().position(|r| r == letter);
                number.map(|n| n as u8).ok_or(AmpError::Residue {
                    letter,
                    position: i + 1,
                })
            })
            .collect();
        match residues? {
            residues if residues.is_empty() => Err(AmpError::Empty),
            residues => Ok(Self(residues)),
        }
    }

    /// Numbers of the residues in the order of [`RESIDUES`].
    #[must_use]
    pub fn residues(&self) -> &[u8] {
        &self.0
    }

    /// Net charge near pH 7 in elementary charges: K and R +1, H +0.1, D and E -1; ends not counted.
    #[must_use]
    pub fn charge(&self) -> f32 {
        self.0.iter().map(|&r| residue_charge(r)).sum()
    }

    /// Mean hydrophobicity by Eisenberg's consensus scale.
    #[must_use]
    pub fn hydrophobicity(&self) -> f32 {
        self.0
            .iter()
            .map(|&r| HYDROPHOBICITY[usize::from(r)])
            .sum::<f32>()
            / self.0.len() as f32
    }

    /// How far letters and their order are from a repeat, 0 to 1 each: the entropy of its letters by the
    /// greatest that its length allows, and the share of distinct triples among its triples (1 with
    /// fewer than three residues).
    #[must_use]
    pub fn variety(&self) -> [f64; 2] {
        let n = self.0.len() as f64;
        let mut counts = [0_u32; KINDS];
        for &r in &self.0 {
            counts[usize::from(r)] += 1;
        }
        let shares = counts.iter().filter(|&&c| c > 0).map(|&c| f64::from(c) / n);
        let entropy: f64 = shares.map(|p| -p * p.ln()).sum();
        let most = n.min(KINDS as f64).ln();
        let mut triples: Vec<&[u8]> = self.0.windows(3).collect();
        let all = triples.len();
        triples.sort_unstable();
        triples.dedup();
        [
            // Of one letter the sum is -0.
            if most > 0.0 {
                (entropy / most).max(0.0)
            } else {
                0.0
            },
            if all > 0 {
                triples.len() as f64 / all as f64
            } else {
                1.0
            },
        ]
    }

    /// Features that are not 0 by their numbers: ten of the whole peptide, shares of residues, shares of
    /// pairs of neighbours.
    pub(super) fn features(&self) -> Vec<(u16, f32)> {
        let n = self.0.len() as f32;
        let count = |letters: &str| {
            let is = |&&r: &&u8| letters.contains(RESIDUES.as_bytes()[usize::from(r)] as char);
            self.0.iter().filter(is).count() as f32 / n
        };
        let variety = self.variety();
        let globals: [f32; GLOBALS] = [
            n.ln(),
            self.charge() / n,
            self.charge(),
            self.hydrophobicity(),
            moment(&self.0, 100.0),
            moment(&self.0, 165.0),
            self.0
                .windows(WINDOW.min(self.0.len()))
                .map(|part| moment(part, 100.0))
                .fold(0.0, f32::max),
            count("FWY"),
            count("AVLIMFWC"),
            variety[0] as f32,
        ];
        let mut sparse: Vec<(u16, f32)> = (0..).zip(globals).collect();
        let mut counts = vec![0.0_f32; FEATURES - GLOBALS];
        for &r in &self.0 {
            counts[usize::from(r)] += 1.0 / n;
        }
        for pair in self.0.windows(2) {
            counts[KINDS + KINDS * usize::from(pair[0]) + usize::from(pair[1])] += 1.0 / (n - 1.0);
        }
        let counts = (GLOBALS as u16..).zip(counts).filter(|(_, c)| *c > 0.0);
        sparse.extend(counts);
        sparse
    }
}

impl fmt::Display for Peptide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = self
            .0
            .iter()
            .map(|&r| RESIDUES.as_bytes()[usize::from(r)] as char);
        f.write_str(&letters.collect::<String>())
    }
}

impl fmt::Debug for Peptide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

fn residue_charge(residue: u8) -> f32 {
    match RESIDUES.as_bytes()[usize::from(residue)] {
        b'K' | b'R' => 1.0,
        b'H' => 0.1,
        b'D' | b'E' => -1.0,
        _ => 0.0,
    }
}

/// Hydrophobic moment of a stretch per residue, at so many degrees from one residue to the next
/// (Eisenberg, Weiss and Terwilliger, Nature 299:371, 1982): 100 for a helix, 160 to 180 for a strand.
fn moment(residues: &[u8], degrees: f32) -> f32 {
    let (mut sin, mut cos) = (0.0, 0.0);
    for (i, &r) in residues.iter().enumerate() {
        let angle = (degrees * i as f32).to_radians();
        sin += HYDROPHOBICITY[usize::from(r)] * angle.sin();
        cos += HYDROPHOBICITY[usize::from(r)] * angle.cos();
    }
    sin.hypot(cos) / residues.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peptide(text: &str) -> Peptide {
        Peptide::from_text(text).unwrap()
    }

    #[test]
    fn texts_are_read_and_refused() {
        assert_eq!(peptide("GLFDIVKKVV").to_string(), "GLFDIVKKVV");
        assert!(matches!(Peptide::from_text(""), Err(AmpError::Empty)));
        let error = Peptide::from_text("GLXK").unwrap_err().to_string();
        assert!(error.contains("'X' at position 3"), "{error}");
        assert!(Peptide::from_text("glk").is_err());
    }

    /// By hand: KKDE has 0; KRH 2.1; mean of A and K is (0.62 - 1.50) / 2.
    #[test]
    fn charge_and_hydrophobicity_by_hand() {
        assert_eq!(peptide("KKDE").charge(), 0.0);
        assert!((peptide("KRH").charge() - 2.1).abs() < 1e-6);
        assert!((peptide("AK").hydrophobicity() + 0.44).abs() < 1e-6);
        // At 180 degrees from one to the next: |0.62 + 1.50| / 2.
        assert!((moment(peptide("AK").residues(), 180.0) - 1.06).abs() < 1e-5);
    }

    #[test]
    fn repeats_have_no_variety() {
        assert_eq!(peptide("KKKKKKKK").variety(), [0.0, 1.0 / 6.0]);
        assert_eq!(peptide("K").variety(), [0.0, 1.0]);
        let [entropy, triples] = peptide("ACDEFGHI").variety();
        assert!((entropy - 1.0).abs() < 1e-12 && triples == 1.0);
        let [entropy, triples] = peptide("KLKLKLKL").variety();
        assert!((entropy - 1.0 / 3.0).abs() < 1e-12 && (triples - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn features_are_shares() {
        let features = peptide("GLGL").features();
        let of = |index: usize| {
            let found = features.iter().find(|(i, _)| usize::from(*i) == index);
            found.map_or(0.0, |f| f.1)
        };
        let (g, l) = (5, 9);
        assert_eq!((of(GLOBALS + g), of(GLOBALS + l)), (0.5, 0.5));
        assert!((of(GLOBALS + 20 + 20 * g + l) - 2.0 / 3.0).abs() < 1e-6);
        assert!((of(GLOBALS + 20 + 20 * l + g) - 1.0 / 3.0).abs() < 1e-6);
        assert_eq!(of(0), 4.0_f32.ln());
        assert!(peptide("W").features().iter().all(|(_, v)| v.is_finite()));
    }
}
