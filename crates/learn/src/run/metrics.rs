//! `metrics.jsonl`: one JSON object a line, without wall-clock times, so that two runs of one seed have
//! the same bytes.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::folder::cannot_write;
use crate::error::{LearnError, Result};

/// Appends metrics.
pub struct MetricsWriter {
    path: PathBuf,
    out: BufWriter<File>,
    bytes: u64,
}

impl MetricsWriter {
    /// Opens the file and cuts it to `bytes`, the length that the checkpoint knew.
    ///
    /// # Errors
    /// Where it cannot be written or is shorter than that.
    pub fn open(path: &Path, bytes: u64) -> Result<Self> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(|e| cannot_write(path, &e))?;
        let length = file.metadata().map_err(|e| cannot_write(path, &e))?.len();
        if length < bytes {
            let problem = format!(
                "has {length} bytes and the checkpoint was made when it had {bytes}; lines are missing: \
                 restore the file from a copy"
            );
            return Err(LearnError::file(path, problem));
        }
        file.set_len(bytes)
            .and_then(|()| file.seek(SeekFrom::Start(bytes)))
            .map_err(|e| cannot_write(path, &e))?;
        Ok(Self {
            path: path.to_path_buf(),
            out: BufWriter::new(file),
            bytes,
        })
    }

    /// Appends one line: the step and named values.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&mut self, step: u64, values: &[(&str, f64)]) -> Result<()> {
        let mut map = Map::new();
        map.insert("step".into(), step.into());
        for (name, value) in values {
            map.insert((*name).into(), (*value).into());
        }
        let mut line = Value::Object(map).to_string();
        line.push('\n');
        self.out
            .write_all(line.as_bytes())
            .map_err(|e| cannot_write(&self.path, &e))?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    /// Puts everything on the disk and says how long the file is.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn sync(&mut self) -> Result<u64> {
        self.out
            .flush()
            .and_then(|()| self.out.get_ref().sync_data())
            .map_err(|e| cannot_write(&self.path, &e))?;
        Ok(self.bytes)
    }
}

/// Reads metrics back.
pub struct MetricsReader {
    rows: Vec<Map<String, Value>>,
}

impl MetricsReader {
    /// Reads the whole file; a last line that was cut short by a kill is left out.
    ///
    /// # Errors
    /// Where it cannot be read or a line is not JSON.
    pub fn read(path: &Path) -> Result<Self> {
        let file =
            File::open(path).map_err(|e| LearnError::file(path, format!("cannot be read: {e}")))?;
        let mut rows = Vec::new();
        let mut reader = BufReader::new(file);
        let mut line = String::new();
        for number in 1.. {
            line.clear();
            let read = reader.read_line(&mut line).map_err(|e| {
                LearnError::file(path, format!("line {number} cannot be read: {e}"))
            })?;
            if read == 0 || !line.ends_with('\n') {
                break;
            }
            let row = serde_json::from_str(&line).map_err(|e| {
                LearnError::file(path, format!("line {number} is not a JSON object: {e}"))
            })?;
            rows.push(row);
        }
        Ok(Self { rows })
    }

    /// (steps, values) of the metric `name`, where it was written.
    pub fn series(&self, name: &str) -> (Vec<u64>, Vec<f64>) {
        self.rows
            .iter()
            .filter_map(|row| Some((row.get("step")?.as_u64()?, row.get(name)?.as_f64()?)))
            .unzip()
    }
}
