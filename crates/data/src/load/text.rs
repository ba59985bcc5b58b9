//! Opening a text file: gzip, byte order marks.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::error::LoadError;

/// A file as bytes of text, decompressed, behind its byte order mark.
pub(super) type Text = Box<dyn BufRead + Send>;

/// Opens a file; whether it is compressed its first bytes say, not its name.
pub(super) fn open(file: &Path) -> Result<Text, LoadError> {
    let opened = File::open(file).map_err(|source| LoadError::Io {
        file: file.to_owned(),
        line: 0,
        source,
    })?;
    from_reader(file, opened)
}

pub(super) fn from_reader(
    file: &Path,
    reader: impl Read + Send + 'static,
) -> Result<Text, LoadError> {
    let failed = |source| LoadError::Io {
        file: file.to_owned(),
        line: 0,
        source,
    };
    let mut plain = BufReader::with_capacity(1 << 16, reader);
    let mut text: Text = if plain.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]) {
        Box::new(BufReader::with_capacity(
            1 << 16,
            MultiGzDecoder::new(plain),
        ))
    } else {
        Box::new(plain)
    };
    let begin = text.fill_buf().map_err(failed)?;
    let wrong = |reason: &str| LoadError::File {
        file: file.to_owned(),
        reason: reason.to_owned(),
    };
    if begin.starts_with(&[0xff, 0xfe]) || begin.starts_with(&[0xfe, 0xff]) {
        return Err(wrong(
            "it is in UTF-16; save it as UTF-8 (iconv -f UTF-16 -t UTF-8)",
        ));
    }
    if begin.starts_with(b"PK\x03\x04") {
        return Err(wrong(
            "it is a zip file or a workbook; unpack it, or export the sheet as CSV",
        ));
    }
    if begin.starts_with(b"PAR1") {
        return Err(wrong("it is Parquet; call it .parquet"));
    }
    if begin.starts_with(&[0xef, 0xbb, 0xbf]) {
        text.consume(3);
    }
    Ok(text)
}
