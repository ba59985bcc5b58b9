//! SHA-256 and size of what a file holds.

use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::error::DataError;
use crate::manifest::File;

/// What a file holds, by its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Bytes, after decompression where the path ends in `.gz`.
    pub size: u64,
    /// SHA-256 of them, in hexadecimal digits.
    pub sha256: String,
}

impl Content {
    /// Of bytes in memory.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            size: bytes.len() as u64,
            sha256: hex(&Sha256::digest(bytes)),
        }
    }

    /// Whether it is what the manifest says.
    #[must_use]
    pub fn is(&self, file: &File) -> bool {
        self.size == file.size && self.sha256 == file.sha256
    }

    /// Of everything a reader gives, up to `limit` bytes: more are not read, so that a small file which
    /// decompresses without end does no harm.
    fn read(mut reader: impl Read, limit: u64) -> std::io::Result<Self> {
        let mut digest = Sha256::new();
        let mut size = 0;
        let mut buffer = vec![0; 1 << 16];
        while size <= limit {
            let read = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            digest.update(&buffer[..read]);
            size += read as u64;
        }
        Ok(Self {
            size,
            sha256: hex(&digest.finalize()),
        })
    }
}

/// What the file at `path` holds, which ought to be `file`: `Ok` if it is.
///
/// # Errors
/// [`DataError::Differs`] where it holds something else, a damaged compression included;
/// [`DataError::Io`] where it cannot be read.
pub fn verify(file: &File, path: &Path) -> Result<(), DataError> {
    let reader = fs::File::open(path).map_err(DataError::io(path, "open"))?;
    let read = if file.is_compressed() {
        Content::read(MultiGzDecoder::new(reader), file.size)
    } else {
        Content::read(reader, file.size)
    };
    let differs = |found: String| DataError::Differs {
        path: path.to_owned(),
        found,
        expected: file.sha256.clone(),
    };
    match read {
        Ok(content) if content.is(file) => Ok(()),
        Ok(content) => Err(differs(content.sha256)),
        Err(error) if file.is_compressed() => Err(differs(format!(
            "not to be had, its compression is damaged: {error}"
        ))),
        Err(error) => Err(DataError::io(path, "read")(error)),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_standard() {
        // FIPS 180-4, the example of one block.
        let sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Content::of(b"abc").sha256, sha);
        assert_eq!(Content::read(&b"abc"[..], 3).unwrap(), Content::of(b"abc"));
    }

    #[test]
    fn an_endless_content_is_not_read_to_its_end() {
        let content = Content::read(std::io::repeat(0), 10).unwrap();
        assert!(content.size > 10 && content.size <= 1 << 16);
    }
}
