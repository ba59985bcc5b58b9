//! The loaders: what they read, what they refuse and how they say it.

use std::io::Write;
use std::path::{Path, PathBuf};

use anabranch_data::load::{Format, LoadError, Options, Rows, Table};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tempfile::TempDir;

fn write(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    if name.ends_with(".gz") {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        std::fs::write(&path, encoder.finish().unwrap()).unwrap();
    } else {
        std::fs::write(&path, bytes).unwrap();
    }
    path
}

fn read(name: &str, bytes: &[u8]) -> Result<Table, LoadError> {
    let folder = tempfile::tempdir().unwrap();
    Table::read(&write(&folder, name, bytes), &Options::default())
}

fn cells(table: &Table) -> Vec<Vec<&str>> {
    let row = |row: &'_ anabranch_data::load::Row| row.cells.len();
    assert!(table.rows.iter().all(|r| row(r) == table.columns.len()));
    table
        .rows
        .iter()
        .map(|row| row.cells.iter().map(String::as_str).collect())
        .collect()
}

fn refused(name: &str, bytes: &[u8], parts: &[&str]) {
    let error = read(name, bytes).unwrap_err().to_string();
    for part in parts.iter().chain([&name]) {
        assert!(error.contains(part), "{name}: {part:?} is not in {error:?}");
    }
}

#[test]
fn smiles_with_names_comments_blank_lines_and_foreign_line_ends() {
    let text = "\u{feff}CCO ethanol 99%\r\n\r\n# a comment\r\nc1ccccc1\tbenzene\r\n  C  \r\nN";
    for name in ["a.smi", "a.smi.gz", "A.SMILES"] {
        let table = read(name, text.as_bytes()).unwrap();
        assert_eq!(
            cells(&table),
            [
                ["CCO", "ethanol 99%"],
                ["c1ccccc1", "benzene"],
                ["C", ""],
                ["N", ""]
            ]
        );
        let lines: Vec<u64> = table.rows.iter().map(|row| row.line).collect();
        assert_eq!(lines, [1, 4, 5, 6]);
    }
    refused("a.smi", b"CCO\n\xe9 x\n", &["line 2", "0xe9", "UTF-8"]);
    refused("a.smi", b"CCO\nC\0C\n", &["line 2", "byte 0"]);
    refused("a.smi", b"\xff\xfeC\0", &["UTF-16"]);
}

#[test]
fn csv_with_any_delimiter_quotes_and_compression() {
    for (name, text) in [
        (
            "a.csv",
            "smiles,score,note\nCCO,1.5,\"a, \"\"b\"\"\nc\"\nC,-2,\n",
        ),
        (
            "a.csv.gz",
            "smiles;score;note\r\nCCO;1.5;\"a, \"\"b\"\"\nc\"\r\n\r\nC;-2;\r\n",
        ),
        (
            "a.tsv",
            "\u{feff}smiles\tscore\tnote\nCCO\t1.5\t\"a, \"\"b\"\"\nc\"\nC\t-2\t",
        ),
    ] {
        let table = read(name, text.as_bytes()).unwrap();
        assert_eq!(
            cells(&table),
            [["CCO", "1.5", "a, \"b\"\nc"], ["C", "-2", ""]],
            "{name}"
        );
        assert_eq!(table.numbers("SCORE").unwrap(), [1.5, -2.0]);
        assert_eq!(table.texts(None).unwrap(), ["CCO", "C"]);
    }
    refused(
        "a.csv",
        b"a,b\n1,2\n1,2,3\n",
        &["line 3", "3 fields", "first line 2"],
    );
    refused("a.csv", b"a,a\n1,2\n", &["column a comes twice"]);
    refused("a.csv", b"", &["empty"]);
    refused("a.csv", b"a,b\n\xe9,2\n", &["line 2", "UTF-8"]);
    refused("a.csv", b"PK\x03\x04", &["workbook"]);
}

#[test]
fn numbers_and_columns_say_what_is_wrong_with_them() {
    let table = read("a.csv", b"x;score\nC;1,5\nN;nan\n").unwrap();
    let error = table.numbers("score").unwrap_err().to_string();
    assert!(
        error.contains("line 2") && error.contains("decimal point"),
        "{error}"
    );
    let error = table.numbers("scores").unwrap_err().to_string();
    assert!(error.contains("x, score"), "{error}");
    let error = table.texts(None).unwrap_err().to_string();
    assert!(error.contains("x, score"), "{error}");
    let table = read("a.csv", b"smiles,y\n,1\n").unwrap();
    assert!(
        table
            .texts(None)
            .unwrap_err()
            .to_string()
            .contains("line 2")
    );
}

#[test]
fn an_open_quote_does_not_swallow_a_large_file() {
    let mut text = b"a,b\n1,\"2\n".to_vec();
    text.resize(40 << 20, b'x');
    refused("a.csv", &text, &["quote"]);
}

#[test]
fn a_line_that_is_too_long_is_one_error_and_reading_goes_on() {
    let mut text = b"C\n".to_vec();
    text.resize(3 << 20, b'C');
    text.extend(b"\nN\n");
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<_> = Rows::open(&write(&folder, "a.smi", &text), &Options::default())
        .unwrap()
        .collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[1].as_ref().unwrap_err().line(), Some(2));
    assert_eq!(rows[2].as_ref().unwrap().cells[0], "N");
}

#[test]
fn a_compressed_file_that_is_cut_short_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "a.smi.gz", "CCO\n".repeat(10_000).as_bytes());
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 12]).unwrap();
    let error = Table::read(&path, &Options::default()).unwrap_err();
    assert!(
        !error.goes_on() && error.to_string().contains("cannot be read"),
        "{error}"
    );
}

#[test]
fn fasta_over_several_lines() {
    let text = b">sp|P1 first one\r\nacd\r\nEF-*\r\n\r\n; a comment\r\n>b\nGG\n";
    let table = read("a.fasta", text).unwrap();
    assert_eq!(
        cells(&table),
        [["sp|P1", "first one", "ACDEF-*"], ["b", "", "GG"]]
    );
    assert_eq!(table.rows[1].line, 6);
    assert_eq!(table.texts(None).unwrap(), ["ACDEF-*", "GG"]);
    refused("a.fa", b"ACD\n", &["line 1", "before the first header"]);
    refused("a.fa", b">a\nAC1\n", &["line 2", "'1'"]);
    refused("a.fa.gz", b">a\n>b\nA\n", &["line 1", "no sequence"]);
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "a.fa", b">a\nA\n>b\n1\nC\n>c\nG\n");
    let rows: Vec<_> = Rows::open(&path, &Options::default()).unwrap().collect();
    assert_eq!(rows.len(), 3);
    assert!(rows[1].is_err() && rows[2].as_ref().unwrap().cells[0] == "c");
}

/// Ethanol in both versions, as RDKit's documentation of the format lays them out.
const V2000: &str = "ethanol\n  test\n\n  3  2  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 C   0  0\n    1.2990    0.7500    0.0000 C   0  0\n    2.5981   -0.0000    0.0000 O   0  0\n  1  2  1  0\n  2  3  1  0\nM  END\n";
const V3000: &str = "three\n  test\n\n  0  0  0  0  0  0  0  0  0  0999 V3000\nM  V30 BEGIN CTAB\nM  V30 COUNTS 2 1 0 0 0\nM  V30 BEGIN ATOM\nM  V30 1 C 0 0 0 0\nM  V30 2 N 1.3 0 0 0\nM  V30 END ATOM\nM  V30 BEGIN BOND\nM  V30 1 3 1 2\nM  V30 END BOND\nM  V30 END CTAB\nM  END\n";

#[test]
fn sdf_of_both_versions_with_data_items() {
    let text = format!(
        "{V2000}>  <logP>  (1)\n-0.14\n\n> <note>\ntwo\nlines\n\n$$$$\n{V3000}> <logP>\n0.5\n\n> <smiles>\nmine\n\n$$$$\n"
    );
    for text in [text.clone(), text.replace('\n', "\r\n")] {
        let table = read("a.sdf", text.as_bytes()).unwrap();
        assert_eq!(
            table.columns,
            ["smiles", "title", "logP", "note", "item smiles"]
        );
        assert_eq!(
            cells(&table),
            [
                ["CCO", "ethanol", "-0.14", "two\nlines", ""],
                ["C#N", "three", "0.5", "", "mine"]
            ]
        );
        assert_eq!(table.numbers("logp").unwrap(), [-0.14, 0.5]);
    }
    let broken = format!("{V2000}$$$$\nnonsense\n$$$$\n{V3000}$$$$\n");
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "a.sdf", broken.as_bytes());
    let rows: Vec<_> = Rows::open(&path, &Options::default()).unwrap().collect();
    assert_eq!(rows.len(), 3);
    let error = rows[1].as_ref().unwrap_err().to_string();
    assert!(
        error.contains("line 12") && error.contains("nonsense"),
        "{error}"
    );
}

fn parquet_file(path: &Path) {
    use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    let schema = "message m { REQUIRED BINARY smiles (UTF8); OPTIONAL DOUBLE score; }";
    let schema = std::sync::Arc::new(parse_message_type(schema).unwrap());
    let file = std::fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, std::sync::Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let values = [ByteArray::from("CCO"), ByteArray::from("C")];
    column
        .typed::<ByteArrayType>()
        .write_batch(&values, None, None)
        .unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<DoubleType>()
        .write_batch(&[0.1], Some(&[1, 0]), None)
        .unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn parquet_with_empty_cells_and_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    parquet_file(&path);
    let table = Table::read(&path, &Options::default()).unwrap();
    assert_eq!(table.columns, ["smiles", "score"]);
    assert_eq!(cells(&table), [["CCO", "0.1"], ["C", ""]]);
    let whole = std::fs::read(&path).unwrap();
    let copy = folder.path().join("b.parquet");
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        std::fs::write(&copy, &bytes).unwrap();
        // Anything but a panic: a flipped byte of a value is simply another value.
        let _ = Table::read(&copy, &Options::default());
        std::fs::write(&copy, &whole[..at]).unwrap();
        assert!(Table::read(&copy, &Options::default()).is_err());
    }
}

#[test]
fn names_decide_the_format_and_unknown_ones_are_refused() {
    for (name, format) in [
        ("a.smi", Format::Smiles),
        ("b.CSV.gz", Format::Csv),
        ("a.tsv", Format::Csv),
        ("a.b.sdf", Format::Sdf),
        ("a.parquet", Format::Parquet),
        ("a.faa", Format::Fasta),
    ] {
        assert_eq!(Format::of(Path::new(name)).unwrap(), format);
    }
    for name in ["a", "a.txt", ".gz", "a.gz", "csv"] {
        assert!(Format::of(Path::new(name)).is_err(), "{name}");
    }
    refused("a.txt", b"x", &["give the format"]);
    let error = Table::read(Path::new("nowhere/a.csv"), &Options::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("nowhere/a.csv: cannot be read: ")
    );
}

/// Bytes that look enough like one of the formats to get past its first checks.
fn almost() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..12),
        proptest::sample::select(vec![
            &b"smiles,score\n"[..],
            b">a b\n",
            b"ACGT\n",
            b"CCO ",
            b"\r\n",
            b"\"",
            b";",
            b"$$$$\n",
            b"M  END\n",
            b"> <a>\n",
            b"M  V30 BEGIN CTAB\n",
            b"M  V30 COUNTS 2 1 0 0 0\n",
            b"  3  2  0  0  0  0  0  0  0  0999 V2000\n",
            b"  1  2  1  0\n",
            b"    0.0000    0.0000    0.0000 C   0  0\n",
            b"\xef\xbb\xbf",
            b"\x1f\x8b\x08",
            b"PAR1",
            V2000.as_bytes(),
            V3000.as_bytes(),
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    proptest::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_bytes_panic_or_read_without_end(bytes in almost()) {
        let folder = tempfile::tempdir().unwrap();
        let path = write(&folder, "a", &bytes);
        for format in [Format::Smiles, Format::Csv, Format::Sdf, Format::Parquet, Format::Fasta] {
            let options = Options { format: Some(format), ..Options::default() };
            if let Ok(rows) = Rows::open(&path, &options) {
                let width = rows.columns().len();
                let mut count = 0;
                for row in rows {
                    count += 1;
                    prop_assert!(count <= bytes.len() + 1);
                    if let Ok(row) = row {
                        prop_assert_eq!(row.cells.len(), width);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_written_as_csv_is_read_back(
        rows in proptest::collection::vec(proptest::collection::vec("[ -~é\n]{0,12}", 3), 1..8)
    ) {
        let mut writer = csv::Writer::from_writer(b"a,b,c\n".to_vec());
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let table = read("a.csv", &writer.into_inner().unwrap()).unwrap();
        let found: Vec<Vec<String>> = table.rows.into_iter().map(|row| row.cells).collect();
        prop_assert_eq!(found, rows);
    }
}
