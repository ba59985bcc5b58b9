//! Parquet.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, ConvertedType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

use super::{Failure, SampleTable};

/// Rows of a row group.
const GROUP: usize = 65_536;

pub(super) fn parquet(table: &SampleTable, out: &mut (impl Write + Send)) -> Result<(), Failure> {
    store(table, out).map_err(|error| {
        // The writer wraps the system's error; its kind says whether the disk is full.
        Failure::Io(match error {
            ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(error) => *error,
                Err(other) => io::Error::other(other),
            },
            other => io::Error::other(other),
        })
    })
}

fn store(table: &SampleTable, out: &mut (impl Write + Send)) -> Result<(), ParquetError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(concat!("anabranch version ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let mut writer = SerializedFileWriter::new(out, schema(table)?, Arc::new(properties))?;
    for rows in table.rows.chunks(GROUP) {
        let mut group = writer.next_row_group()?;
        if let Some(mut column) = group.next_column()? {
            let texts: Vec<ByteArray> = rows.iter().map(|row| row.text.as_str().into()).collect();
            column
                .typed::<ByteArrayType>()
                .write_batch(&texts, None, None)?;
            column.close()?;
        }
        let mut place = 0;
        while let Some(mut column) = group.next_column()? {
            let values: Vec<f64> = rows
                .iter()
                .filter_map(|row| row.numbers().nth(place))
                .collect();
            column
                .typed::<DoubleType>()
                .write_batch(&values, None, None)?;
            column.close()?;
            place += 1;
        }
        group.close()?;
    }
    writer.close()?;
    Ok(())
}

fn schema(table: &SampleTable) -> Result<TypePtr, ParquetError> {
    let titles = table.titles();
    let mut fields = Vec::with_capacity(titles.len());
    for (i, title) in titles.into_iter().enumerate() {
        let physical = if i == 0 {
            Physical::BYTE_ARRAY
        } else {
            Physical::DOUBLE
        };
        let mut field =
            Type::primitive_type_builder(title, physical).with_repetition(Repetition::REQUIRED);
        if i == 0 {
            field = field.with_converted_type(ConvertedType::UTF8);
        }
        fields.push(Arc::new(field.build()?));
    }
    let root = Type::group_type_builder("samples")
        .with_fields(fields)
        .build()?;
    Ok(Arc::new(root))
}
