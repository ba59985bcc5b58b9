//! The folder of one run. It comes into being whole and is never overwritten.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{LearnError, Result};

/// Layout of run folders that this version reads and writes.
pub const FORMAT: u32 = 1;

/// `run.json`: where a run came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Layout of the folder, [`FORMAT`].
    pub format: u32,
    /// Version of the program.
    pub version: String,
    /// Commit that the program was built from, or "unknown".
    pub commit: String,
    /// The run's seed.
    pub seed: u64,
    /// Operating system, architecture and number of processors.
    pub machine: String,
    /// The command as typed.
    pub command: Vec<String>,
    /// Start, as seconds since 1970-01-01 UTC.
    pub started: u64,
}

/// A run folder, locked while it is being written to.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    lock: Option<File>,
}

impl RunFolder {
    /// Makes `parent/name`, or `parent/<stem>-<n>` with the first free number where `name` is `None`,
    /// holding `config.toml` and `run.json`.
    ///
    /// # Errors
    /// Where the folder exists or cannot be written.
    pub fn create(
        parent: &Path,
        name: Option<&str>,
        stem: &str,
        config: &str,
        info: &RunInfo,
    ) -> Result<Self> {
        fs::create_dir_all(parent).map_err(|e| cannot_write(parent, &e))?;
        let staged = tempfile::Builder::new()
            .prefix(".new-")
            .tempdir_in(parent)
            .map_err(|e| cannot_write(parent, &e))?;
        write_synced(&staged.path().join("config.toml"), config.as_bytes())?;
        let info = serde_json::to_vec_pretty(info).map_err(|e| LearnError::file(parent, e))?;
        write_synced(&staged.path().join("run.json"), &info)?;
        fs::create_dir(staged.path().join("checkpoints")).map_err(|e| cannot_write(parent, &e))?;
        readable_by_all(staged.path());
        let mut number = 1;
        loop {
            let path = match name {
                Some(name) => parent.join(name),
                None => parent.join(format!("{stem}-{number:03}")),
            };
            // Renaming onto a folder with files in it fails, so two runs cannot take one name; the
            // check before it is for a better message and for empty folders.
            let taken = path.exists() || fs::rename(staged.path(), &path).is_err();
            if !taken {
                let _ = staged.keep();
                sync_folder(parent);
                return Self::open_for_writing(&path);
            }
            if name.is_some() {
                let problem = "exists already; a run is never overwritten: choose another --name, or \
                               go on with gfn resume";
                return Err(LearnError::file(path, problem));
            }
            if number >= 100_000 {
                return Err(LearnError::file(
                    path,
                    "no free run name is left; use --name",
                ));
            }
            number += 1;
        }
    }

    /// A folder to read from.
    ///
    /// # Errors
    /// Where it is not a run folder, or one of another version.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = Self {
            path: path.to_path_buf(),
            lock: None,
        };
        folder.info()?;
        Ok(folder)
    }

    /// A folder to write to; no other process can until this value is dropped.
    ///
    /// # Errors
    /// As [`open`](Self::open), and where another process writes to it.
    pub fn open_for_writing(path: &Path) -> Result<Self> {
        let mut folder = Self::open(path)?;
        let lock = path.join(".lock");
        let file = File::create(&lock).map_err(|e| cannot_write(&lock, &e))?;
        if file.try_lock().is_err() {
            return Err(LearnError::file(
                path,
                "another process is writing to this run; wait for it or stop it",
            ));
        }
        folder.lock = Some(file);
        Ok(folder)
    }

    /// Whether this value holds the folder for writing.
    pub fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last part of the path.
    pub fn name(&self) -> String {
        self.path
            .canonicalize()
            .unwrap_or_else(|_| self.path.clone())
            .file_name()
            .map_or_else(
                || self.path.display().to_string(),
                |n| n.to_string_lossy().into_owned(),
            )
    }

    /// A file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// `run.json`.
    ///
    /// # Errors
    /// Where the folder is not a run's, or of another version.
    pub fn info(&self) -> Result<RunInfo> {
        let path = self.file("run.json");
        let text = fs::read_to_string(&path).map_err(|e| match e.kind() {
            ErrorKind::NotFound => LearnError::file(
                &self.path,
                "is not a run folder (it has no run.json); give the folder that gfn train made",
            ),
            _ => LearnError::file(&path, format!("cannot be read: {e}")),
        })?;
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|e| {
            LearnError::file(
                &path,
                format!("is not valid JSON: {e}; restore it from a copy"),
            )
        })?;
        let format = value.get("format").and_then(serde_json::Value::as_u64);
        if format != Some(u64::from(FORMAT)) {
            let found = format.map_or("none".to_string(), |f| f.to_string());
            let version = value
                .get("version")
                .and_then(|v| v.as_str())
                .unwrap_or("unknown");
            let problem = format!(
                "the run folder has format {found} (written by version {version}); this program reads \
                 format {FORMAT}: use the version that wrote it"
            );
            return Err(LearnError::file(&path, problem));
        }
        serde_json::from_value(value)
            .map_err(|e| LearnError::file(&path, format!("is incomplete: {e}")))
    }

    /// `config.toml`, as written.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn config(&self) -> Result<String> {
        let path = self.file("config.toml");
        fs::read_to_string(&path)
            .map_err(|e| LearnError::file(&path, format!("cannot be read: {e}")))
    }

    /// Replaces a file in the folder in one go.
    ///
    /// # Errors
    /// Where it cannot be written; the old file is whole then.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        replace_file(&self.file(name), bytes)
    }
}

/// Writes beside `path`, syncs, and renames over it.
///
/// # Errors
/// Where it cannot be written; the old file is whole then.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let mut staged = tempfile::NamedTempFile::new_in(parent).map_err(|e| cannot_write(path, &e))?;
    staged
        .write_all(bytes)
        .and_then(|()| staged.as_file().sync_all())
        .map_err(|e| cannot_write(path, &e))?;
    staged
        .persist(path)
        .map_err(|e| cannot_write(path, &e.error))?;
    readable_by_all(path);
    sync_folder(parent);
    Ok(())
}

/// Writes and syncs a new file.
pub(super) fn write_synced(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = File::create(path).map_err(|e| cannot_write(path, &e))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(|e| cannot_write(path, &e))
}

/// Temporary files are private; what a run leaves should follow the usual rules of the system.
fn readable_by_all(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        // A file system without modes is no reason to fail.
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// Makes a rename in `folder` outlast a power cut, where the system allows it.
pub(super) fn sync_folder(folder: &Path) {
    if let Ok(handle) = File::open(folder) {
        // Not every file system can sync a folder; the rename itself is done either way.
        let _ = handle.sync_all();
    }
}

/// The error for a failed write, with what to do about the usual causes.
pub(super) fn cannot_write(path: &Path, error: &std::io::Error) -> LearnError {
    let remedy = match error.kind() {
        ErrorKind::StorageFull => "the disk is full: free space, then go on with gfn resume",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "it is read-only: choose another place with output.folder=..."
        }
        _ => "check the path and the disk",
    };
    LearnError::file(path, format!("cannot be written: {error}; {remedy}"))
}
