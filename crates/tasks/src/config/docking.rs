//! Settings of docking.

use std::path::{Path, PathBuf};

use anabranch_core::data::data_file;
use anabranch_oracles::DockingSettings;
use anabranch_oracles::docking::{DockingError, SearchBox};
use serde::{Deserialize, Serialize};

use super::oracle::OracleConfig;

/// What is docked into, and how thoroughly (`reward.built_in=docking`). Workers and time limit are those of
/// the section `oracle`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DockingConfig {
    /// The receptor: a PDBQT file, plain or .gz.
    pub receptor: String,
    /// The box: a file of center_x, ... size_z.
    #[serde(rename = "box")]
    pub search_box: String,
    /// Independent searches.
    pub exhaustiveness: u32,
    /// Most poses that are reported.
    pub modes: u32,
    /// Governs the conformer and the searches.
    pub seed: u32,
    /// Processors of one docking; 0 for all.
    pub cpu: u32,
    /// The program.
    pub vina: String,
}

impl Default for DockingConfig {
    fn default() -> Self {
        let nowhere = SearchBox {
            center: [0.0; 3],
            size: [0.0; 3],
        };
        let settings = DockingSettings::new("", nowhere);
        Self {
            receptor: String::new(),
            search_box: String::new(),
            exhaustiveness: settings.exhaustiveness,
            modes: settings.modes,
            seed: settings.seed,
            cpu: settings.cpu,
            vina: settings.program,
        }
    }
}

impl DockingConfig {
    /// Settings of the oracle; poses go to `folder/poses`.
    ///
    /// # Errors
    /// Where the box cannot be read.
    pub fn settings(
        &self,
        oracle: &OracleConfig,
        folder: Option<&Path>,
    ) -> Result<DockingSettings, DockingError> {
        let search_box = SearchBox::read(&place(&self.search_box))?;
        Ok(DockingSettings {
            exhaustiveness: self.exhaustiveness,
            modes: self.modes,
            seed: self.seed,
            cpu: self.cpu,
            program: self.vina.clone(),
            workers: oracle.workers,
            timeout: oracle.timeout,
            pose_folder: folder.map(|folder| folder.join("poses")),
            ..DockingSettings::new(place(&self.receptor), search_box)
        })
    }
}

/// A file as it is named, or that of this name among the data for docking.
fn place(name: &str) -> PathBuf {
    let path = PathBuf::from(name);
    if path.is_file() {
        return path;
    }
    data_file(&format!("docking/{name}")).unwrap_or(path)
}
