//! CSV and its kin.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::error::{LoadError, shown};
use super::table::{Row, Source};
use super::text::Text;
use super::{MAX_COLUMNS, MAX_RECORD};

/// One row for each record below the header.
pub(super) struct CsvRows {
    file: PathBuf,
    reader: csv::Reader<Bounded>,
    since: Arc<AtomicUsize>,
    record: csv::ByteRecord,
    columns: Vec<String>,
    ended: bool,
}

impl CsvRows {
    /// Reads the header.
    pub(super) fn new(
        file: &Path,
        mut text: Text,
        delimiter: Option<u8>,
    ) -> Result<Self, LoadError> {
        let begin = text.fill_buf().map_err(|source| LoadError::Io {
            file: file.to_owned(),
            line: 0,
            source,
        })?;
        let delimiter = delimiter.unwrap_or_else(|| detect(begin));
        let since = Arc::new(AtomicUsize::new(0));
        let reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(Bounded {
                text,
                since: Arc::clone(&since),
            });
        let mut rows = Self {
            file: file.to_owned(),
            reader,
            since,
            record: csv::ByteRecord::new(),
            columns: Vec::new(),
            ended: false,
        };
        rows.columns = match rows.read() {
            Some(row) => row?
                .cells
                .iter()
                .map(|name| name.trim().to_owned())
                .collect(),
            None => {
                return Err(
                    rows.wrong_file("it is empty; a CSV file begins with a line of column names")
                );
            }
        };
        if rows.columns.len() > MAX_COLUMNS {
            return Err(rows.wrong_file(&format!("it has more than {MAX_COLUMNS} columns")));
        }
        let mut seen = std::collections::BTreeSet::new();
        if let Some(twice) = rows
            .columns
            .iter()
            .find(|name| !name.is_empty() && !seen.insert(*name))
        {
            return Err(rows.wrong_file(&format!(
                "the column {twice} comes twice in its first line; rename one"
            )));
        }
        Ok(rows)
    }

    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    fn wrong_file(&self, reason: &str) -> LoadError {
        LoadError::File {
            file: self.file.clone(),
            reason: reason.to_owned(),
        }
    }

    fn read(&mut self) -> Option<Result<Row, LoadError>> {
        self.since.store(0, Ordering::Relaxed);
        match self.reader.read_byte_record(&mut self.record) {
            Ok(false) => return None,
            Ok(true) => {}
            Err(error) => {
                self.ended = true;
                let line = self.reader.position().line();
                let source = match error.into_kind() {
                    csv::ErrorKind::Io(source) => source,
                    other => std::io::Error::other(format!("{other:?}")),
                };
                return Some(Err(LoadError::Io {
                    file: self.file.clone(),
                    line,
                    source,
                }));
            }
        }
        let line = self.record.position().map_or(0, csv::Position::line);
        let mut cells = Vec::with_capacity(self.record.len());
        for field in &self.record {
            match std::str::from_utf8(field) {
                Ok(text) => cells.push(text.to_owned()),
                Err(_) => {
                    let value = String::from_utf8_lossy(field).into_owned();
                    let reason =
                        "the field is no UTF-8; save the file as UTF-8 (iconv -f LATIN1 -t UTF-8)";
                    return Some(Err(self.wrong(line, &value, reason)));
                }
            }
        }
        Some(Ok(Row { line, cells }))
    }

    fn wrong(&self, line: u64, value: &str, reason: &str) -> LoadError {
        LoadError::Row {
            file: self.file.clone(),
            line,
            value: shown(value),
            reason: reason.to_owned(),
            goes_on: true,
        }
    }
}

impl Source for CsvRows {
    fn next(&mut self) -> Option<Result<Row, LoadError>> {
        loop {
            if self.ended {
                return None;
            }
            let row = match self.read()? {
                Ok(row) => row,
                Err(error) => return Some(Err(error)),
            };
            let (found, expected) = (row.cells.len(), self.columns.len());
            // A line of blanks, which the parser takes for one field.
            if expected > 1 && found == 1 && row.cells[0].trim().is_empty() {
                continue;
            }
            if found != expected {
                let reason = format!(
                    "the line has {found} fields and the first line {expected}; is a delimiter inside a field without \
                     quotes?"
                );
                return Some(Err(self.wrong(row.line, &row.cells.join(" "), &reason)));
            }
            return Some(Ok(row));
        }
    }
}

/// The delimiter that the first line has most of, outside quotes; a comma where it has none.
fn detect(begin: &[u8]) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    let mut quoted = false;
    for byte in begin {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            byte if !quoted => {
                if let Some((_, count)) = counts.iter_mut().find(|(of, _)| of == byte) {
                    *count += 1;
                }
            }
            _ => {}
        }
    }
    // The first of equals.
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    counts
        .iter()
        .find(|(_, count)| *count == most)
        .map_or(b',', |(delimiter, _)| *delimiter)
}

/// A text that refuses to go on within one record for ever, as behind a quote that is never closed.
struct Bounded {
    text: Text,
    since: Arc<AtomicUsize>,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.text.read(buffer)?;
        let since = self.since.fetch_add(read, Ordering::Relaxed) + read;
        if since > MAX_RECORD {
            return Err(std::io::Error::other(format!(
                "a record is longer than {MAX_RECORD} bytes; is a quote (\") opened after this line and not closed?"
            )));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_what_the_first_line_has_most_of() {
        for (line, delimiter) in [
            ("a,b\n;;;", b','),
            ("a;b,c;d\n", b';'),
            ("\"a,b,c\";d", b';'),
            ("a\tb", b'\t'),
            ("a|b", b'|'),
            ("smiles\nC", b','),
            ("", b','),
        ] {
            assert_eq!(detect(line.as_bytes()), delimiter, "{line:?}");
        }
    }
}
