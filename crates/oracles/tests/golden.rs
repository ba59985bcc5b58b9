//! Energies, fitness and predictions against the programs they have to agree with: the committed
//! extracts, and the complete files where they are at hand.

use std::fs;
use std::path::{Path, PathBuf};

use anabranch_chem::Molecule;
use anabranch_core::data::data_file;
use anabranch_oracles::rna::{RnaBinding, Strand, duplex_energy};
use anabranch_oracles::seh::SehProxy;

/// The lines of a file below the first, cut at commas.
fn rows(file: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().skip(1);
    lines
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect()
}

fn committed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

/// A file of the folder next to the repository.
fn shared(name: &str) -> Option<PathBuf> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(name);
    if file.is_file() {
        return Some(file);
    }
    println!("SKIPPED: ../shared/{name} is not at hand");
    None
}

fn proxy() -> Option<SehProxy> {
    let relative = "seh/seh_proxy.safetensors";
    let file = match data_file(relative) {
        Ok(file) => file,
        Err(error) => {
            println!("no data folder has the weights: {error}");
            shared(&format!("data/{relative}"))?
        }
    };
    Some(SehProxy::from_file(&file).unwrap())
}

fn check_rna(file: &Path, expected_rows: usize) {
    let rows = rows(file);
    assert_eq!(rows.len(), expected_rows);
    for row in rows {
        let strand = Strand::from_text(&row[0]).unwrap();
        for target in 1..=4 {
            let landscape = RnaBinding::named(&format!("L{}_RNA{target}", row[1])).unwrap();
            let energy: f64 = row[1 + target].parse().unwrap();
            let found = duplex_energy(landscape.targets()[0], &strand).unwrap();
            assert!((found - energy).abs() < 0.005, "{} {target}", row[0]);
            let fitness: f64 = row[5 + target].parse().unwrap();
            let found = landscape.fitness(&strand).unwrap();
            assert!((found - fitness).abs() < 1e-6, "{} {target}", row[0]);
        }
    }
}

fn check_seh(proxy: &SehProxy, file: &Path, expected_rows: usize) {
    let rows = rows(file);
    assert_eq!(rows.len(), expected_rows);
    let read = |row: &Vec<String>| Molecule::from_smiles(&row[0]).unwrap();
    let molecules: Vec<Molecule> = rows.iter().map(read).collect();
    for (row, found) in rows.iter().zip(proxy.predict(&molecules)) {
        let (y, found): (f64, f64) = (row[1].parse().unwrap(), found.unwrap());
        assert!(
            (found - y).abs() < 1e-4,
            "{}: {found}, expected {y}",
            row[0]
        );
    }
}

#[test]
fn energies_are_viennarna_s() {
    check_rna(&committed("rna_duplex.csv"), 30);
}

#[test]
fn energies_are_viennarna_s_on_the_complete_file() {
    if let Some(file) = shared("reference/rna_duplex.csv") {
        check_rna(&file, 300);
    }
}

#[test]
fn predictions_are_the_original_s() {
    if let Some(proxy) = proxy() {
        check_seh(&proxy, &committed("seh_proxy.csv"), 47);
    }
}

#[test]
fn predictions_are_the_original_s_on_the_complete_file() {
    if let (Some(proxy), Some(file)) = (proxy(), shared("reference/seh_proxy.csv")) {
        check_seh(&proxy, &file, 462);
    }
}

/// A molecule's number is the same to the bit alone and in company, also of one that is refused.
#[test]
fn predictions_do_not_depend_on_company() {
    let Some(proxy) = proxy() else { return };
    let smiles = [
        "CCO",
        "CC[Pb]",
        "c1ccccc1C#N",
        "[Na+].[Cl-]",
        "C",
        "CC(=O)Oc1ccccc1C(=O)O",
    ];
    let molecules: Vec<Molecule> = smiles
        .iter()
        .cycle()
        .take(40)
        .map(|smiles| Molecule::from_smiles(smiles).unwrap())
        .collect();
    for (molecule, together) in molecules.iter().zip(proxy.predict(&molecules)) {
        match (proxy.predict_one(molecule), together) {
            (Ok(alone), Ok(together)) => assert_eq!(alone.to_bits(), together.to_bits()),
            (alone, together) => assert_eq!(
                alone.unwrap_err().to_string(),
                together.unwrap_err().to_string()
            ),
        }
    }
}
