//! This crate against RDKit 2026.9.1, on the committed files of `tests/golden`.

use std::fs;
use std::path::Path;

use anabranch_chem::{
    ChemError, Descriptor, Fingerprint, Join, Molecule, Vocabulary, assemble, scaffold,
};
use serde_json::Value;

fn lines(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(file);
    let text = fs::read_to_string(&path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line[key].as_str().unwrap()
}

#[test]
fn molecules_have_rdkit_s_values() {
    let columns = [
        ("mw", Descriptor::Mw, 1e-6),
        ("logp", Descriptor::LogP, 1e-6),
        ("tpsa", Descriptor::Tpsa, 1e-6),
        ("qed", Descriptor::Qed, 1e-6),
        ("hbd", Descriptor::Hbd, 0.0),
        ("hba", Descriptor::Hba, 0.0),
        ("rotb", Descriptor::RotatableBonds, 0.0),
        ("rings", Descriptor::Rings, 0.0),
        ("arings", Descriptor::AromaticRings, 0.0),
        ("heavy", Descriptor::HeavyAtoms, 0.0),
        ("sa", Descriptor::Sa, 1e-5),
    ];
    let lines = lines("molecules.jsonl");
    assert_eq!(lines.len(), 122);
    for line in &lines {
        let smiles = text(line, "s");
        let molecule = Molecule::from_smiles(smiles).unwrap();
        assert_eq!(molecule.smiles().unwrap(), text(line, "can"), "{smiles}");
        assert_eq!(
            scaffold(&molecule).unwrap(),
            text(line, "murcko"),
            "{smiles}"
        );
        assert_eq!(
            molecule.formula().unwrap(),
            text(line, "formula"),
            "{smiles}"
        );
        let bits = Fingerprint::morgan(&molecule, 2, 2048).unwrap().on_bits();
        let expected: Vec<u32> = serde_json::from_value(line["fp"].clone()).unwrap();
        assert_eq!(bits, expected, "{smiles}");
        for (key, descriptor, tolerance) in columns {
            let found = descriptor.of(&molecule).unwrap();
            let expected = line[key].as_f64().unwrap();
            assert!(
                (found - expected).abs() <= tolerance,
                "{smiles} {key}: expected {expected}, found {found}"
            );
        }
    }
}

#[test]
fn reading_a_canonical_form_gives_it_back() {
    for line in lines("molecules.jsonl") {
        let canonical = text(&line, "can");
        let again = Molecule::from_smiles(canonical).unwrap();
        assert_eq!(again.smiles().unwrap(), canonical);
    }
}

#[test]
fn odd_inputs_have_rdkit_s_verdict_or_a_stated_refusal() {
    let mut refused = 0;
    for line in lines("nasty.jsonl") {
        let smiles = text(&line, "s");
        match Molecule::from_smiles(smiles) {
            Ok(molecule) => {
                assert_eq!(line["ok"], true, "{smiles:?}");
                assert_eq!(molecule.smiles().unwrap(), text(&line, "can"), "{smiles:?}");
            }
            Err(ChemError::Smiles { .. }) => assert_eq!(line["ok"], false, "{smiles:?}"),
            Err(ChemError::Panicked { .. }) => panic!("{smiles:?} hit a defect"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused <= 3, "{refused} refused by guards");
}

#[test]
fn assemblies_are_the_molecules_rdkit_makes() {
    let vocabulary = Vocabulary::rp72();
    let lines = lines("assemblies.jsonl");
    assert_eq!(lines.len(), 63);
    for line in &lines {
        let nodes: Vec<usize> = serde_json::from_value(line["nodes"].clone()).unwrap();
        let edges: Vec<Join> = serde_json::from_value(line["edges"].clone()).unwrap();
        let molecule = assemble(&vocabulary, &nodes, &edges).unwrap();
        assert_eq!(
            molecule.smiles().unwrap(),
            text(line, "smiles"),
            "{nodes:?} {edges:?}"
        );
        // The molecule as joined and as read back are one and the same in every number.
        let read = Molecule::from_smiles(text(line, "smiles")).unwrap();
        for descriptor in Descriptor::ALL {
            let (joined, read) = (
                descriptor.of(&molecule).unwrap(),
                descriptor.of(&read).unwrap(),
            );
            assert!((joined - read).abs() < 1e-9, "{descriptor} {joined} {read}");
        }
    }
}
