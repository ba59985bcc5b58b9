//! Arrays as NumPy's `.npz`: a zip of `.npy` files, format 1.0.

use std::io::{Cursor, Write};

use anabranch_learn::onnx::Values;
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::error::{Result, TaskError};

/// A `.npy` file of floats or whole numbers.
pub(super) fn array(shape: &[usize], values: &Values) -> Vec<u8> {
    match values {
        Values::Float(values) => npy("<f4", shape, values.iter().flat_map(|v| v.to_le_bytes())),
        Values::Whole(values) => npy("<i8", shape, values.iter().flat_map(|v| v.to_le_bytes())),
    }
}

/// One of doubles.
pub(super) fn doubles(shape: &[usize], values: &[f64]) -> Vec<u8> {
    npy("<f8", shape, values.iter().flat_map(|v| v.to_le_bytes()))
}

fn npy(kind: &str, shape: &[usize], values: impl Iterator<Item = u8>) -> Vec<u8> {
    let shape: String = shape.iter().map(|size| format!("{size},")).collect();
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
    // Magic, version, length and header together are a multiple of 64, the last byte a newline.
    let filled = (10 + header.len() + 1).next_multiple_of(64) - 11;
    header.extend(std::iter::repeat_n(' ', filled - header.len()));
    header.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(values);
    out
}

/// The archive of named arrays.
pub(super) fn write(arrays: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let fault =
        |error: String| TaskError::Request(format!("the examples cannot be written: {error}"));
    for (name, bytes) in arrays {
        archive
            .start_file(format!("{name}.npy"), SimpleFileOptions::default())
            .map_err(|e| fault(e.to_string()))?;
        archive.write_all(bytes).map_err(|e| fault(e.to_string()))?;
    }
    let cursor = archive.finish().map_err(|e| fault(e.to_string()))?;
    Ok(cursor.into_inner())
}
