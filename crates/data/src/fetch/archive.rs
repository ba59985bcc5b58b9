//! Members of a wheel (zip) or an sdist (tar.gz).
//!
//! Members are read into memory by their names and never unpacked, so that a path in an archive can
//! name nothing on the disk.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::DataError;

/// Most that is decompressed of a tar file, which has to be read from its beginning.
const MAX_TAR: u64 = 4 << 30;

/// The bytes of `names`, in their order; each at most `limit` bytes.
///
/// In a tar file names are below its top folder.
pub(super) fn read_members(
    archive: &Path,
    names: &[&str],
    limit: u64,
) -> Result<Vec<Vec<u8>>, DataError> {
    let file = File::open(archive).map_err(DataError::io(archive, "open"))?;
    let reader = BufReader::new(file);
    let name = archive.to_string_lossy();
    let read = if name.ends_with(".tar.gz") || name.ends_with(".tgz") {
        from_tar(reader, names, limit)
    } else {
        from_zip(reader, names, limit)
    };
    read.map_err(|reason| DataError::Archive {
        archive: archive.to_owned(),
        reason,
    })
}

fn from_zip(reader: BufReader<File>, names: &[&str], limit: u64) -> Result<Vec<Vec<u8>>, String> {
    let mut zip = zip::ZipArchive::new(reader).map_err(|error| error.to_string())?;
    names
        .iter()
        .map(|name| {
            let member = zip
                .by_name(name)
                .map_err(|error| format!("it has no readable member {name}: {error}"))?;
            bounded(member, name, limit)
        })
        .collect()
}

fn from_tar(reader: BufReader<File>, names: &[&str], limit: u64) -> Result<Vec<Vec<u8>>, String> {
    let mut tar = tar::Archive::new(MultiGzDecoder::new(reader).take(MAX_TAR));
    let mut found: Vec<Option<Vec<u8>>> = vec![None; names.len()];
    for entry in tar.entries().map_err(|error| error.to_string())? {
        let entry = entry.map_err(|error| error.to_string())?;
        let path = entry.path_bytes().into_owned();
        let path = String::from_utf8_lossy(&path);
        let Some((_, below)) = path.split_once('/') else {
            continue;
        };
        if let Some(at) = names.iter().position(|name| *name == below)
            && entry.header().entry_type().is_file()
        {
            found[at] = Some(bounded(entry, names[at], limit)?);
            if found.iter().all(Option::is_some) {
                break;
            }
        }
    }
    names
        .iter()
        .zip(found)
        .map(|(name, bytes)| bytes.ok_or_else(|| format!("it has no member {name}")))
        .collect()
}

fn bounded(reader: impl Read, name: &str, limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    reader
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("its member {name} cannot be read: {error}"))?;
    if bytes.len() as u64 > limit {
        return Err(format!("its member {name} has more than {limit} bytes"));
    }
    Ok(bytes)
}
