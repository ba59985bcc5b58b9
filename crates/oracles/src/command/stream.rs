//! Lines of bounded length from a process, and its standard error in a file of bounded size.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;

use crate::oracle::excerpt;

/// Longest line that can be an answer, bytes.
pub(super) const LONGEST: usize = 1 << 20;

/// A line from a process.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A whole line, without its end.
    Whole(String),
    /// The rest of the stream, which no line end closes.
    Partial(String),
    /// Too long or not UTF-8: the beginning of it.
    Unreadable(String),
}

/// Hands over lines as they come, together where they came together, until the stream ends or `take`
/// returns false. Never holds more than one line of `longest` bytes and what is buffered.
pub(super) fn read_lines(
    input: impl Read,
    longest: usize,
    mut take: impl FnMut(Vec<Line>) -> bool,
) {
    let mut input = BufReader::with_capacity(1 << 16, input);
    let mut line: Vec<u8> = Vec::new();
    // The rest of a line that was too long.
    let mut skipping = false;
    loop {
        let available = match input.fill_buf() {
            Ok([]) => break,
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let length = available.len();
        let mut lines = Vec::new();
        let mut rest = available;
        while !rest.is_empty() {
            let end = rest.iter().position(|b| *b == b'\n');
            let piece = &rest[..end.unwrap_or(rest.len())];
            rest = &rest[end.map_or(rest.len(), |e| e + 1)..];
            if !skipping {
                line.extend_from_slice(&piece[..piece.len().min(longest + 1 - line.len())]);
                if line.len() > longest {
                    lines.push(Line::Unreadable(quote(&line)));
                    line.clear();
                    skipping = true;
                }
            }
            if end.is_some() {
                if !skipping {
                    lines.push(whole(std::mem::take(&mut line)));
                }
                skipping = false;
            }
        }
        input.consume(length);
        if !lines.is_empty() && !take(lines) {
            return;
        }
    }
    if !line.is_empty() {
        take(vec![match String::from_utf8(line) {
            Ok(text) => Line::Partial(text),
            Err(e) => Line::Unreadable(quote(e.as_bytes())),
        }]);
    }
}

fn whole(mut line: Vec<u8>) -> Line {
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    match String::from_utf8(line) {
        Ok(text) => Line::Whole(text),
        Err(e) => Line::Unreadable(quote(e.as_bytes())),
    }
}

fn quote(bytes: &[u8]) -> String {
    excerpt(
        &String::from_utf8_lossy(&bytes[..bytes.len().min(300)]),
        200,
    )
}

/// Lines of standard error that are kept for messages.
const TAIL_LINES: usize = 10;

/// The last lines of a process's standard error.
#[derive(Debug, Default)]
pub(super) struct Tail {
    bytes: VecDeque<u8>,
    /// The stream has ended, so nothing more will come.
    pub(super) ended: bool,
}

/// Bytes that are kept for messages.
const TAIL_BYTES: usize = 4096;

impl Tail {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let over = self.bytes.len().saturating_sub(TAIL_BYTES);
        self.bytes.drain(..over);
    }

    /// The last lines.
    pub(super) fn text(&self) -> String {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines: Vec<&str> = text.trim_end().lines().collect();
        let text = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
        excerpt(&text, TAIL_BYTES)
    }
}

/// A file that is appended to; when it is full it becomes `<name>.old`, and a new one begins.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
    size: u64,
    limit: u64,
}

impl Log {
    /// Opens or makes it.
    pub(super) fn open(path: PathBuf, limit: u64) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let size = file.metadata()?.len();
        Ok(Self {
            path,
            file,
            size,
            limit,
        })
    }

    /// Appends. A log that cannot be written is no reason to lose scores: what fails is left out.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let length = bytes.len() as u64;
        if self.size > 0 && self.size + length > self.limit && !self.turn() {
            return;
        }
        let room = usize::try_from(self.limit.saturating_sub(self.size)).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(room)];
        if self.file.write_all(bytes).is_ok() {
            self.size += bytes.len() as u64;
        }
    }

    fn turn(&mut self) -> bool {
        let mut old = self.path.clone().into_os_string();
        old.push(".old");
        let fresh = fs::rename(&self.path, old).and_then(|()| {
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(&self.path)
        });
        match fresh {
            Ok(file) => {
                self.file = file;
                self.size = 0;
                true
            }
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8], longest: usize) -> Vec<Line> {
        let mut out = Vec::new();
        read_lines(bytes, longest, |lines| {
            out.extend(lines);
            true
        });
        out
    }

    #[test]
    fn long_lines_are_bounded_and_skipped() {
        let text = [b"ab\r\n".as_slice(), &[b'x'; 200_000], b"\ncd\nrest"].concat();
        let found = lines(&text, 1000);
        assert_eq!(found[0], Line::Whole("ab".into()));
        assert!(matches!(&found[1], Line::Unreadable(q) if q.len() < 250));
        assert_eq!(found[2], Line::Whole("cd".into()));
        assert_eq!(found[3], Line::Partial("rest".into()));
        assert_eq!(found.len(), 4);
        assert_eq!(lines(b"abc\n", 3), [Line::Whole("abc".into())]);
        assert!(matches!(lines(b"abcd\n", 3)[0], Line::Unreadable(_)));
        assert!(matches!(lines(b"\xff\n", 3)[0], Line::Unreadable(_)));
    }

    #[test]
    fn a_log_keeps_the_newest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stderr.log");
        let mut log = Log::open(path.clone(), 10).unwrap();
        for text in ["aaaa\n", "bbbb\n", "cccc\n"] {
            log.write(text.as_bytes());
        }
        log.write(&[b'd'; 100]);
        assert!(fs::metadata(&path).unwrap().len() <= 10);
        assert_eq!(
            fs::read_to_string(folder.path().join("stderr.log.old")).unwrap(),
            "cccc\n"
        );
    }
}
