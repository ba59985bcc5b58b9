//! One molecule: read once, asked many times.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::boundary::contain;
use crate::dialect::normalise;
use crate::error::ChemError;

/// Longest SMILES accepted, in bytes; some 2 times what [`MAX_HEAVY_ATOMS`] usually takes.
pub const MAX_SMILES_BYTES: usize = 2_000;

/// Most heavy atoms accepted. Canonical SMILES cost grows as the cube of the size.
pub const MAX_HEAVY_ATOMS: usize = 400;

/// A sanitised molecule: aromaticity perceived, hydrogens implicit, valences checked.
///
/// Cloning costs a reference count; the canonical SMILES is computed when it is first asked for
/// and shared by all clones.
#[derive(Clone)]
pub struct Molecule {
    shared: Arc<Shared>,
}

struct Shared {
    engine: cosmolkit::Molecule,
    smiles: OnceLock<String>,
}

impl Molecule {
    /// Reads a SMILES as RDKit's `MolFromSmiles` does (a name or CXSMILES after a space included).
    ///
    /// # Errors
    /// Refused before the engine sees them: empty text, more than [`MAX_SMILES_BYTES`] bytes, more
    /// than [`MAX_HEAVY_ATOMS`] heavy atoms, control characters, characters outside ASCII.
    /// [`ChemError::Smiles`] for whatever is not a valid molecule.
    pub fn from_smiles(smiles: &str) -> Result<Self, ChemError> {
        check_text(smiles)?;
        let unreadable = |reason: String| ChemError::Smiles {
            smiles: smiles.to_owned(),
            reason,
        };
        let text = normalise(smiles).map_err(|reason| unreadable(reason.to_owned()))?;
        let engine = contain(|| cosmolkit::Molecule::from_smiles(&text))
            .map_err(|reason| ChemError::Panicked {
                operation: "reading",
                molecule: smiles.to_owned(),
                reason,
            })?
            .map_err(|error| unreadable(with_causes(&error)))?;
        Self::from_engine(engine)
    }

    /// Reads one record of a MOL or SD file, V2000 or V3000: sanitised, hydrogens made implicit, and what
    /// follows `M  END` ignored. Coordinates and wedges give the stereochemistry and are then forgotten.
    ///
    /// # Errors
    /// [`ChemError::MolBlock`] for whatever is not a valid molecule, queries included;
    /// [`ChemError::TooManyAtoms`] above [`MAX_HEAVY_ATOMS`].
    pub fn from_mol_block(block: &str) -> Result<Self, ChemError> {
        let unreadable = |reason: String| ChemError::MolBlock {
            title: block.lines().next().unwrap_or_default().trim().to_owned(),
            reason,
        };
        let counts = block.lines().nth(3).unwrap_or_default();
        if !(counts.contains("V2000") || counts.contains("V3000")) {
            return Err(unreadable(
                "its fourth line does not say V2000 or V3000; a record is a title, two lines, and the counts"
                    .to_owned(),
            ));
        }
        let Some(end) = block.find("M  END") else {
            return Err(unreadable("it has no line M  END".to_owned()));
        };
        // All atoms, hydrogens among them, before the engine takes time for them.
        let lines = block[..end].lines().count();
        if lines > 16 * MAX_HEAVY_ATOMS {
            return Err(unreadable(format!(
                "it has {lines} lines; molecules have at most {MAX_HEAVY_ATOMS} heavy atoms here"
            )));
        }
        let text = format!("{}M  END\n$$$$\n", &block[..end]);
        let engine = contain(|| cosmolkit::Molecule::from_sdf(&text))
            .map_err(|reason| ChemError::Panicked {
                operation: "reading SDF",
                molecule: block.lines().next().unwrap_or_default().to_owned(),
                reason,
            })?
            .map_err(|error| unreadable(with_causes(&error)))?;
        if engine.num_atoms() == 0 {
            return Err(unreadable("it has no atoms".to_owned()));
        }
        Self::from_engine(engine)
    }

    /// Wraps a molecule the engine has built and sanitised.
    pub(crate) fn from_engine(engine: cosmolkit::Molecule) -> Result<Self, ChemError> {
        let topology = &engine.topology().atoms;
        let atoms = topology.iter().filter(|a| a.atomic_number() != 1).count();
        if atoms > MAX_HEAVY_ATOMS {
            return Err(ChemError::TooManyAtoms {
                atoms,
                limit: MAX_HEAVY_ATOMS,
            });
        }
        Ok(Self {
            shared: Arc::new(Shared {
                engine,
                smiles: OnceLock::new(),
            }),
        })
    }

    /// Canonical, isomeric SMILES; the same string for the same molecule however it was written.
    ///
    /// # Errors
    /// [`ChemError::Engine`] if the molecule cannot be written.
    ///
    /// # Complexity
    /// About the cube of the number of atoms, once; afterwards free.
    pub fn smiles(&self) -> Result<&str, ChemError> {
        if let Some(smiles) = self.shared.smiles.get() {
            return Ok(smiles);
        }
        let written = contain(|| self.engine().to_smiles())
            .map_err(|reason| ChemError::Panicked {
                operation: "writing SMILES",
                molecule: self.outline(),
                reason,
            })?
            .map_err(|error| error.to_string())
            .and_then(|text| {
                String::from_utf8(text.into_bytes()).map_err(|error| error.to_string())
            })
            .map_err(|reason| ChemError::Engine {
                operation: "writing SMILES",
                molecule: self.outline(),
                reason,
            })?;
        Ok(self.shared.smiles.get_or_init(|| written))
    }

    /// Atoms in the graph; hydrogens count only where they stand as atoms of their own.
    #[must_use]
    pub fn num_atoms(&self) -> usize {
        self.engine().num_atoms()
    }

    /// Atoms heavier than hydrogen; as in RDKit a dummy atom (`*`) is none.
    #[must_use]
    pub fn num_heavy_atoms(&self) -> usize {
        let atoms = &self.engine().topology().atoms;
        atoms.iter().filter(|a| a.atomic_number() > 1).count()
    }

    /// Atoms perceived as aromatic.
    #[must_use]
    pub fn num_aromatic_atoms(&self) -> usize {
        let atoms = &self.engine().topology().atoms;
        atoms.iter().filter(|atom| atom.is_aromatic()).count()
    }

    /// Bonds between the atoms of the graph.
    #[must_use]
    pub fn num_bonds(&self) -> usize {
        self.engine().num_bonds()
    }

    /// Molecular formula in Hill order with the net charge, for example `C9H8O4` or `H4N+`.
    ///
    /// # Errors
    /// [`ChemError::Engine`] if the engine cannot count the hydrogens.
    pub fn formula(&self) -> Result<String, ChemError> {
        self.ask("formula", |engine| engine.molecular_formula())
    }

    pub(crate) fn engine(&self) -> &cosmolkit::Molecule {
        &self.shared.engine
    }

    /// Puts one question to the engine; its error or panic names the operation and the molecule.
    pub(crate) fn ask<T, E: Into<Box<dyn Error>>>(
        &self,
        operation: &'static str,
        question: impl FnOnce(&cosmolkit::Molecule) -> Result<T, E>,
    ) -> Result<T, ChemError> {
        match contain(|| question(self.engine())) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(ChemError::Engine {
                operation,
                molecule: self.name_for_errors(),
                reason: with_causes(error.into().as_ref()),
            }),
            Err(reason) => Err(ChemError::Panicked {
                operation,
                molecule: self.name_for_errors(),
                reason,
            }),
        }
    }

    /// The SMILES if it can be had, else what the molecule looks like from outside.
    pub(crate) fn name_for_errors(&self) -> String {
        self.smiles().map_or_else(|_| self.outline(), str::to_owned)
    }

    fn outline(&self) -> String {
        format!(
            "molecule of {} atoms and {} bonds",
            self.num_atoms(),
            self.num_bonds()
        )
    }
}

impl fmt::Debug for Molecule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Molecule")
            .field(&self.name_for_errors())
            .finish()
    }
}

/// An error of the engine with all that lies under it, each said once.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = inner.source();
    }
    text
}

/// Everything that is refused before the engine sees the text.
fn check_text(smiles: &str) -> Result<(), ChemError> {
    if smiles.trim_ascii().is_empty() {
        return Err(ChemError::EmptySmiles);
    }
    if smiles.len() > MAX_SMILES_BYTES {
        return Err(ChemError::TooLong {
            bytes: smiles.len(),
            limit: MAX_SMILES_BYTES,
        });
    }
    if let Some((position, &byte)) = smiles
        .as_bytes()
        .iter()
        .enumerate()
        .find(|(_, byte)| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r'))
    {
        return Err(ChemError::ControlCharacter { byte, position });
    }
    let lead = smiles.len() - smiles.trim_ascii_start().len();
    let graph = smiles[lead..]
        .split_ascii_whitespace()
        .next()
        .unwrap_or_default();
    // RDKit's reader skips bytes above 127 at both ends of a SMILES where `char` is signed, so that
    // "ÇC" reads as methane on x86 and as an error on ARM. A guessed molecule is worse than none.
    if let Some((position, character)) = graph.char_indices().find(|(_, c)| !c.is_ascii()) {
        return Err(ChemError::NotAscii {
            character,
            position: lead + position,
        });
    }
    let atoms = count_heavy_atoms(graph);
    if atoms > MAX_HEAVY_ATOMS {
        return Err(ChemError::TooManyAtoms {
            atoms,
            limit: MAX_HEAVY_ATOMS,
        });
    }
    Ok(())
}

/// Heavy and dummy atoms a SMILES writes down, by its characters alone; exact for a valid SMILES.
fn count_heavy_atoms(graph: &str) -> usize {
    let bytes = graph.as_bytes();
    let mut atoms = 0;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'[' => {
                let end = bytes[at..]
                    .iter()
                    .position(|&byte| byte == b']')
                    .map_or(bytes.len(), |offset| at + offset);
                atoms += usize::from(!is_hydrogen(&bytes[at + 1..end]));
                at = end;
            }
            b'C' if bytes.get(at + 1) == Some(&b'l') => {
                atoms += 1;
                at += 1;
            }
            b'B' if bytes.get(at + 1) == Some(&b'r') => {
                atoms += 1;
                at += 1;
            }
            byte if byte.is_ascii_alphabetic() || byte == b'*' => atoms += 1,
            _ => {}
        }
        at += 1;
    }
    atoms
}

/// Whether the inside of a bracket atom is hydrogen: `H`, `2H`, `H+`, `H:1`, but not `He` or `nH`.
fn is_hydrogen(inside: &[u8]) -> bool {
    let digits = inside.iter().take_while(|b| b.is_ascii_digit()).count();
    inside.get(digits) == Some(&b'H') && !inside.get(digits + 1).is_some_and(u8::is_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(smiles: &str) -> ChemError {
        match Molecule::from_smiles(smiles) {
            Err(error) => error,
            Ok(molecule) => panic!("{smiles:?} was read as {molecule:?}"),
        }
    }

    #[test]
    fn guards_name_what_they_refuse() {
        assert_eq!(refusal(" \n"), ChemError::EmptySmiles);
        assert!(matches!(
            refusal(&"C".repeat(2_001)),
            ChemError::TooLong { bytes: 2_001, .. }
        ));
        assert!(matches!(
            refusal(&"C".repeat(401)),
            ChemError::TooManyAtoms { atoms: 401, .. }
        ));
        assert!(matches!(
            refusal("C\0C"),
            ChemError::ControlCharacter {
                byte: 0,
                position: 1
            }
        ));
        assert!(matches!(
            refusal(" CÇ"),
            ChemError::NotAscii {
                character: 'Ç',
                position: 2
            }
        ));
        assert!(matches!(refusal("C(C"), ChemError::Smiles { .. }));
        assert!(matches!(
            refusal("C(C)(C)(C)(C)C"),
            ChemError::Smiles { .. }
        ));
    }

    #[test]
    fn names_after_the_graph_are_ignored() {
        let molecule = Molecule::from_smiles("OCC éthanol").unwrap();
        assert_eq!(molecule.smiles().unwrap(), "CCO");
        assert_eq!(molecule.num_atoms(), 3);
        assert_eq!(molecule.formula().unwrap(), "C2H6O");
    }

    #[test]
    fn the_atom_count_of_the_guard_is_the_engine_s() {
        for smiles in [
            "[2H]C([2H])Cl",
            "[He]",
            "BrCCB[nH]",
            "[H][H]",
            "C*[*:1]",
            "[NH3+]CC(=O)[O-].[Na+]",
            "c1cc[se]c1",
            "[H]O[H].[Hg]",
        ] {
            let counted = count_heavy_atoms(smiles);
            match Molecule::from_smiles(smiles) {
                Ok(molecule) => {
                    let dummies = smiles.matches('*').count();
                    assert_eq!(counted, molecule.num_heavy_atoms() + dummies, "{smiles}");
                }
                Err(_) => assert!(counted > 0),
            }
        }
    }

    #[test]
    fn molecules_cross_threads() {
        fn check<T: Send + Sync + Clone>() {}
        check::<Molecule>();
    }
}
