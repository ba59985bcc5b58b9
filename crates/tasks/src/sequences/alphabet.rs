//! The letters of sequences.

use anabranch_envs::sequence::{Letters, MAX_LETTERS};
use serde::Serialize;

use crate::error::{Result, TaskError};

/// What the letters stand for; it decides on the colours of a logo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Bases of DNA.
    Dna,
    /// Bases of RNA.
    Rna,
    /// Amino acids.
    Protein,
    /// Anything else.
    Other,
}

/// An ordered set of letters; a letter is one character, or a token of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alphabet {
    tokens: Vec<String>,
    kind: Kind,
}

/// What stands between tokens of several characters.
const SEPARATOR: char = '-';

/// Alphabets with a name.
const NAMED: [(&str, &str, Kind); 3] = [
    ("dna", "ACGT", Kind::Dna),
    ("rna", "ACGU", Kind::Rna),
    ("protein", "ACDEFGHIKLMNPQRSTVWY", Kind::Protein),
];

impl Alphabet {
    /// Reads the setting `env.alphabet`: `dna`, `rna`, `protein`, the letters themselves, or a JSON list
    /// of tokens.
    ///
    /// # Errors
    /// For letters that come twice, fewer than two, over [`MAX_LETTERS`], white space, and tokens that
    /// hold the hyphen that stands between them.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let known = |(name, ..): &&(&str, &str, Kind)| text.eq_ignore_ascii_case(name);
        if let Some((_, letters, kind)) = NAMED.iter().find(known) {
            return Ok(Self::of_letters(letters, *kind));
        }
        let tokens: Vec<String> = if text.starts_with('[') {
            serde_json::from_str(text)
                .map_err(|error| refused(text, &format!("is no JSON list of texts ({error})")))?
        } else {
            text.chars().map(String::from).collect()
        };
        Self::new(tokens, text)
    }

    fn new(tokens: Vec<String>, text: &str) -> Result<Self> {
        if !(2..=MAX_LETTERS).contains(&tokens.len()) {
            let count = tokens.len();
            return Err(refused(
                text,
                &format!("has {count} letters; it must have 2 to {MAX_LETTERS}"),
            ));
        }
        let long = tokens.iter().any(|token| token.chars().count() != 1);
        for (i, token) in tokens.iter().enumerate() {
            if tokens[..i].contains(token) {
                return Err(refused(
                    text,
                    &format!("has {token:?} twice; name each once"),
                ));
            }
            let bad = |c: char| c.is_whitespace() || c.is_control() || (long && c == SEPARATOR);
            if token.is_empty() || token.contains(bad) {
                return Err(refused(
                    text,
                    &format!(
                        "has {token:?}; a letter must be visible, and tokens of several characters may \
                         hold no hyphen, which stands between them"
                    ),
                ));
            }
        }
        // The letters of a named alphabet, or some of them, are coloured as it is. Of two letters such as
        // AC nobody can tell what they are.
        let within = |(_, letters, _): &&(&str, &str, Kind)| {
            tokens.len() > 2 && tokens.iter().all(|token| letters.contains(token.as_str()))
        };
        let kind = NAMED.iter().find(within).map_or(Kind::Other, |n| n.2);
        let kind = if long { Kind::Other } else { kind };
        Ok(Self { tokens, kind })
    }

    fn of_letters(letters: &str, kind: Kind) -> Self {
        Self {
            tokens: letters.chars().map(String::from).collect(),
            kind,
        }
    }

    /// The alphabet whose letters are the characters of `letters`.
    ///
    /// # Errors
    /// As for [`parse`](Self::parse).
    pub fn of_characters(letters: &str) -> Result<Self> {
        Self::new(letters.chars().map(String::from).collect(), letters)
    }

    /// The letters in the order of their numbers.
    #[must_use]
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// What they stand for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether each letter is one character, so that a text needs nothing between them.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.tokens.iter().all(|token| token.chars().count() == 1)
    }

    /// What a sequence is called in files.
    #[must_use]
    pub fn object_name(&self) -> &'static str {
        match self.kind {
            Kind::Dna => "dna",
            Kind::Rna => "rna",
            Kind::Protein => "protein",
            Kind::Other => "sequence",
        }
    }

    /// A sequence as text.
    #[must_use]
    pub fn text(&self, letters: &Letters) -> String {
        let tokens = letters.as_slice().iter();
        let tokens: Vec<&str> = tokens
            .map(|&i| self.tokens.get(usize::from(i)).map_or("?", String::as_str))
            .collect();
        if self.is_plain() {
            tokens.concat()
        } else {
            tokens.join("-")
        }
    }

    /// The numbers of the letters of a text; `None` where one is not of the alphabet.
    #[must_use]
    pub fn split(&self, text: &str) -> Option<Vec<u8>> {
        let number = |token: &str| {
            let place = self.tokens.iter().position(|known| known == token)?;
            u8::try_from(place).ok()
        };
        if self.is_plain() {
            let mut buffer = [0; 4];
            text.chars()
                .map(|c| number(c.encode_utf8(&mut buffer)))
                .collect()
        } else if text.is_empty() {
            Some(Vec::new())
        } else {
            text.split(SEPARATOR).map(number).collect()
        }
    }
}

fn refused(text: &str, problem: &str) -> TaskError {
    TaskError::Request(format!(
        "env.alphabet = {text:?} {problem}; write dna, rna, protein, the letters themselves as in \
         \"ACDE\", or a JSON list of tokens"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alphabets_are_read() {
        let dna = Alphabet::parse("DNA").unwrap();
        assert_eq!(
            (dna.tokens().concat().as_str(), dna.kind()),
            ("ACGT", Kind::Dna)
        );
        assert_eq!(Alphabet::parse("ACGU").unwrap().kind(), Kind::Rna);
        assert_eq!(Alphabet::parse("KRWL").unwrap().kind(), Kind::Protein);
        assert_eq!(Alphabet::parse("01").unwrap().kind(), Kind::Other);
        let tokens = Alphabet::parse(r#"["Ala", "Gly", "X"]"#).unwrap();
        let letters = Letters::try_from(vec![1, 0, 2]).unwrap();
        assert_eq!(tokens.text(&letters), "Gly-Ala-X");
        assert_eq!(tokens.split("Gly-Ala-X"), Some(vec![1, 0, 2]));
        assert_eq!(tokens.split("Gly-Val"), None);
        assert_eq!(dna.split("GATT"), Some(vec![2, 0, 3, 3]));
        assert_eq!(dna.split("GAUU"), None);
    }

    #[test]
    fn bad_alphabets_are_refused_with_the_reason() {
        for (text, part) in [
            ("ACCA", "\"C\" twice"),
            ("A", "1 letters"),
            ("A C", "\" \""),
            (r#"["A", 3]"#, "JSON"),
            (r#"["A-B", "C"]"#, "hyphen"),
            (r#"["AB", "AB"]"#, "twice"),
            (r#"["AB", ""]"#, "visible"),
        ] {
            let error = Alphabet::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
