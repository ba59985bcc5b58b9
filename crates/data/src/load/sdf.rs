//! SD files.

use std::collections::BTreeMap;

use anabranch_chem::Molecule;

use super::error::LoadError;
use super::lines::Lines;
use super::table::{Row, Source};
use super::{MAX_COLUMNS, MAX_RECORD};

/// One row for each record.
pub(super) struct SdfRows {
    lines: Lines,
    columns: Vec<String>,
    /// Place of each data item among the columns.
    places: BTreeMap<String, usize>,
}

/// The columns that every SD file has.
const FIRST: [&str; 2] = ["smiles", "title"];

impl SdfRows {
    /// Reads the names of data items from `scan`, another reader of the same file.
    pub(super) fn new(lines: Lines, mut scan: Lines) -> Result<Self, LoadError> {
        let mut columns: Vec<String> = FIRST.map(str::to_owned).to_vec();
        let mut places = BTreeMap::new();
        while let Some(line) = scan.next() {
            let name = match line {
                Ok(line) => item_name(line).map(str::to_owned),
                Err(error) if error.goes_on() => None,
                Err(error) => return Err(error),
            };
            let Some(name) = name else { continue };
            if places.contains_key(&name) {
                continue;
            }
            if columns.len() >= MAX_COLUMNS {
                return Err(LoadError::File {
                    file: scan.file().to_owned(),
                    reason: format!("it has more than {MAX_COLUMNS} data items"),
                });
            }
            places.insert(name.clone(), columns.len());
            // An item that is called as a column of ours keeps its values under a name of its own.
            let taken = |name: &str| {
                columns
                    .iter()
                    .any(|column| column.eq_ignore_ascii_case(name))
            };
            let column = if taken(&name) {
                format!("item {name}")
            } else {
                name
            };
            columns.push(column);
        }
        Ok(Self {
            lines,
            columns,
            places,
        })
    }

    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    fn row(&self, begun: u64, record: &str) -> Result<Row, LoadError> {
        let title = record.lines().next().unwrap_or_default().trim();
        let molecule = Molecule::from_mol_block(record)
            .and_then(|molecule| molecule.smiles().map(str::to_owned))
            .map_err(|error| self.lines.wrong(begun, title, error.to_string()))?;
        let mut cells = vec![String::new(); self.columns.len()];
        cells[0] = molecule;
        cells[1] = title.to_owned();
        let mut at: Option<usize> = None;
        for line in record.lines() {
            if let Some(name) = item_name(line) {
                at = self.places.get(name).copied();
            } else if line.is_empty() {
                at = None;
            } else if let Some(at) = at {
                let cell = &mut cells[at];
                if !cell.is_empty() {
                    cell.push('\n');
                }
                cell.push_str(line);
            }
        }
        Ok(Row { line: begun, cells })
    }
}

impl Source for SdfRows {
    fn next(&mut self) -> Option<Result<Row, LoadError>> {
        let begun = self.lines.number() + 1;
        let mut record = String::new();
        let mut wrong: Option<LoadError> = None;
        let mut any = false;
        loop {
            match self.lines.next() {
                None => break,
                Some(Ok(line)) if line.starts_with("$$$$") => {
                    any = true;
                    break;
                }
                Some(Ok(line)) => {
                    any |= !line.trim().is_empty();
                    if record.len() + line.len() < MAX_RECORD {
                        record.push_str(line);
                        record.push('\n');
                    } else if wrong.is_none() {
                        let reason = format!(
                            "the record has more than {MAX_RECORD} bytes; does $$$$ stand between the molecules?"
                        );
                        wrong = Some(self.lines.wrong(begun, "", reason));
                    }
                }
                Some(Err(error)) if error.goes_on() => {
                    any = true;
                    wrong.get_or_insert(error);
                }
                Some(Err(error)) => return Some(Err(error)),
            }
        }
        if !any {
            return None;
        }
        Some(match wrong {
            Some(error) => Err(error),
            None => self.row(begun, &record),
        })
    }
}

/// The name of a data item in its header, as in `>  <logP>  (7)`.
fn item_name(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('>')?;
    let (_, rest) = rest.split_once('<')?;
    let (name, _) = rest.rsplit_once('>')?;
    Some(name.trim()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_data_items() {
        assert_eq!(item_name(">  <logP>"), Some("logP"));
        assert_eq!(item_name("> 25 <a>b> (7)"), Some("a>b"));
        assert_eq!(item_name("> DT12"), None);
        assert_eq!(item_name("> <>"), None);
        assert_eq!(item_name("text <a>"), None);
    }
}
