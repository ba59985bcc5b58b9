//! Synthetic accessibility after Ertl and Schuffenhauer (J. Cheminform. 1:8, 2009), as RDKit
//! 2026.9.1 computes it in `Contrib/SA_Score`. The table's origin and licence: `data/README.md`.

use std::error::Error;
use std::io::Read;
use std::sync::LazyLock;

use cosmolkit::{MorganFingerprintParams, MorganGeneratorParams};
use flate2::read::DeflateDecoder;

use crate::error::ChemError;
use crate::molecule::Molecule;

/// Score of an environment the table does not have.
const UNKNOWN: f64 = -4.0;
/// Range of the raw score that is stretched over 1 to 10.
const RAW_MIN: f64 = -4.0;
const RAW_MAX: f64 = 2.5;
/// A ring of more atoms than this is a macrocycle.
const LARGE_RING: usize = 8;

/// Synthetic accessibility, from 1 (easy to make) to 10 (hard).
///
/// # Errors
/// [`ChemError::Undefined`] for a molecule without atoms; [`ChemError::Engine`] if the engine has
/// no answer.
pub fn sa_score(molecule: &Molecule) -> Result<f64, ChemError> {
    let undefined = || ChemError::Undefined {
        descriptor: "sa",
        molecule: molecule.name_for_errors(),
        reason: "it has no atoms",
    };
    let params = MorganFingerprintParams::from(MorganGeneratorParams {
        radius: 2,
        ..MorganGeneratorParams::default()
    });
    let counts = molecule.ask("sa (environments)", |engine| {
        engine.fingerprint_morgan_sparse_count_with_params(&params, None)
    })?;
    let environments = counts.nonzero_elements();
    let total: i64 = environments.values().map(|&count| i64::from(count)).sum();
    if total == 0 {
        return Err(undefined());
    }
    let sum: f64 = environments
        .iter()
        .map(|(&id, &count)| TABLE.score(id) * f64::from(count))
        .sum();
    let fragments = sum / total as f64;

    let shape = molecule.ask("sa (complexity)", complexity)?;
    let atoms = molecule.num_atoms() as f64;
    let penalty = (atoms.powf(1.005) - atoms) + shape;

    let distinct = environments.len() as f64;
    let symmetry = if atoms > distinct {
        (atoms / distinct).ln() * 0.5
    } else {
        0.0
    };
    Ok(scale(fragments - penalty + symmetry))
}

/// Penalty for stereocentres, spiro atoms, bridgeheads and large rings.
fn complexity(engine: &cosmolkit::Molecule) -> Result<f64, Box<dyn Error>> {
    let centres = engine.num_atom_stereo_centers()?;
    let spiro = engine.num_spiro_atoms()?;
    let bridgeheads = engine.num_bridgehead_atoms()?;
    let rings = engine.symmetrized_sssr()?;
    let macrocycle = rings
        .atom_rings()
        .iter()
        .any(|ring| ring.len() > LARGE_RING);
    let penalty = |count: u32| f64::from(count + 1).log10();
    Ok(penalty(centres)
        + penalty(spiro)
        + penalty(bridgeheads)
        + if macrocycle { 2_f64.log10() } else { 0.0 })
}

fn scale(raw: f64) -> f64 {
    let mut score = 11.0 - (raw - RAW_MIN + 1.0) / (RAW_MAX - RAW_MIN) * 9.0;
    if score > 8.0 {
        score = 8.0 + (score + 1.0 - 9.0).ln();
    }
    score.clamp(1.0, 10.0)
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    Table::unpack(include_bytes!("../data/fragment_scores.bin"))
        .expect("a test unpacks the built-in table")
});

/// Scores by environment id: ids ascending, found through their upper 16 bits.
struct Table {
    starts: Vec<u32>,
    ids: Vec<u32>,
    codes: Vec<u16>,
    scores: Vec<f64>,
}

impl Table {
    fn score(&self, id: u64) -> f64 {
        let Ok(id) = u32::try_from(id) else {
            return UNKNOWN;
        };
        let bucket = (id >> 16) as usize;
        let (from, to) = (
            self.starts[bucket] as usize,
            self.starts[bucket + 1] as usize,
        );
        self.ids[from..to]
            .binary_search(&id)
            .map_or(UNKNOWN, |at| self.scores[self.codes[from + at] as usize])
    }

    /// Reads the format described in `data/pack_fragment_scores.py`; `None` if it is broken.
    fn unpack(deflated: &[u8]) -> Option<Self> {
        let mut raw = Vec::new();
        DeflateDecoder::new(deflated).read_to_end(&mut raw).ok()?;
        let (head, rest) = raw.split_at_checked(8)?;
        let word = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        let (distinct, count) = (word(0)? as usize, word(4)? as usize);
        let (score_bytes, rest) = rest.split_at_checked(8 * distinct)?;
        let (low, rest) = rest.split_at_checked(count)?;
        let (high, packed) = rest.split_at_checked(count)?;
        let scores = score_bytes
            .chunks_exact(8)
            .map(|bytes| Some(f64::from_le_bytes(bytes.try_into().ok()?)))
            .collect::<Option<Vec<_>>>()?;
        let codes: Vec<u16> = low
            .iter()
            .zip(high)
            .map(|(&low, &high)| u16::from_le_bytes([low, high]))
            .collect();
        if codes.iter().any(|&code| code as usize >= distinct) {
            return None;
        }
        let ids = unpack_ids(packed, count)?;
        let mut starts = Vec::with_capacity((1 << 16) + 1);
        for bucket in 0..=(1_u64 << 16) {
            starts.push(ids.partition_point(|&id| u64::from(id) < bucket << 16) as u32);
        }
        Some(Self {
            starts,
            ids,
            codes,
            scores,
        })
    }
}

/// Rice-coded differences with 12 low bits, from the lowest bit of each byte up.
fn unpack_ids(packed: &[u8], count: usize) -> Option<Vec<u32>> {
    const LOW: u32 = 12;
    let mut bytes = packed.iter();
    let (mut window, mut filled) = (0_u64, 0_u32);
    let mut ids = Vec::with_capacity(count);
    let mut id = 0_u32;
    for _ in 0..count {
        let mut quotient = 0_u32;
        loop {
            while filled <= 56
                && let Some(&byte) = bytes.next()
            {
                window |= u64::from(byte) << filled;
                filled += 8;
            }
            let ones = window.trailing_ones();
            if ones >= filled {
                // Only a run of ones longer than the window: take it whole and read on.
                quotient += filled;
                (window, filled) = (0, 0);
                if bytes.len() == 0 {
                    return None;
                }
                continue;
            }
            quotient += ones;
            window >>= ones;
            filled -= ones;
            break;
        }
        while filled <= 56
            && let Some(&byte) = bytes.next()
        {
            window |= u64::from(byte) << filled;
            filled += 8;
        }
        if filled < LOW + 1 {
            return None;
        }
        let low = (window >> 1) as u32 & ((1 << LOW) - 1);
        window >>= LOW + 1;
        filled -= LOW + 1;
        id = id.checked_add((quotient << LOW) | low)?;
        ids.push(id);
    }
    Some(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Counts and two entries of fpscores.pkl.gz of RDKit 2026.9.1, read with Python.
    #[test]
    fn the_table_is_whole() {
        assert_eq!(TABLE.ids.len(), 705_292);
        assert_eq!(TABLE.scores.len(), 3_549);
        assert!(TABLE.ids.is_sorted_by(|a, b| a < b));
        assert_eq!(TABLE.ids.first(), Some(&1_301));
        assert_eq!(TABLE.ids.last(), Some(&4_294_962_778));
        assert_eq!(TABLE.scores[0], -3.1265);
        assert_eq!(
            TABLE.codes.iter().filter(|&&code| code == 0).count(),
            385_183
        );
        assert_eq!(TABLE.score(5), UNKNOWN);
        assert_eq!(TABLE.score(u64::MAX), UNKNOWN);
        assert_eq!(TABLE.score(3217380708), 2.8416);
        assert_eq!(TABLE.score(2141216987), -3.1265);
        assert_eq!(TABLE.score(2246728737), 2.7752);
    }

    #[test]
    fn a_broken_table_is_refused() {
        let whole = include_bytes!("../data/fragment_scores.bin");
        assert!(Table::unpack(&whole[..whole.len() / 2]).is_none());
        assert!(Table::unpack(&[]).is_none());
    }

    #[test]
    fn the_ends_of_the_scale() {
        assert_eq!(scale(100.0), 1.0);
        assert_eq!(scale(-100.0), 10.0);
        assert_eq!(scale(RAW_MAX - 1.0), 2.0);
    }
}
