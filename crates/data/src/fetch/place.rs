//! Writing a file as a whole.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::error::DataError;

/// Writes `bytes` beside `path`, syncs and renames.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(DataError::io(folder, "make the folder"))?;
    let mut file = tempfile::Builder::new()
        .prefix(".part-")
        .tempfile_in(folder)
        .map_err(DataError::io(folder, "write in the folder"))?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(DataError::io(path, "write"))?;
    readable(file.as_file()).map_err(DataError::io(path, "write"))?;
    file.persist(path)
        .map_err(|error| DataError::io(path, "write")(error.error))?;
    Ok(())
}

/// Temporary files are their owner's only; data is for everyone who may enter the folder.
#[cfg(unix)]
fn readable(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &fs::File) -> std::io::Result<()> {
    Ok(())
}
