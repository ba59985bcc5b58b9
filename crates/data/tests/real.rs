//! The manifest against the real files, and fetching from downloads made by hand.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anabranch_data::fetch::{Event, Wish};
use anabranch_data::{DataError, Manifest, fetch, verify};

/// The shared data folder, or a loud word that the test is left out.
fn shared() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: ../shared/data is not at hand");
    None
}

fn files_below(folder: &Path) -> Vec<String> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            out.extend(
                files_below(&path)
                    .iter()
                    .map(|below| format!("{name}/{below}")),
            );
        } else {
            out.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    out
}

#[test]
fn every_shared_file_is_in_the_manifest_with_its_hash() {
    let Some(shared) = shared() else { return };
    let manifest = Manifest::built_in().unwrap();
    let mut count = 0;
    for set in &manifest.sets {
        for file in &set.files {
            verify(file, &shared.join(&file.path)).unwrap();
            count += 1;
        }
    }
    let mut files = files_below(&shared);
    files.retain(|file| file != "README.md");
    for file in &files {
        assert!(manifest.set_of(file).is_some(), "{file} is in no set");
    }
    assert_eq!(count, files.len());
}

/// Fetches every set out of a folder of downloads: `GFN_TEST_DOWNLOADS`, where pip's archives and the
/// files of the repositories were put by hand.
#[test]
fn every_set_comes_out_of_its_origin_s_files() {
    let Some(downloads) = std::env::var_os("GFN_TEST_DOWNLOADS") else {
        println!("SKIPPED: GFN_TEST_DOWNLOADS is no folder of downloads");
        return;
    };
    let manifest = Manifest::built_in().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let wish = Wish {
        into: folder.path().to_owned(),
        from: Some(downloads.into()),
        force: false,
        patience: Duration::from_secs(60),
    };
    let mut missed = Vec::new();
    for set in &manifest.sets {
        let mut placed = 0;
        let mut tell = |event: Event<'_>| placed += usize::from(matches!(event, Event::Placed(..)));
        match fetch(&manifest, set, &wish, &mut tell) {
            Ok(()) => println!("{}: {placed} files", set.name),
            Err(error) => missed.push(format!("{}: {error}", set.name)),
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn a_flipped_byte_is_found() {
    let Some(shared) = shared() else { return };
    let manifest = Manifest::built_in().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for path in ["molecules/freesolv.csv", "docking/DRD2.pdbqt.gz"] {
        let set = manifest.set(manifest.set_of(path).unwrap()).unwrap();
        let file = set.files.iter().find(|file| file.path == path).unwrap();
        let mut bytes = std::fs::read(shared.join(path)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let copy = folder.path().join("copy");
        std::fs::write(&copy, bytes).unwrap();
        let error = verify(file, &copy).unwrap_err();
        assert!(matches!(error, DataError::Differs { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(&file.sha256) && text.contains("--force"),
            "{text}"
        );
    }
}
