//! From the origin's bytes to a file of the set.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Cursor, Read, Write};

use calamine::{Data, Reader, Xlsx};
use flate2::read::MultiGzDecoder;
use flate2::{Compression, GzBuilder};

use super::pickle::{Node, Pickle};
use super::seh;
use crate::error::DataError;
use crate::manifest::{Convert, File, Named};

/// A file of a set.
pub(super) struct Made {
    /// What the manifest's hash is of.
    pub content: Vec<u8>,
    /// What is written.
    pub stored: Vec<u8>,
}

/// Applies the conversion of `file` to the member's bytes.
pub(super) fn convert(file: &File, member: Vec<u8>) -> Result<Made, DataError> {
    let wrong = |reason: String| DataError::Convert {
        member: file.member.clone(),
        file: file.path.clone(),
        reason,
    };
    let content = match &file.convert {
        // A member that is compressed already is kept as it is.
        Convert::Nothing if file.is_compressed() => {
            let mut content = Vec::new();
            MultiGzDecoder::new(member.as_slice())
                .take(file.size + 1)
                .read_to_end(&mut content)
                .map_err(|error| wrong(format!("it is not compressed as expected: {error}")))?;
            return Ok(Made {
                content,
                stored: member,
            });
        }
        Convert::Nothing | Convert::Named(Named::Gzip) => member,
        Convert::Named(Named::EScores) => e_scores(&member).map_err(wrong)?,
        Convert::Named(Named::RnaTargets) => rna_targets(&member).map_err(wrong)?,
        Convert::Named(Named::GapScores) => gap_scores(&member).map_err(wrong)?,
        Convert::Named(Named::SehWeights) => seh::weights(&member).map_err(wrong)?,
        Convert::Sheet {
            sheet,
            columns,
            fill,
        } => sheet_as_csv(&member, sheet, columns, fill).map_err(wrong)?,
    };
    let stored = if file.is_compressed() {
        // No name and no time in the header: the same content gives the same bytes.
        let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
        encoder
            .write_all(&content)
            .and_then(|()| encoder.finish())
            .map_err(|error| wrong(error.to_string()))?
    } else {
        content.clone()
    };
    Ok(Made { content, stored })
}

/// Lines of 8-mer, reverse complement, E-score, ... to `sequence,e_score` with both strands, sorted.
fn e_scores(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let text = text(bytes)?;
    let mut scores = BTreeMap::new();
    for (at, line) in text.lines().enumerate().skip(1) {
        let number = at + 1;
        let mut fields = line.split('\t');
        let (Some(forward), Some(reverse), Some(score)) =
            (fields.next(), fields.next(), fields.next())
        else {
            return Err(format!("line {number} has fewer than 3 fields"));
        };
        let score: f64 = score
            .parse()
            .map_err(|_| format!("line {number} has the score {score:?}"))?;
        scores.insert(forward, score);
        scores.insert(reverse, score);
    }
    let mut out = String::from("sequence,e_score\n");
    for (sequence, score) in scores {
        let _ = writeln!(out, "{sequence},{}", as_python(score));
    }
    Ok(out.into_bytes())
}

/// The shortest decimal number, written as Python's `repr` does: with an exponent of two digits below
/// 0.0001.
fn as_python(value: f64) -> String {
    if value == 0.0 || value.abs() >= 1e-4 {
        let plain = value.to_string();
        return if plain.contains('.') {
            plain
        } else {
            plain + ".0"
        };
    }
    let text = format!("{value:e}");
    match text.split_once("e-") {
        Some((digits, exponent)) => format!("{digits}e-{exponent:0>2}"),
        None => text,
    }
}

/// The texts of the list `targets` in the Python source, as a JSON object.
fn rna_targets(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let text = text(bytes)?;
    let list = text
        .split_once("    targets = [\n")
        .and_then(|(_, rest)| rest.split_once("\n    ]"))
        .map(|(list, _)| list)
        .ok_or("it has no list `targets`")?;
    let lines: Vec<String> = list
        .lines()
        .filter_map(|line| line.split('"').nth(1))
        .enumerate()
        .map(|(at, target)| format!(" \"L14_RNA{}\": \"{target}\"", at + 1))
        .collect();
    Ok(format!("{{\n{}\n}}", lines.join(",\n")).into_bytes())
}

/// A pickled dict of string to NumPy scalar to `blocks,gap_score`, sorted, with 7 significant digits.
fn gap_scores(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let pickle = Pickle::read(bytes)?;
    let Node::Dict(items) = pickle.root() else {
        return Err("it is no dict".to_owned());
    };
    let scalar = [
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray.scalar",
    ];
    let mut scores = BTreeMap::new();
    for (key, value) in items {
        let Node::Text(key) = pickle.node(*key) else {
            return Err("a key is no text".to_owned());
        };
        let number = || {
            let (args, _) = pickle.call(pickle.node(*value), &scalar)?;
            let [dtype, data] = args else { return None };
            let Node::Bytes(data) = pickle.node(*data) else {
                return None;
            };
            let data: [u8; 4] = data.as_slice().try_into().ok()?;
            pickle
                .is_f32(pickle.node(*dtype))
                .then(|| f32::from_le_bytes(data))
        };
        let number = number().ok_or_else(|| format!("the value of {key} is no float32"))?;
        scores.insert(key.as_str(), number);
    }
    let mut out = String::from("blocks,gap_score\n");
    for (blocks, score) in scores {
        let score: f64 = format!("{score:.6e}")
            .parse()
            .map_err(|_| format!("the value of {blocks} is {score}"))?;
        let _ = writeln!(out, "{blocks},{score}");
    }
    Ok(out.into_bytes())
}

/// Columns of one sheet, rows without any value left out; empty cells of `fill` take the value above.
fn sheet_as_csv(
    bytes: &[u8],
    sheet: &str,
    columns: &[String],
    fill: &[String],
) -> Result<Vec<u8>, String> {
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let range = book
        .worksheet_range(sheet)
        .map_err(|error| error.to_string())?;
    let mut rows = range.rows();
    let head: Vec<String> = rows
        .next()
        .ok_or_else(|| format!("the sheet {sheet} is empty"))?
        .iter()
        .map(cell)
        .collect();
    let places = columns
        .iter()
        .map(|column| {
            head.iter()
                .position(|name| name == column)
                .ok_or_else(|| format!("the sheet {sheet} has no column {column}, but {head:?}"))
        })
        .collect::<Result<Vec<usize>, String>>()?;
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(columns).map_err(|e| e.to_string())?;
    let mut above = vec![String::new(); columns.len()];
    for row in rows {
        let mut cells: Vec<String> = places
            .iter()
            .map(|at| row.get(*at).map_or_else(String::new, cell))
            .collect();
        if cells.iter().all(String::is_empty) {
            continue;
        }
        for (at, column) in columns.iter().enumerate() {
            if cells[at].is_empty() && fill.contains(column) {
                cells[at].clone_from(&above[at]);
            }
        }
        out.write_record(&cells).map_err(|e| e.to_string())?;
        above = cells;
    }
    out.into_inner().map_err(|error| error.to_string())
}

fn cell(data: &Data) -> String {
    data.to_string()
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| format!("it is no UTF-8: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_in_python() {
        let cases = [
            (0.03, "0.03"),
            (-0.12351, "-0.12351"),
            (-3e-5, "-3e-05"),
            (1.25e-7, "1.25e-07"),
            (0.0001, "0.0001"),
            (0.0, "0.0"),
            (1.0, "1.0"),
        ];
        for (value, text) in cases {
            assert_eq!(as_python(value), text);
        }
    }

    #[test]
    fn both_strands_come_out_sorted() {
        let made = e_scores(b"8-mer\t8-mer\tE-score\nCC\tGG\t0.10000\t1\nAA\tTT\t-0.50000\t2\n");
        assert_eq!(
            String::from_utf8(made.unwrap()).unwrap(),
            "sequence,e_score\nAA,-0.5\nCC,0.1\nGG,0.1\nTT,-0.5\n"
        );
        assert!(
            e_scores(b"head\nAA\tTT\tx\n")
                .unwrap_err()
                .contains("line 2")
        );
    }

    #[test]
    fn what_is_not_the_origin_s_file_is_an_error() {
        for bytes in [&b""[..], b"\xff\xfe", b"some text"] {
            assert!(rna_targets(bytes).is_err());
            assert!(gap_scores(bytes).is_err());
            assert!(seh::weights(bytes).is_err());
            assert!(sheet_as_csv(bytes, "a", &[], &[]).is_err());
        }
    }
}
