//! Molecules with the output of the sEH proxy on PyTorch.

use std::path::{Path, PathBuf};

use anabranch_chem::Molecule;
use anabranch_oracles::seh::SehProxy;
use anyhow::{Context, Result};
use serde::Deserialize;

use super::{Column, report};

const TOLERANCE: f64 = 1e-4;
/// Where the weights are on a machine with the project's shared files beside the repository.
const SHARED: &str = "../shared/data/seh/seh_proxy.safetensors";

/// One line.
#[derive(Deserialize)]
pub struct Record {
    smiles: String,
    seh_proxy: f64,
}

pub fn run(records: &[Record], weights: Option<PathBuf>) -> Result<bool> {
    let proxy = proxy(weights)?;
    let mut column = Column::new("seh_proxy", TOLERANCE);
    let mut read = Vec::new();
    for record in records {
        match Molecule::from_smiles(&record.smiles) {
            Ok(molecule) => read.push((record, molecule)),
            Err(error) => column.missing(&record.smiles, &error),
        }
    }
    let (records_read, molecules): (Vec<_>, Vec<_>) = read.into_iter().unzip();
    for (record, found) in records_read.iter().zip(proxy.predict(&molecules)) {
        match found {
            Ok(y) => column.number(&record.smiles, Some(record.seh_proxy), y),
            Err(error) => column.missing(&record.smiles, &error),
        }
    }
    println!("{} molecules", records.len());
    Ok(report([&column]))
}

/// The proxy with the given weights, else those of a data folder, else those beside the repository.
fn proxy(weights: Option<PathBuf>) -> Result<SehProxy> {
    if let Some(file) = weights {
        return Ok(SehProxy::from_file(&file)?);
    }
    let shared = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(SHARED);
    SehProxy::load().or_else(|error| {
        if shared.is_file() {
            Ok(SehProxy::from_file(&shared)?)
        } else {
            Err(error).context("the weights of the proxy are not part of the repository")
        }
    })
}
