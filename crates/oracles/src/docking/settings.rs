//! How ligands are docked.

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::error::DockingError;
use super::search_box::SearchBox;
use crate::error::OracleError;

/// How ligands are docked.
#[derive(Clone, Debug, PartialEq)]
pub struct DockingSettings {
    /// The receptor, PDBQT or PDBQT compressed with gzip.
    pub receptor: PathBuf,
    /// Where ligands are looked for.
    pub search_box: SearchBox,
    /// Independent searches; time is proportional to it. Default: 8, as Vina's.
    pub exhaustiveness: u32,
    /// Most poses that Vina reports; the best one counts. Default: 9, as Vina's.
    pub modes: u32,
    /// Governs the conformer and Vina's searches; at least 1, since 0 makes Vina draw one. Default: 1.
    pub seed: u32,
    /// Processors of one docking; 0 for all. The result does not depend on it. Default: 0, as Vina's.
    pub cpu: u32,
    /// Dockings at a time. Default: 1.
    pub workers: usize,
    /// Seconds for one docking. Default: 600.
    pub timeout: f64,
    /// The program. Default: "vina".
    pub program: String,
    /// Folder for the best pose of each ligand. Default: none, they are dropped.
    pub pose_folder: Option<PathBuf>,
    /// Failures in a row, before anything has docked, that are taken for a broken receptor or box, or for objects
    /// that are no ligands. Default: 20.
    pub attempts: u32,
}

impl DockingSettings {
    /// The defaults for a receptor and a box.
    #[must_use]
    pub fn new(receptor: impl Into<PathBuf>, search_box: SearchBox) -> Self {
        Self {
            receptor: receptor.into(),
            search_box,
            exhaustiveness: 8,
            modes: 9,
            seed: 1,
            cpu: 0,
            workers: 1,
            timeout: 600.0,
            program: "vina".into(),
            pose_folder: None,
            attempts: 20,
        }
    }

    /// Checks every number.
    ///
    /// # Errors
    /// [`OracleError::Setting`] that names the first wrong one.
    pub fn check(&self) -> Result<(), OracleError> {
        let most = f64::from(i32::MAX);
        for (name, value, low, high, expected) in [
            (
                "docking.exhaustiveness",
                f64::from(self.exhaustiveness),
                1.0,
                1e4,
                "from 1 to 10000",
            ),
            (
                "docking.modes",
                f64::from(self.modes),
                1.0,
                1e3,
                "from 1 to 1000",
            ),
            (
                "docking.seed",
                f64::from(self.seed),
                1.0,
                most,
                "from 1 to 2147483647",
            ),
            (
                "docking.cpu",
                f64::from(self.cpu),
                0.0,
                1024.0,
                "from 0 to 1024",
            ),
            (
                "oracle.workers",
                self.workers as f64,
                1.0,
                1024.0,
                "from 1 to 1024",
            ),
            (
                "oracle.timeout",
                self.timeout,
                f64::MIN_POSITIVE,
                1e9,
                "above 0 and at most 1e9 seconds",
            ),
            (
                "docking.attempts",
                f64::from(self.attempts),
                1.0,
                1e9,
                "at least 1",
            ),
        ] {
            // A NaN is in no range.
            if !(low..=high).contains(&value) {
                return Err(OracleError::Setting {
                    name: name.into(),
                    value,
                    expected,
                });
            }
        }
        Ok(())
    }
}

/// Largest receptor that is read, bytes.
const LARGEST: u64 = 256 << 20;

/// The text of a receptor.
pub(super) fn receptor(file: &Path) -> Result<Vec<u8>, DockingError> {
    let fault = |problem: String| DockingError::File {
        file: file.to_owned(),
        problem,
    };
    let bytes = std::fs::read(file).map_err(|e| {
        fault(format!(
            "the receptor cannot be read: {e}; set docking.receptor to a PDBQT file, plain or .gz"
        ))
    })?;
    let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut text = Vec::new();
        let mut plain = GzDecoder::new(bytes.as_slice()).take(LARGEST + 1);
        plain
            .read_to_end(&mut text)
            .map_err(|e| fault(format!("cannot be decompressed: {e}; fetch it again")))?;
        text
    } else {
        bytes
    };
    if bytes.len() as u64 > LARGEST {
        return Err(fault(format!(
            "has more than {LARGEST} bytes; that is no receptor"
        )));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| fault("is not text; docking.receptor is a PDBQT file, plain or .gz".into()))?;
    check_receptor(text).map_err(fault)?;
    Ok(bytes)
}

/// Holds a text against what Vina reads as a rigid receptor: atoms with coordinates in columns 31-54, a partial
/// charge in 71-76 and a type from 78.
fn check_receptor(text: &str) -> Result<(), String> {
    const REMEDY: &str = "docking.receptor is a PDBQT file, plain or .gz; Meeko (mk_prepare_receptor.py) or Open \
                          Babel (obabel -xr -p) makes one of a PDB file";
    let mut atoms = 0;
    for (number, line) in text.lines().enumerate() {
        let refused = |what: &str| {
            let line: String = line.chars().take(80).collect();
            Err(format!("line {} {what}: {line:?}; {REMEDY}", number + 1))
        };
        let tag = line.get(..6).unwrap_or(line).trim_end();
        match tag {
            "ATOM" | "HETATM" => {}
            "" | "REMARK" | "WARNIN" => continue,
            "ROOT" | "BRANCH" => {
                return Err(
                    "is a ligand (it has ROOT or BRANCH); docking.receptor is the rigid receptor"
                        .into(),
                );
            }
            _ if tag.starts_with("TER") || tag.starts_with("END") => continue,
            _ => return refused("is none that Vina reads in a receptor"),
        }
        atoms += 1;
        let number = |columns: std::ops::Range<usize>| -> Option<f64> {
            let value: f64 = line.get(columns)?.trim().parse().ok()?;
            value.is_finite().then_some(value)
        };
        if [30..38, 38..46, 46..54]
            .into_iter()
            .any(|c| number(c).is_none())
        {
            return refused("is an atom without coordinates in columns 31-54");
        }
        if number(68..76).is_none() {
            return refused("is an atom without a partial charge in columns 71-76");
        }
        let kind = line.get(77..).unwrap_or_default().trim();
        if !kind.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return refused("is an atom without one of AutoDock's types in columns 78-79");
        }
    }
    match atoms {
        0 => Err(format!("has no line that begins with ATOM; {REMEDY}")),
        _ => Ok(()),
    }
}
