//! SMILES files.

use super::error::LoadError;
use super::lines::Lines;
use super::table::{Row, Source};

/// One row for each line that has a SMILES.
pub(super) struct SmilesRows(pub Lines);

pub(super) const COLUMNS: [&str; 2] = ["smiles", "name"];

impl Source for SmilesRows {
    fn next(&mut self) -> Option<Result<Row, LoadError>> {
        loop {
            let line = match self.0.next()? {
                Ok(line) => line.trim().to_owned(),
                Err(error) => return Some(Err(error)),
            };
            // A bare `#` is a bond, and no molecule begins with one.
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (smiles, name) = line
                .split_once(|c: char| c.is_ascii_whitespace())
                .unwrap_or((&line, ""));
            let cells = vec![smiles.to_owned(), name.trim().to_owned()];
            // Some programs write a line of names.
            if self.0.number() == 1
                && ["smiles", "canonical_smiles"].contains(&smiles.to_ascii_lowercase().as_str())
            {
                continue;
            }
            return Some(Ok(Row {
                line: self.0.number(),
                cells,
            }));
        }
    }
}
