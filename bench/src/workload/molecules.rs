//! Numbers of molecules, on one thread.

use std::fmt;
use std::fs;
use std::path::Path;

use anabranch_chem::{Descriptor, Fingerprint, Molecule, sa_score};
use anyhow::{Context as _, Result, ensure};

use super::{Context, Done, Workload};

/// What is done with a molecule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chemistry {
    /// Reading its SMILES.
    Parse,
    /// QED.
    Qed,
    /// The score of synthetic accessibility.
    Sa,
    /// The Morgan fingerprint of radius 2 with 2,048 bits.
    Morgan,
}

impl Chemistry {
    const ALL: [(Self, &str); 4] = [
        (Self::Parse, "parse"),
        (Self::Qed, "qed"),
        (Self::Sa, "sa"),
        (Self::Morgan, "morgan"),
    ];

    pub(super) fn parse(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name)?;
        Some(found.0)
    }
}

impl fmt::Display for Chemistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(what, _)| what == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

/// A list of molecules, gone through again and again. Those that cannot be read or have no value are
/// left out, so that no error is in what is measured.
pub struct Molecules {
    what: Chemistry,
    smiles: Vec<String>,
    molecules: Vec<Molecule>,
}

impl Molecules {
    /// Reads the molecules of `context`.
    ///
    /// # Errors
    /// Without a file, where it cannot be read, or without a molecule in it.
    pub fn read(what: Chemistry, context: &Context) -> Result<Self> {
        let path = context
            .molecules
            .as_deref()
            .context("--molecules names no file of SMILES")?;
        Self::new(what, &lines(path)?)
    }

    /// The molecules of `smiles`.
    ///
    /// # Errors
    /// Where there is not one that can be read.
    pub fn new(what: Chemistry, smiles: &[String]) -> Result<Self> {
        let mut out = Self {
            what,
            smiles: Vec::new(),
            molecules: Vec::new(),
        };
        for line in smiles {
            let Ok(molecule) = Molecule::from_smiles(line) else {
                continue;
            };
            if out.one(line, &molecule).is_ok() {
                out.smiles.push(line.clone());
                out.molecules.push(molecule);
            }
        }
        ensure!(!out.smiles.is_empty(), "not one molecule can be read");
        Ok(out)
    }

    /// A number that depends on the result, so that the result is computed.
    fn one(&self, smiles: &str, molecule: &Molecule) -> Result<f64> {
        Ok(match self.what {
            Chemistry::Parse => Molecule::from_smiles(smiles)?.num_atoms() as f64,
            Chemistry::Qed => Descriptor::Qed.of(molecule)?,
            Chemistry::Sa => sa_score(molecule)?,
            Chemistry::Morgan => f64::from(Fingerprint::morgan(molecule, 2, 2048)?.num_on_bits()),
        })
    }
}

fn lines(path: &Path) -> Result<Vec<String>> {
    let text =
        fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(text.lines().map(str::to_owned).collect())
}

impl Workload for Molecules {
    fn unit(&mut self) -> Result<Done> {
        let mut sum = 0.0;
        for (smiles, molecule) in self.smiles.iter().zip(&self.molecules) {
            sum += self.one(smiles, molecule)?;
        }
        std::hint::black_box(sum);
        Ok(Done {
            units: self.smiles.len() as u64,
            ..Done::default()
        })
    }
}
