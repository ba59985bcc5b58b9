use super::*;

/// A disk that is full after so many bytes.
struct SmallDisk(usize);

impl Write for SmallDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn molecules() -> SampleTable {
    let rows = ["CCO", "c1ccccc1", "CC(=O)Oc1ccccc1C(=O)O"]
        .into_iter()
        .enumerate()
        .map(|(i, smiles)| Sample {
            text: smiles.to_owned(),
            reward: 0.1 + i as f64,
            log_reward: (0.1 + i as f64).ln(),
            values: vec![1.0 / 3.0, f64::MIN_POSITIVE],
            molecule: Molecule::from_smiles(smiles).ok(),
        })
        .collect();
    SampleTable {
        object: "smiles".into(),
        columns: vec!["qed".into(), "a \"title\", odd".into()],
        rows,
    }
}

fn bits() -> SampleTable {
    let mut table = molecules();
    table.object = "bits".into();
    for row in &mut table.rows {
        row.text = "0101".into();
        row.molecule = None;
    }
    table
}

#[test]
fn every_format_reports_a_full_disk_wherever_it_fills() {
    let table = molecules();
    for format in Format::ALL {
        let mut whole = Vec::new();
        assert!(write_format(&table, format, &mut whole).is_ok());
        for room in [0, 1, whole.len() / 2, whole.len() - 1] {
            match write_format(&table, format, &mut SmallDisk(room)) {
                Err(Failure::Io(error)) => {
                    assert_eq!(
                        error.kind(),
                        io::ErrorKind::StorageFull,
                        "{format:?} {error}"
                    );
                }
                _ => panic!("{format:?} with room for {room} bytes of {}", whole.len()),
            }
        }
        assert!(write_format(&table, format, &mut SmallDisk(whole.len())).is_ok());
    }
}

#[test]
fn the_same_table_gives_the_same_bytes() {
    let table = molecules();
    for format in Format::ALL {
        let [first, second] = [(), ()].map(|()| {
            let mut bytes = Vec::new();
            assert!(write_format(&table, format, &mut bytes).is_ok());
            bytes
        });
        assert_eq!(first, second, "{format:?}");
    }
}

#[test]
fn json_lines_keep_every_digit_and_csv_too() {
    let table = molecules();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jsonl");
    write(&table, &path, false).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with(r#"{"smiles":"CCO","reward":0.1,"#),
        "{text}"
    );
    for (line, row) in text.lines().zip(&table.rows) {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["log_reward"].as_f64(), Some(row.log_reward));
        assert_eq!(value["a \"title\", odd"].as_f64(), Some(f64::MIN_POSITIVE));
    }
    let path = folder.path().join("x.CSV");
    write(&table, &path, false).unwrap();
    let mut reader = csv::Reader::from_path(&path).unwrap();
    assert_eq!(&reader.headers().unwrap()[4], "a \"title\", odd");
    for (record, row) in reader.records().zip(&table.rows) {
        assert_eq!(record.unwrap()[2].parse::<f64>().unwrap(), row.log_reward);
    }
}

#[test]
fn numbers_that_are_none_do_not_break_a_file() {
    let mut table = bits();
    table.rows[0].values[0] = f64::NAN;
    table.rows[0].log_reward = f64::NEG_INFINITY;
    let mut bytes = Vec::new();
    assert!(write_format(&table, Format::JsonLines, &mut bytes).is_ok());
    let line = String::from_utf8(bytes).unwrap();
    assert!(line.contains(r#""log_reward":null,"qed":null"#), "{line}");
    let mut bytes = Vec::new();
    assert!(write_format(&table, Format::Csv, &mut bytes).is_ok());
    let text = String::from_utf8(bytes).unwrap();
    assert!(
        text.contains("0101,0.1,-inf,,2.2250738585072014e-308"),
        "{text}"
    );
}

#[test]
fn a_file_is_overwritten_only_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, "mine").unwrap();
    let error = write(&molecules(), &path, false).unwrap_err();
    assert!(matches!(error, OutputError::Exists { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    let written = write(&molecules(), &path, true).unwrap();
    assert_eq!(written.bytes, std::fs::metadata(&path).unwrap().len());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn refusals_say_what_to_do_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let refusal =
        |table: &SampleTable, name: &str| write(table, &at(name), false).unwrap_err().to_string();
    assert!(refusal(&bits(), "x.xlsx").contains(".csv .smi .sdf .jsonl .parquet"));
    assert!(refusal(&bits(), "x").contains(".csv"));
    assert!(refusal(&bits(), "x.sdf").contains("holds molecules"));
    assert!(refusal(&bits(), "x.smi").contains("holds molecules"));
    assert!(refusal(&bits(), "none/x.csv").contains("make it first"));
    let mut table = bits();
    table.columns[0] = "reward".into();
    assert!(refusal(&table, "x.csv").contains("two columns"));
    let mut table = bits();
    table.rows[1].values.pop();
    assert!(refusal(&table, "x.csv").contains("1 values for 2 columns"));
    std::fs::create_dir(at("folder.csv")).unwrap();
    assert!(write(&bits(), &at("folder.csv"), true).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_empty_table_is_an_empty_file_of_its_format() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = molecules();
    table.rows.clear();
    for format in Format::ALL {
        let path = folder.path().join(format!("x.{}", format.extension()));
        assert_eq!(write(&table, &path, false).unwrap().rows, 0);
    }
}
