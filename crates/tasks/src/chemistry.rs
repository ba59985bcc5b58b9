//! What a set of molecules is like: modes, diversity, scaffolds, validity, novelty.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::OnceLock;

use anabranch_chem::{Fingerprint, Molecule, scaffold, tanimoto};
use anabranch_core::metric::{diversity, greedy_modes, top_k};
use rayon::prelude::*;
use serde::Serialize;

use crate::error::{Result, TaskError};

/// Similarity at which two molecules are one mode: Tanimoto on Morgan fingerprints of radius 2 and 2,048
/// bits.
pub const MODE_SIMILARITY: f64 = 0.7;
/// Most modes counted.
const MODE_CAP: usize = 5000;

/// Figures of a set of molecules with rewards.
#[derive(Clone, Debug, Serialize)]
pub struct MoleculeStats {
    /// Share whose SMILES is read back as the same molecule.
    pub valid: f64,
    /// Distinct molecules with a reward above `mode_reward` and pairwise Tanimoto below
    /// [`MODE_SIMILARITY`], best first.
    pub modes: usize,
    /// The reward that a mode must reach.
    pub mode_reward: f64,
    /// Mean pairwise Tanimoto distance of the 100 best distinct molecules.
    pub top_100_diversity: Option<f64>,
    /// Distinct Bemis-Murcko scaffolds.
    pub scaffolds: usize,
    /// Share of distinct molecules that are not approved drugs.
    pub novelty: f64,
    /// Mean over distinct molecules of the largest Tanimoto similarity to an approved drug.
    pub nearest_drug: f64,
}

/// Canonical SMILES and fingerprints of approved drugs (see `data/README.md`).
struct Drugs {
    smiles: BTreeSet<String>,
    fingerprints: Vec<Fingerprint>,
}

fn drugs() -> &'static Drugs {
    static DRUGS: OnceLock<Drugs> = OnceLock::new();
    DRUGS.get_or_init(|| {
        let packed: &[u8] = include_bytes!("../data/approved_drugs.smi.gz");
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed)
            .read_to_string(&mut text)
            .expect("the list is part of the program");
        // Some drugs are beyond the guards of the chemistry (large peptides); they are left out.
        let known: Vec<(String, Fingerprint)> = text
            .par_lines()
            .filter_map(|line| {
                let molecule = Molecule::from_smiles(line).ok()?;
                let fingerprint = Fingerprint::morgan(&molecule, 2, 2048).ok()?;
                Some((molecule.smiles().ok()?.to_string(), fingerprint))
            })
            .collect();
        let (smiles, fingerprints): (Vec<_>, Vec<_>) = known.into_iter().unzip();
        Drugs {
            smiles: smiles.into_iter().collect(),
            fingerprints,
        }
    })
}

/// Figures of `molecules` with their canonical `smiles` and rewards, all `[n]`.
///
/// # Errors
/// Where a fingerprint or scaffold cannot be computed.
pub fn molecule_stats(
    molecules: &[&Molecule],
    smiles: &[&str],
    rewards: &[f64],
    mode_reward: f64,
) -> Result<MoleculeStats> {
    let valid = smiles
        .par_iter()
        .filter(|text| {
            let again = Molecule::from_smiles(text);
            again.is_ok_and(|molecule| molecule.smiles().is_ok_and(|s| s == **text))
        })
        .count();
    let mut seen = BTreeSet::new();
    let first: Vec<usize> = (0..smiles.len())
        .filter(|&i| seen.insert(smiles[i]))
        .collect();
    let fingerprints: Vec<Fingerprint> = molecules
        .par_iter()
        .map(|molecule| Ok(Fingerprint::morgan(molecule, 2, 2048)?))
        .collect::<Result<_>>()?;
    let similarity = |a: usize, b: usize| tanimoto(&fingerprints[a], &fingerprints[b]);
    let modes = greedy_modes(smiles, rewards, mode_reward, MODE_CAP, |a, b| {
        similarity(a, b) >= MODE_SIMILARITY
    })?;
    let best = top_k(smiles, rewards, 100)?;
    let scaffolds: BTreeSet<String> = first
        .par_iter()
        .map(|&i| Ok(scaffold(molecules[i])?))
        .collect::<Result<_>>()?;
    let known = drugs();
    let novel = first
        .iter()
        .filter(|&&i| !known.smiles.contains(smiles[i]))
        .count();
    let nearest: Vec<f64> = first
        .par_iter()
        .map(|&i| {
            let similarities = known
                .fingerprints
                .iter()
                .map(|drug| tanimoto(drug, &fingerprints[i]));
            similarities.fold(0.0, f64::max)
        })
        .collect();
    let share = |count: usize, of: usize| count as f64 / of.max(1) as f64;
    Ok(MoleculeStats {
        valid: share(valid, smiles.len()),
        modes: modes.len(),
        mode_reward,
        top_100_diversity: diversity(&best, |a, b| 1.0 - similarity(a, b)),
        scaffolds: scaffolds.len(),
        novelty: share(novel, first.len()),
        nearest_drug: nearest.iter().sum::<f64>() / first.len().max(1) as f64,
    })
}

/// The share of `values` at or below which `share` of them lie: the nearest rank.
///
/// # Errors
/// Where there are none.
pub fn percentile(values: &[f64], share: f64) -> Result<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = ((share * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len().max(1));
    sorted
        .get(rank - 1)
        .copied()
        .ok_or_else(|| TaskError::Request("a percentile of nothing".into()))
}
