//! TensorBoard event files: scalars only.
//!
//! The format is TFRecord (length, masked CRC-32C, payload, masked CRC-32C) around the protocol buffer
//! `tensorflow.Event`. The one crate for it brings an image library and an old protobuf with it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::folder::cannot_write;
use crate::error::Result;

/// Writes one event file.
pub struct EventWriter {
    path: PathBuf,
    out: BufWriter<File>,
}

impl EventWriter {
    /// Makes a new event file in `folder`; TensorBoard reads all of a folder in order of time.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn create(folder: &Path) -> Result<Self> {
        let time = now();
        let path = folder.join(format!(
            "events.out.tfevents.{}.{}.gfn",
            time as u64,
            std::process::id()
        ));
        let file = File::create(&path).map_err(|e| cannot_write(&path, &e))?;
        let mut writer = Self {
            path,
            out: BufWriter::new(file),
        };
        let mut event = wall_time(time);
        field_bytes(3, b"brain.Event:2", &mut event);
        writer.record(&event)?;
        Ok(writer)
    }

    /// Writes named values of one step.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn scalars(&mut self, step: u64, values: &[(&str, f64)]) -> Result<()> {
        let mut summary = Vec::new();
        for (name, value) in values {
            let mut entry = Vec::new();
            field_bytes(1, name.as_bytes(), &mut entry);
            entry.push(2 << 3 | 5);
            entry.extend((*value as f32).to_le_bytes());
            field_bytes(1, &entry, &mut summary);
        }
        let mut event = wall_time(now());
        event.push(2 << 3);
        varint(step, &mut event);
        field_bytes(5, &summary, &mut event);
        self.record(&event)
    }

    /// Hands everything to the system.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        self.out.flush().map_err(|e| cannot_write(&self.path, &e))
    }

    fn record(&mut self, payload: &[u8]) -> Result<()> {
        let length = (payload.len() as u64).to_le_bytes();
        let mut bytes = Vec::with_capacity(payload.len() + 16);
        bytes.extend(length);
        bytes.extend(masked_crc(&length).to_le_bytes());
        bytes.extend(payload);
        bytes.extend(masked_crc(payload).to_le_bytes());
        self.out
            .write_all(&bytes)
            .map_err(|e| cannot_write(&self.path, &e))
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |d| d.as_secs_f64())
}

fn wall_time(time: f64) -> Vec<u8> {
    let mut event = vec![1 << 3 | 1];
    event.extend(time.to_le_bytes());
    event
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn field_bytes(number: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(number << 3 | 2);
    varint(bytes.len() as u64, out);
    out.extend(bytes);
}

/// TFRecord's mask: a CRC of data that holds CRCs would be a poor check.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}
