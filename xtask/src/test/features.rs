//! With which features dependencies are built: for one package alone, and for the whole workspace.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};

use super::Session;

use crate::process;

/// Features that cargo chooses for a package: its name and version, and every set of them, since a tool of
/// the build may have another than the program.
type Chosen = BTreeMap<String, BTreeSet<String>>;

/// What would be built a second time for `package` with `features`, a line each; empty where all of it is
/// built for the workspace anyhow.
pub fn built_again(session: &Session<'_>, package: &str, features: &str) -> Result<Vec<String>> {
    let alone = tree(
        session,
        &[
            "--package",
            package,
            "--features",
            features,
            "--edges",
            "normal,build",
        ],
    )?;
    let all = tree(session, &["--workspace", "--edges", "normal,build,dev"])?;
    Ok(missing(&alone, &all))
}

fn missing(alone: &Chosen, all: &Chosen) -> Vec<String> {
    let mut lines = Vec::new();
    for (package, sets) in alone {
        let known = all.get(package);
        for set in sets {
            if known.is_none_or(|known| !known.contains(set)) {
                let theirs: Vec<&str> = known.into_iter().flatten().map(String::as_str).collect();
                lines.push(format!(
                    "{package} [{set}], in the workspace [{}]",
                    theirs.join("] or [")
                ));
            }
        }
    }
    lines
}

fn tree(session: &Session<'_>, arguments: &[&str]) -> Result<Chosen> {
    let output = process::command(process::cargo())
        .args(["tree", "--prefix", "none", "--format", "{p}\t{f}"])
        .args(arguments)
        .current_dir(session.root)
        .output()
        .context("cannot run cargo tree")?;
    ensure!(
        output.status.success(),
        "cargo tree: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(read(&String::from_utf8_lossy(&output.stdout)))
}

/// Packages of other people; ours stand with their folders.
fn read(text: &str) -> Chosen {
    let mut chosen = Chosen::new();
    for line in text.lines() {
        let line = line.strip_suffix(" (*)").unwrap_or(line);
        let Some((package, features)) = line.split_once('\t') else {
            continue;
        };
        let package = package.strip_suffix(" (proc-macro)").unwrap_or(package);
        if !package.contains('(') {
            let sets = chosen.entry(package.to_owned()).or_default();
            sets.insert(features.trim().to_owned());
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_features_that_nobody_else_has_is_found() {
        let all =
            read("ours v1 (/a)\t\nzip v2\tdefault,std\nzip v2\tstd (*)\nmac v1 (proc-macro)\t\n");
        let alone = read("zip v2\tstd\nmac v1\t\n");
        assert_eq!(missing(&alone, &all), Vec::<String>::new());
        let alone = read("zip v2\talloc\nnew v3\t\n");
        assert_eq!(
            missing(&alone, &all),
            [
                "new v3 [], in the workspace []",
                "zip v2 [alloc], in the workspace [default,std] or [std]",
            ]
        );
    }
}
