//! Which sessions are alive: each holds a lock on a file beside the store, which the system lets go of
//! however the session ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The lock of this session. Dropping it removes the file.
#[derive(Debug)]
pub(super) struct SessionLock {
    path: PathBuf,
    _file: File,
}

impl SessionLock {
    /// Takes the lock of a session.
    pub(super) fn take(store: &Path, session: i64) -> io::Result<Self> {
        let path = lock_path(store, session);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)?;
        file.try_lock().map_err(|e| match e {
            TryLockError::Error(e) => e,
            TryLockError::WouldBlock => io::Error::other("somebody else holds this session's lock"),
        })?;
        Ok(Self { path, _file: file })
    }
}

impl Drop for SessionLock {
    fn drop(&mut self) {
        // One that stays is removed by the next session.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether a session is still running. The file of one that is not is removed.
pub(super) fn is_alive(store: &Path, session: i64) -> bool {
    let path = lock_path(store, session);
    let Ok(file) = OpenOptions::new().write(true).open(&path) else {
        return false;
    };
    match file.try_lock() {
        Ok(()) => {
            let _ = fs::remove_file(&path);
            false
        }
        Err(_) => true,
    }
}

fn lock_path(store: &Path, session: i64) -> PathBuf {
    let mut path = store.as_os_str().to_owned();
    path.push(format!(".session-{session}"));
    path.into()
}
