//! Parquet files.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;

use super::MAX_COLUMNS;
use super::error::LoadError;
use super::table::{Row, Source};

/// One row for each row.
pub(super) struct ParquetRows {
    file: PathBuf,
    rows: RowIter<'static>,
    columns: Vec<String>,
    number: u64,
}

impl ParquetRows {
    pub(super) fn open(path: &Path) -> Result<Self, LoadError> {
        let file = File::open(path).map_err(|source| LoadError::Io {
            file: path.to_owned(),
            line: 0,
            source,
        })?;
        let wrong = |reason: String| LoadError::File {
            file: path.to_owned(),
            reason,
        };
        // The library has panicked on damaged files before; a file of somebody else's stops nothing.
        let open = || {
            let reader = SerializedFileReader::new(file)?;
            let schema = reader.metadata().file_metadata().schema().clone();
            Ok((RowIter::from_file_into(Box::new(reader)), schema))
        };
        let (rows, schema) = catch_unwind(AssertUnwindSafe(open))
            .map_err(|_| wrong(DAMAGED.to_owned()))?
            .map_err(|error: parquet::errors::ParquetError| {
                wrong(format!("it cannot be read as Parquet: {error}"))
            })?;
        let mut columns = Vec::new();
        for field in schema.get_fields() {
            if field.is_group() {
                return Err(wrong(format!(
                    "the column {} is nested (a list, map or struct); write the file without it",
                    field.name()
                )));
            }
            columns.push(field.name().to_owned());
        }
        if columns.is_empty() || columns.len() > MAX_COLUMNS {
            return Err(wrong(format!(
                "it has {} columns; at least 1 and at most {MAX_COLUMNS} are read",
                columns.len()
            )));
        }
        Ok(Self {
            file: path.to_owned(),
            rows,
            columns,
            number: 0,
        })
    }

    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }
}

const DAMAGED: &str = "it is damaged: its reader stopped inside it; write the file anew";

impl Source for ParquetRows {
    fn next(&mut self) -> Option<Result<Row, LoadError>> {
        let next = catch_unwind(AssertUnwindSafe(|| self.rows.next()));
        self.number += 1;
        let wrong = |reason: String| LoadError::Row {
            file: self.file.clone(),
            line: self.number,
            value: String::new(),
            reason,
            goes_on: false,
        };
        let row = match next {
            Err(_) => return Some(Err(wrong(DAMAGED.to_owned()))),
            Ok(None) => return None,
            Ok(Some(Err(error))) => {
                return Some(Err(wrong(format!("the row cannot be read: {error}"))));
            }
            Ok(Some(Ok(row))) => row,
        };
        let cells = row
            .get_column_iter()
            .map(|(_, field)| cell(field))
            .collect();
        Some(Ok(Row {
            line: self.number,
            cells,
        }))
    }
}

fn cell(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Float(value) => value.to_string(),
        Field::Double(value) => value.to_string(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into_owned(),
        other => other.to_string(),
    }
}
