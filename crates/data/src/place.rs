//! Which files of a set are there.

use std::path::PathBuf;

use anabranch_core::data::{data_file, data_folders};

use crate::error::DataError;
use crate::manifest::Set;

/// Which files of a set a data folder has.
#[derive(Clone, Debug)]
pub struct Presence {
    /// Those found: index in `set.files`, and where.
    pub found: Vec<(usize, PathBuf)>,
    /// Indices of those that are not.
    pub missing: Vec<usize>,
}

/// Looks for the files of a set as tasks do.
#[must_use]
pub fn presence(set: &Set) -> Presence {
    let mut presence = Presence {
        found: Vec::new(),
        missing: Vec::new(),
    };
    for (index, file) in set.files.iter().enumerate() {
        match data_file(&file.path) {
            Ok(path) => presence.found.push((index, path)),
            Err(_) => presence.missing.push(index),
        }
    }
    presence
}

/// Where fetched files go: `$GFN_DATA`, else the user's cache.
///
/// # Errors
/// [`DataError::NoFolder`] where neither is known.
pub fn folder_to_fetch_into() -> Result<PathBuf, DataError> {
    data_folders().into_iter().next().ok_or(DataError::NoFolder)
}
