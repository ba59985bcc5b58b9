//! Formats of lines.

use std::io::Write;

use anabranch_chem::sdf_record;
use rayon::prelude::*;
use serde_json::Value;

use super::{Failure, Sample, SampleTable};

/// Records laid out at a time; bounds the memory that a large file takes.
const BATCH: usize = 1024;

/// A number with all its digits; empty where there is none.
fn number(value: f64) -> String {
    if value.is_nan() {
        String::new()
    } else {
        format!("{value:?}")
    }
}

pub(super) fn csv(table: &SampleTable, out: &mut impl Write) -> Result<(), Failure> {
    let failed = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => Failure::Io(error),
        other => Failure::Io(std::io::Error::other(format!("{other:?}"))),
    };
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(table.titles()).map_err(failed)?;
    for row in &table.rows {
        let cells = std::iter::once(row.text.clone()).chain(row.numbers().map(number));
        writer.write_record(cells).map_err(failed)?;
    }
    writer.flush()?;
    Ok(())
}

pub(super) fn smi(table: &SampleTable, out: &mut impl Write) -> Result<(), Failure> {
    for (i, row) in table.rows.iter().enumerate() {
        writeln!(out, "{}\t{}\t{}", row.text, i + 1, number(row.reward))?;
    }
    Ok(())
}

/// A number that is not finite becomes null: JSON has no other word for it.
pub(super) fn json_lines(table: &SampleTable, out: &mut impl Write) -> Result<(), Failure> {
    let titles: Vec<String> = table
        .titles()
        .into_iter()
        .map(|title| Value::from(title).to_string())
        .collect();
    for row in &table.rows {
        // By hand, since a map would sort the columns.
        write!(out, "{{{}:{}", titles[0], Value::from(row.text.as_str()))?;
        for (title, value) in titles[1..].iter().zip(row.numbers()) {
            write!(out, ",{title}:{}", Value::from(value))?;
        }
        out.write_all(b"}\n")?;
    }
    Ok(())
}

/// Letters in a line of FASTA.
const FASTA_WIDTH: usize = 60;

/// `>number reward=... log_reward=... <property>=...`, then the letters.
pub(super) fn fasta(table: &SampleTable, out: &mut impl Write) -> Result<(), Failure> {
    let titles = table.titles();
    for (i, row) in table.rows.iter().enumerate() {
        write!(out, ">{}", i + 1)?;
        for (title, value) in titles[1..].iter().zip(row.numbers()) {
            write!(
                out,
                " {}={}",
                title.replace(char::is_whitespace, "_"),
                number(value)
            )?;
        }
        out.write_all(b"\n")?;
        for line in row.text.as_bytes().chunks(FASTA_WIDTH) {
            out.write_all(line)?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}

pub(super) fn sdf(table: &SampleTable, out: &mut impl Write) -> Result<(), Failure> {
    for (batch, rows) in table.rows.chunks(BATCH).enumerate() {
        let records: Vec<Result<String, Failure>> = rows
            .par_iter()
            .enumerate()
            .map(|(i, row)| record(table, row, batch * BATCH + i + 1))
            .collect();
        for record in records {
            let record = record?;
            out.write_all(record.as_bytes())?;
            if !record.ends_with('\n') {
                out.write_all(b"\n")?;
            }
        }
    }
    Ok(())
}

fn record(table: &SampleTable, row: &Sample, place: usize) -> Result<String, Failure> {
    let Some(molecule) = &row.molecule else {
        return Ok(String::new());
    };
    let texts: Vec<String> = std::iter::once(row.text.clone())
        .chain(row.numbers().map(number))
        .collect();
    let titles = table.titles();
    let properties: Vec<(&str, &str)> = titles
        .into_iter()
        .zip(texts.iter().map(String::as_str))
        .filter(|(_, text)| !text.is_empty())
        .collect();
    sdf_record(molecule, &place.to_string(), &properties).map_err(Failure::Chem)
}
