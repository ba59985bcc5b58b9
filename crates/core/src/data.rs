//! Where files of data lie.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::CoreError;

/// The path of `relative` (such as `tfbind8/six6_ref_r1.csv.gz`) in the first data folder that has it:
/// `$GFN_DATA`, then `anabranch/data` in `$XDG_CACHE_HOME` or, without that, in `~/.cache`.
///
/// # Errors
/// [`CoreError::NoData`] names the folders that were looked at.
pub fn data_file(relative: &str) -> Result<PathBuf, CoreError> {
    find(relative, |name| std::env::var_os(name))
}

/// The data folders in the order in which [`data_file`] looks at them; they need not exist.
#[must_use]
pub fn data_folders() -> Vec<PathBuf> {
    folders(|name| std::env::var_os(name))
}

fn folders(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let set = |name| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let cache = cache.map(|cache| cache.join("anabranch").join("data"));
    set("GFN_DATA").into_iter().chain(cache).collect()
}

fn find(relative: &str, variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, CoreError> {
    let folders = folders(variable);
    let mut files = folders.iter().map(|folder| folder.join(relative));
    files.find(|file| file.is_file()).ok_or_else(|| {
        let tried: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
        CoreError::NoData {
            file: relative.to_owned(),
            tried: if tried.is_empty() {
                "any folder (GFN_DATA, XDG_CACHE_HOME and HOME are not set)".to_owned()
            } else {
                tried.join(" and ")
            },
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_tried_in_order() {
        let root = env!("CARGO_MANIFEST_DIR");
        let with = |set: &[(&str, &str)], relative: &str| {
            find(relative, |name| {
                let value = set.iter().find(|(key, _)| *key == name)?.1;
                Some(value.into())
            })
        };
        let found = with(&[("GFN_DATA", root), ("HOME", "/nowhere")], "Cargo.toml").unwrap();
        assert_eq!(found, PathBuf::from(root).join("Cargo.toml"));
        let error = |set: &[(&str, &str)]| with(set, "a/b.csv").unwrap_err().to_string();
        assert_eq!(
            error(&[("GFN_DATA", "/x"), ("XDG_CACHE_HOME", "/c"), ("HOME", "/h")]),
            "a/b.csv was not found in /x and /c/anabranch/data; run gfn data fetch <name> with the set that holds it (gfn data list), or set GFN_DATA to a folder that has a/b.csv"
        );
        let home = error(&[("GFN_DATA", ""), ("HOME", "/h")]);
        assert!(
            home.contains("not found in /h/.cache/anabranch/data;"),
            "{home}"
        );
        assert!(error(&[]).contains("are not set"));
    }
}
