//! FASTA files.

use super::MAX_RECORD;
use super::error::LoadError;
use super::lines::Lines;
use super::table::{Row, Source};

/// One row for each header.
pub(super) struct FastaRows {
    lines: Lines,
    /// The header of the record that comes next: its line and text.
    header: Option<(u64, String)>,
}

pub(super) const COLUMNS: [&str; 3] = ["id", "description", "sequence"];

impl FastaRows {
    pub(super) fn new(lines: Lines) -> Self {
        Self {
            lines,
            header: None,
        }
    }
}

impl Source for FastaRows {
    fn next(&mut self) -> Option<Result<Row, LoadError>> {
        let mut wrong: Option<LoadError> = None;
        let mut sequence = String::new();
        loop {
            let text = match self.lines.next() {
                None => break,
                Some(Ok(text)) => text.trim().to_owned(),
                Some(Err(error)) if error.goes_on() => {
                    wrong.get_or_insert(error);
                    continue;
                }
                Some(Err(error)) => return Some(Err(error)),
            };
            let number = self.lines.number();
            if let Some(header) = text.strip_prefix('>') {
                let begun = self.header.replace((number, header.trim().to_owned()));
                if let Some(error) = wrong {
                    return Some(Err(error));
                }
                if let Some(begun) = begun {
                    return Some(self.row(begun, sequence));
                }
                continue;
            }
            if text.is_empty() || text.starts_with(';') || wrong.is_some() {
                continue;
            }
            if self.header.is_none() {
                let reason =
                    "a sequence before the first header; FASTA begins with a line of > and a name";
                wrong = Some(self.lines.wrong(number, &text, reason));
            } else if let Some(odd) = text.chars().find(|c| !is_residue(*c)) {
                let reason = format!("{odd:?} is no letter of a sequence (letters, - . and * are)");
                wrong = Some(self.lines.wrong(number, &text, reason));
            } else if sequence.len() + text.len() > MAX_RECORD {
                let reason = format!("the sequence has more than {MAX_RECORD} letters");
                wrong = Some(self.lines.wrong(number, &text, reason));
            } else {
                sequence.push_str(&text.to_ascii_uppercase());
            }
        }
        let begun = self.header.take();
        if let Some(error) = wrong {
            return Some(Err(error));
        }
        Some(self.row(begun?, sequence))
    }
}

impl FastaRows {
    fn row(&self, (line, header): (u64, String), sequence: String) -> Result<Row, LoadError> {
        if sequence.is_empty() {
            return Err(self
                .lines
                .wrong(line, &header, "there is no sequence below this header"));
        }
        let (id, description) = header
            .split_once(|c: char| c.is_ascii_whitespace())
            .unwrap_or((&header, ""));
        let cells = vec![id.to_owned(), description.trim().to_owned(), sequence];
        Ok(Row { line, cells })
    }
}

fn is_residue(letter: char) -> bool {
    letter.is_ascii_alphabetic() || matches!(letter, '*' | '-' | '.')
}
