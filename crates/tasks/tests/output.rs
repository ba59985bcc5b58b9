//! Files of samples, as other programs will read them. They are left in the target's folder as
//! samples.{csv,smi,sdf,jsonl,parquet}, where pandas and RDKit can be tried on them.

use std::path::Path;

use anabranch_chem::{Descriptor, Molecule};
use anabranch_tasks::output::{Format, Sample, SampleTable, write};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;

fn table() -> SampleTable {
    let smiles = [
        "CC(=O)Oc1ccccc1C(=O)O",
        "C[C@H](N)C(=O)O",
        "F/C=C/F",
        "O=C(Nc1ccc(F)cc1)N1CCC(c2c[nH]c3ccccc23)CC1",
    ];
    let rows = smiles
        .into_iter()
        .cycle()
        .take(40)
        .enumerate()
        .map(|(i, smiles)| {
            let molecule = Molecule::from_smiles(smiles).unwrap();
            let reward = 1.0 / (i as f64 + 3.0);
            Sample {
                text: molecule.smiles().unwrap().to_owned(),
                reward,
                log_reward: reward.ln(),
                values: vec![
                    Descriptor::Qed.of(&molecule).unwrap(),
                    Descriptor::Mw.of(&molecule).unwrap(),
                ],
                molecule: Some(molecule),
            }
        });
    SampleTable {
        object: "smiles".into(),
        columns: vec!["qed".into(), "mw".into()],
        rows: rows.collect(),
    }
}

#[test]
fn every_format_is_written_and_holds_every_row() {
    let molecules = table();
    let mut sequences = table();
    sequences.object = "dna".into();
    for row in &mut sequences.rows {
        row.text = "GATTACA".repeat(10);
    }
    for format in Format::ALL {
        let table = match format {
            Format::Fasta => &sequences,
            _ => &molecules,
        };
        let name = format!("samples.{}", format.extension());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let written = write(table, &path, true).unwrap();
        assert_eq!(written.rows, 40);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len() as u64, written.bytes);
        write(table, &path, true).unwrap();
        assert_eq!(
            std::fs::read(&path).unwrap(),
            bytes,
            "{format:?} repeats its bytes"
        );
        let text = String::from_utf8_lossy(&bytes);
        match format {
            Format::Csv => assert_eq!(text.lines().count(), 41),
            Format::Smi | Format::JsonLines => assert_eq!(text.lines().count(), 40),
            Format::Sdf => assert_eq!(text.matches("$$$$\n").count(), 40),
            Format::Parquet => assert!(text.starts_with("PAR1")),
            // A header and two lines of letters each, the longer of 60.
            Format::Fasta => assert_eq!(text.lines().count(), 120),
        }
    }
}

#[test]
fn parquet_reads_back_exactly() {
    let table = table();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    write(&table, &path, false).unwrap();
    let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
    let columns = reader.metadata().file_metadata().schema_descr();
    let names: Vec<_> = columns
        .columns()
        .iter()
        .map(|c| c.name().to_owned())
        .collect();
    assert_eq!(names, ["smiles", "reward", "log_reward", "qed", "mw"]);
    for (row, sample) in reader.get_row_iter(None).unwrap().zip(&table.rows) {
        let row = row.unwrap();
        assert_eq!(row.get_string(0).unwrap(), &sample.text);
        assert_eq!(row.get_double(2).unwrap(), sample.log_reward);
        assert_eq!(row.get_double(4).unwrap(), sample.values[1]);
    }
}

#[test]
fn sdf_carries_the_properties() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.sdf");
    write(&table(), &path, false).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    for field in [
        ">  <reward>",
        ">  <log_reward>",
        ">  <qed>",
        "CC(=O)Oc1ccccc1C(=O)O",
    ] {
        assert!(text.contains(field), "{field}");
    }
}
