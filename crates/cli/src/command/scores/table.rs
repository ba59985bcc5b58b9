//! A table of scores as CSV, JSON lines or Parquet, written row by row.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use parquet::basic::{Compression, ConvertedType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use serde_json::Value;

/// Rows of a row group of Parquet.
const GROUP: usize = 65_536;

/// A format of files of scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    JsonLines,
    Parquet,
}

impl Format {
    /// The format of a path, by its extension.
    pub(super) fn of(path: &Path) -> Result<Self> {
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        match extension.to_ascii_lowercase().as_str() {
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::JsonLines),
            "parquet" => Ok(Self::Parquet),
            _ => bail!(
                "cannot tell the format of {}: give it one of the extensions .csv .parquet .jsonl",
                path.display()
            ),
        }
    }
}

/// One row.
pub(super) struct Cells {
    pub(super) object: String,
    pub(super) source: i64,
    pub(super) kind: String,
    pub(super) numbers: Vec<Option<f64>>,
    pub(super) message: Option<String>,
}

/// A table that is being written.
pub(super) enum Table<'a> {
    Csv(csv::Writer<&'a mut (dyn Write + Send)>),
    JsonLines {
        titles: Vec<String>,
        out: &'a mut (dyn Write + Send),
    },
    Parquet {
        writer: SerializedFileWriter<&'a mut (dyn Write + Send)>,
        rows: Vec<Cells>,
    },
}

impl<'a> Table<'a> {
    /// A table with the titles object, source, kind, those of the numbers, and perhaps message.
    pub(super) fn new(
        format: Format,
        titles: Vec<String>,
        out: &'a mut (dyn Write + Send),
    ) -> Result<Self> {
        Ok(match format {
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(&titles)?;
                Self::Csv(writer)
            }
            Format::JsonLines => Self::JsonLines { titles, out },
            Format::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::SNAPPY)
                    .set_created_by(
                        concat!("anabranch version ", env!("CARGO_PKG_VERSION")).to_owned(),
                    )
                    .build();
                Self::Parquet {
                    writer: SerializedFileWriter::new(out, schema(&titles)?, Arc::new(properties))?,
                    rows: Vec::new(),
                }
            }
        })
    }

    /// Writes a row.
    pub(super) fn push(&mut self, cells: Cells) -> Result<()> {
        match self {
            Self::Csv(writer) => {
                let mut record = vec![cells.object, cells.source.to_string(), cells.kind];
                let number = |n: Option<f64>| n.map_or(String::new(), |n| format!("{n:?}"));
                record.extend(cells.numbers.into_iter().map(number));
                record.extend(cells.message);
                writer.write_record(record)?;
            }
            Self::JsonLines { titles, out } => {
                let mut values = vec![cells.object.into(), cells.source.into(), cells.kind.into()];
                values.extend(cells.numbers.into_iter().map(Value::from));
                values.extend(cells.message.map(Value::from));
                // By hand, since a map would sort the columns.
                let fields: Vec<String> = titles
                    .iter()
                    .zip(values)
                    .map(|(title, value)| format!("{}:{value}", Value::from(title.as_str())))
                    .collect();
                writeln!(out, "{{{}}}", fields.join(","))?;
            }
            Self::Parquet { writer, rows } => {
                rows.push(cells);
                if rows.len() == GROUP {
                    write_group(writer, &std::mem::take(rows))?;
                }
            }
        }
        Ok(())
    }

    /// Writes what is left.
    pub(super) fn finish(self) -> Result<()> {
        match self {
            Self::Csv(mut writer) => writer.flush()?,
            Self::JsonLines { .. } => {}
            Self::Parquet { mut writer, rows } => {
                if !rows.is_empty() {
                    write_group(&mut writer, &rows)?;
                }
                writer.close()?;
            }
        }
        Ok(())
    }
}

fn schema(titles: &[String]) -> Result<Arc<Type>> {
    let mut fields = Vec::with_capacity(titles.len());
    for (place, title) in titles.iter().enumerate() {
        let text = place == 0 || place == 2 || title == "message";
        let (physical, repetition) = match place {
            1 => (Physical::INT64, Repetition::REQUIRED),
            _ if text => (Physical::BYTE_ARRAY, Repetition::REQUIRED),
            _ => (Physical::DOUBLE, Repetition::OPTIONAL),
        };
        let mut field = Type::primitive_type_builder(title, physical).with_repetition(repetition);
        if text {
            field = field.with_converted_type(ConvertedType::UTF8);
        }
        fields.push(Arc::new(field.build()?));
    }
    Ok(Arc::new(
        Type::group_type_builder("scores")
            .with_fields(fields)
            .build()?,
    ))
}

fn write_group(
    writer: &mut SerializedFileWriter<&mut (dyn Write + Send)>,
    rows: &[Cells],
) -> Result<()> {
    let mut group = writer.next_row_group()?;
    let numbers = rows.first().map_or(0, |row| row.numbers.len());
    let mut place = 0;
    while let Some(mut column) = group.next_column()? {
        match place {
            1 => {
                let values: Vec<i64> = rows.iter().map(|row| row.source).collect();
                column
                    .typed::<Int64Type>()
                    .write_batch(&values, None, None)?;
            }
            n if (3..3 + numbers).contains(&n) => {
                let cells = rows
                    .iter()
                    .map(|row| row.numbers.get(n - 3).copied().flatten());
                let present: Vec<i16> = cells.clone().map(|c| i16::from(c.is_some())).collect();
                let values: Vec<f64> = cells.flatten().collect();
                column
                    .typed::<DoubleType>()
                    .write_batch(&values, Some(&present), None)?;
            }
            n => {
                let text = |row: &Cells| match n {
                    0 => Some(row.object.as_str().into()),
                    2 => Some(row.kind.as_str().into()),
                    _ => row.message.as_deref().map(ByteArray::from),
                };
                let values: Option<Vec<ByteArray>> = rows.iter().map(text).collect();
                let values = values.context("a row has no message")?;
                column
                    .typed::<ByteArrayType>()
                    .write_batch(&values, None, None)?;
            }
        }
        column.close()?;
        place += 1;
    }
    group.close()?;
    Ok(())
}
