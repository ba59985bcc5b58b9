//! Rows and tables.

use std::path::{Path, PathBuf};

use super::delimited::CsvRows;
use super::error::{LoadError, shown};
use super::fasta::{self, FastaRows};
use super::format::{Format, Options};
use super::lines::Lines;
use super::parquet::ParquetRows;
use super::sdf::SdfRows;
use super::smiles::{self, SmilesRows};
use super::text;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line on which it begins, from 1; in Parquet the number of the row.
    pub line: u64,
    /// As many texts as the table has columns; empty where there is no value.
    pub cells: Vec<String>,
}

/// A format's reader.
pub(super) trait Source {
    fn next(&mut self) -> Option<Result<Row, LoadError>>;
}

/// The rows of a file, read one after another.
///
/// An error for which [`LoadError::goes_on`] holds is about one row, and the next call gives the row after
/// it; after any other error there are no more rows.
pub struct Rows {
    file: PathBuf,
    format: Format,
    columns: Vec<String>,
    source: Box<dyn Source>,
    ended: bool,
}

impl Rows {
    /// Opens a file and learns its columns.
    ///
    /// # Errors
    /// Where the file cannot be read, its format is unknown, or its first line is no header.
    pub fn open(file: &Path, options: &Options) -> Result<Self, LoadError> {
        let format = match options.format {
            Some(format) => format,
            None => Format::of(file)?,
        };
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let lines = || text::open(file).map(|text| Lines::new(file, text));
        let (columns, source): (Vec<String>, Box<dyn Source>) = match format {
            Format::Smiles => (owned(&smiles::COLUMNS), Box::new(SmilesRows(lines()?))),
            Format::Fasta => (owned(&fasta::COLUMNS), Box::new(FastaRows::new(lines()?))),
            Format::Csv => {
                let rows = CsvRows::new(file, text::open(file)?, options.delimiter)?;
                (rows.columns().to_vec(), Box::new(rows))
            }
            Format::Sdf => {
                let rows = SdfRows::new(lines()?, lines()?)?;
                (rows.columns().to_vec(), Box::new(rows))
            }
            Format::Parquet => {
                let rows = ParquetRows::open(file)?;
                (rows.columns().to_vec(), Box::new(rows))
            }
        };
        Ok(Self {
            file: file.to_owned(),
            format,
            columns,
            source,
            ended: false,
        })
    }

    /// Names of the columns, in the order of the cells.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The format that is read.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Index of the column called `name`; without a name the one that holds the objects, see
    /// [`Table::object_column`].
    ///
    /// # Errors
    /// [`LoadError::NoColumn`], [`LoadError::File`].
    pub fn column(&self, name: Option<&str>) -> Result<usize, LoadError> {
        column(&self.file, &self.columns, name)
    }
}

impl Iterator for Rows {
    type Item = Result<Row, LoadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let row = self.source.next();
        self.ended = match &row {
            Some(Ok(_)) => false,
            Some(Err(error)) => !error.goes_on(),
            None => true,
        };
        row
    }
}

/// All rows of a file.
#[derive(Clone, Debug)]
pub struct Table {
    /// The file.
    pub file: PathBuf,
    /// Its format.
    pub format: Format,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
}

impl Table {
    /// Reads all rows; the first that is wrong is an error.
    ///
    /// # Errors
    /// See [`Rows`].
    pub fn read(file: &Path, options: &Options) -> Result<Self, LoadError> {
        let mut rows = Rows::open(file, options)?;
        let read = rows.by_ref().collect::<Result<Vec<Row>, LoadError>>()?;
        Ok(Self {
            file: rows.file,
            format: rows.format,
            columns: rows.columns,
            rows: read,
        })
    }

    /// Index of the column with the objects: the first called `smiles`, `canonical_smiles`, `sequence`,
    /// `seq`, `object`, `molecule` or `text`, in any case; else the only column.
    ///
    /// # Errors
    /// [`LoadError::File`] where no column is called so; the error names the columns.
    pub fn object_column(&self) -> Result<usize, LoadError> {
        column(&self.file, &self.columns, None)
    }

    /// Index of the column called `name`, in any case where no other differs by case only.
    ///
    /// # Errors
    /// [`LoadError::NoColumn`] with the columns that there are.
    pub fn column(&self, name: &str) -> Result<usize, LoadError> {
        column(&self.file, &self.columns, Some(name))
    }

    /// The texts of a column; without a name those of the objects.
    ///
    /// # Errors
    /// Where there is no such column, and where a text is empty.
    pub fn texts(&self, name: Option<&str>) -> Result<Vec<&str>, LoadError> {
        let at = column(&self.file, &self.columns, name)?;
        let text = |row: &'_ Row| -> Result<(), LoadError> {
            if row.cells[at].trim().is_empty() {
                let reason = format!(
                    "the column {} is empty; fill it or take the line out",
                    self.columns[at]
                );
                return Err(self.wrong(row, "", reason));
            }
            Ok(())
        };
        self.rows.iter().try_for_each(text)?;
        Ok(self.rows.iter().map(|row| row.cells[at].trim()).collect())
    }

    /// The numbers of a column, all of them finite.
    ///
    /// # Errors
    /// Where there is no such column, and where a cell is no finite number: empty, `nan` or with a decimal
    /// comma.
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>, LoadError> {
        let at = self.column(name)?;
        self.rows
            .iter()
            .map(|row| {
                let text = row.cells[at].trim();
                let number = text.parse::<f64>().ok().filter(|n| n.is_finite());
                number.ok_or_else(|| {
                    let hint = if text.replace(',', ".").parse::<f64>().is_ok() {
                        "; write the decimal point as a point"
                    } else {
                        "; correct it or take the line out"
                    };
                    let reason = format!("the column {name} has to hold finite numbers{hint}");
                    self.wrong(row, text, reason)
                })
            })
            .collect()
    }

    fn wrong(&self, row: &Row, value: &str, reason: String) -> LoadError {
        LoadError::Row {
            file: self.file.clone(),
            line: row.line,
            value: shown(value),
            reason,
            goes_on: true,
        }
    }
}

/// What columns of objects are called.
const OBJECTS: [&str; 7] = [
    "smiles",
    "canonical_smiles",
    "sequence",
    "seq",
    "object",
    "molecule",
    "text",
];

fn column(file: &Path, columns: &[String], name: Option<&str>) -> Result<usize, LoadError> {
    let any_case = |name: &str| {
        let mut found = columns
            .iter()
            .enumerate()
            .filter(|(_, known)| known.eq_ignore_ascii_case(name));
        match (found.next(), found.next()) {
            (Some((at, _)), None) => Some(at),
            _ => None,
        }
    };
    if let Some(name) = name {
        let exact = columns.iter().position(|known| known == name);
        return exact
            .or_else(|| any_case(name))
            .ok_or_else(|| LoadError::NoColumn {
                file: file.to_owned(),
                column: name.to_owned(),
                known: columns.join(", "),
            });
    }
    if let [_] = columns {
        return Ok(0);
    }
    OBJECTS
        .iter()
        .find_map(|name| any_case(name))
        .ok_or_else(|| LoadError::File {
            file: file.to_owned(),
            reason: format!(
                "no column is called {}; say which of {} holds the objects",
                OBJECTS.join(", "),
                shown_names(columns)
            ),
        })
}

fn shown_names(columns: &[String]) -> String {
    const MOST: usize = 20;
    let mut names = columns
        .iter()
        .take(MOST)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if columns.len() > MOST {
        names += &format!(" and {} more", columns.len() - MOST);
    }
    names
}
