//! Molecules with the values RDKit gives them.

use anabranch_chem::{Descriptors, Fingerprint, Molecule, scaffold};
use anyhow::Result;
use serde::Deserialize;

use super::{Column, report};

const DESCRIPTOR_TOLERANCE: f64 = 1e-6;
const SA_TOLERANCE: f64 = 1e-5;

/// One line. The InChIKey (`ik`) some files carry is not compared: this workspace has no InChI.
#[derive(Deserialize)]
pub struct Record {
    s: String,
    ok: bool,
    can: Option<String>,
    mw: Option<f64>,
    logp: Option<f64>,
    tpsa: Option<f64>,
    qed: Option<f64>,
    hbd: Option<f64>,
    hba: Option<f64>,
    rotb: Option<f64>,
    rings: Option<f64>,
    arings: Option<f64>,
    heavy: Option<f64>,
    narom: Option<f64>,
    sa: Option<f64>,
    fp: Option<Vec<u32>>,
    murcko: Option<String>,
    formula: Option<String>,
}

pub fn run(records: &[Record]) -> Result<bool> {
    let mut columns = Columns::new();
    for record in records {
        columns.compare(record);
    }
    println!("{} molecules", records.len());
    Ok(report(&columns.0))
}

struct Columns(Vec<Column>);

impl Columns {
    fn new() -> Self {
        let exact = |name| Column::new(name, 0.0);
        let close = |name| Column::new(name, DESCRIPTOR_TOLERANCE);
        Self(vec![
            exact("accepted"),
            exact("can"),
            exact("murcko"),
            exact("formula"),
            exact("fp"),
            exact("hbd"),
            exact("hba"),
            exact("rotb"),
            exact("rings"),
            exact("arings"),
            exact("heavy"),
            exact("narom"),
            close("mw"),
            close("logp"),
            close("tpsa"),
            close("qed"),
            Column::new("sa", SA_TOLERANCE),
        ])
    }

    fn column(&mut self, name: &str) -> &mut Column {
        let at = self.0.iter().position(|column| column.name == name);
        &mut self.0[at.expect("names are those of new()")]
    }

    fn compare(&mut self, record: &Record) {
        let s = &record.s;
        let molecule = Molecule::from_smiles(s);
        self.column("accepted")
            .same(s, &record.ok, &molecule.is_ok());
        let (true, Ok(molecule)) = (record.ok, molecule) else {
            return;
        };
        self.text(
            "can",
            s,
            record.can.as_deref(),
            molecule.smiles().map(str::to_owned),
        );
        self.text("murcko", s, record.murcko.as_deref(), scaffold(&molecule));
        self.text("formula", s, record.formula.as_deref(), molecule.formula());
        if let Some(expected) = &record.fp {
            match Fingerprint::morgan(&molecule, 2, 2048) {
                Ok(found) => self.column("fp").same(s, expected, &found.on_bits()),
                Err(error) => self.column("fp").missing(s, &error),
            }
        }
        match Descriptors::of(&molecule) {
            Ok(found) => self.numbers(record, &molecule, &found),
            Err(error) => self.column("sa").missing(s, &error),
        }
    }

    fn text(
        &mut self,
        name: &str,
        smiles: &str,
        expected: Option<&str>,
        found: Result<String, anabranch_chem::ChemError>,
    ) {
        let Some(expected) = expected else { return };
        match found {
            Ok(found) => self.column(name).same(smiles, expected, &found),
            Err(error) => self.column(name).missing(smiles, &error),
        }
    }

    fn numbers(&mut self, record: &Record, molecule: &Molecule, found: &Descriptors) {
        let count = f64::from;
        for (name, expected, value) in [
            ("hbd", record.hbd, count(found.hbd)),
            ("hba", record.hba, count(found.hba)),
            ("rotb", record.rotb, count(found.rotatable_bonds)),
            ("rings", record.rings, count(found.rings)),
            ("arings", record.arings, count(found.aromatic_rings)),
            ("heavy", record.heavy, count(found.heavy_atoms)),
            ("narom", record.narom, molecule.num_aromatic_atoms() as f64),
            ("mw", record.mw, found.mw),
            ("logp", record.logp, found.logp),
            ("tpsa", record.tpsa, found.tpsa),
            ("qed", record.qed, found.qed),
            ("sa", record.sa, found.sa),
        ] {
            self.column(name).number(&record.s, expected, value);
        }
    }
}
