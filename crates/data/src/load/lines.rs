//! Lines of bounded length, with their numbers.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use super::MAX_LINE;
use super::error::{LoadError, shown};
use super::text::Text;

/// The lines of a text.
pub(super) struct Lines {
    file: PathBuf,
    text: Text,
    number: u64,
    buffer: Vec<u8>,
}

impl Lines {
    pub(super) fn new(file: &Path, text: Text) -> Self {
        Self {
            file: file.to_owned(),
            text,
            number: 0,
            buffer: Vec::new(),
        }
    }

    /// Number of the line that was read last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// An error on a line.
    pub(super) fn wrong(&self, line: u64, value: &str, reason: impl Into<String>) -> LoadError {
        LoadError::Row {
            file: self.file.clone(),
            line,
            value: shown(value),
            reason: reason.into(),
            goes_on: true,
        }
    }

    /// The next line without its end; the part of one that is too long is skipped.
    pub(super) fn next(&mut self) -> Option<Result<&str, LoadError>> {
        self.buffer.clear();
        let mut too_long = false;
        let mut any = false;
        loop {
            let available = match self.text.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    return Some(Err(LoadError::Io {
                        file: self.file.clone(),
                        line: self.number,
                        source,
                    }));
                }
            };
            if available.is_empty() {
                break;
            }
            any = true;
            let end = available.iter().position(|byte| *byte == b'\n');
            let length = end.unwrap_or(available.len());
            if self.buffer.len() + length > MAX_LINE {
                too_long = true;
            } else if !too_long {
                self.buffer.extend_from_slice(&available[..length]);
            }
            self.text.consume(end.map_or(length, |end| end + 1));
            if end.is_some() {
                break;
            }
        }
        if !any {
            return None;
        }
        self.number += 1;
        if self.buffer.last() == Some(&b'\r') {
            self.buffer.pop();
        }
        Some(self.checked(too_long))
    }

    fn checked(&self, too_long: bool) -> Result<&str, LoadError> {
        let begin = || String::from_utf8_lossy(&self.buffer[..self.buffer.len().min(200)]);
        if too_long {
            let reason = format!(
                "the line has more than {MAX_LINE} bytes; is this a text file of this format?"
            );
            return Err(self.wrong(self.number, &begin(), reason));
        }
        let text = std::str::from_utf8(&self.buffer).map_err(|error| {
            let at = error.valid_up_to();
            let byte = self.buffer.get(at).copied().unwrap_or_default();
            let reason = format!(
                "byte {} of the line is 0x{byte:02x}, which is no UTF-8; save the file as UTF-8 (iconv -f LATIN1 -t \
                 UTF-8)",
                at + 1
            );
            self.wrong(self.number, &begin(), reason)
        })?;
        if text.contains('\0') {
            return Err(self.wrong(
                self.number,
                text,
                "the line has a byte 0; is this a text file?",
            ));
        }
        Ok(text)
    }
}
