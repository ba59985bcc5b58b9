//! Which crate may use which, held against the manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process;

/// What begins the name of each of our packages; the rest is the name of its folder in `crates/`.
const PREFIX: &str = "anabranch-";

/// For each crate, what it may use. A crate that is not here fails the check, so that whoever adds
/// one has to say where it stands.
const MAY_USE: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("chem", &[]),
    ("data", &["core", "chem"]),
    ("envs", &["core", "chem"]),
    ("learn", &["core"]),
    ("oracles", &["core", "chem", "learn"]),
    (
        "tasks",
        &["core", "chem", "data", "envs", "learn", "oracles"],
    ),
    (
        "recipes",
        &["core", "chem", "data", "envs", "learn", "oracles", "tasks"],
    ),
    (
        "anabranch",
        &[
            "core", "chem", "data", "envs", "learn", "oracles", "tasks", "recipes",
        ],
    ),
    (
        "cli",
        &[
            "core", "chem", "data", "envs", "learn", "oracles", "tasks", "recipes",
        ],
    ),
    (
        "bench",
        &[
            "core", "chem", "data", "envs", "learn", "oracles", "tasks", "recipes",
        ],
    ),
    (
        "python",
        &[
            "core", "chem", "data", "envs", "learn", "oracles", "tasks", "recipes",
        ],
    ),
];

/// What tests, examples and benches may use besides: training is tested on real environments, molecules
/// among them.
const TESTS_MAY_USE: &[(&str, &[&str])] = &[("learn", &["envs", "chem"])];

/// Crates that build and test without the tensor library.
const WITHOUT_TENSORS: &[&str] = &["core", "chem", "envs"];

/// The tensor library; `burn-*` counts as well.
const TENSORS: &str = "burn";

/// A crate of ours and what its manifest names.
#[derive(Debug)]
struct Crate {
    name: String,
    uses: Vec<Use>,
}

/// One dependency: a crate of ours by its short name, any other by its package name.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Use {
    name: String,
    ours: bool,
    only_tests: bool,
}

/// Prints every arrow between our crates and says what is wrong with them; true if nothing is.
pub fn run(root: &Path) -> Result<bool> {
    let crates = read(root)?;
    for line in arrows(&crates) {
        println!("{line}");
    }
    let breaches = breaches(&crates);
    for breach in &breaches {
        eprintln!("error: {breach}");
    }
    if breaches.is_empty() {
        println!("{} crates, every arrow allowed", crates.len());
    }
    Ok(breaches.is_empty())
}

/// Our crates, read by cargo itself, so that inherited, renamed and target-specific dependencies are
/// all seen.
fn read(root: &Path) -> Result<Vec<Crate>> {
    let output = process::command(process::cargo())
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(root)
        .stdin(Stdio::null())
        .output()
        .context("cannot run cargo metadata")?;
    if !output.status.success() {
        bail!(
            "cargo metadata failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    parse(&output.stdout)
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

/// The short name of a crate of ours; the library that names them all is called `anabranch` itself.
fn short_name(package: &str) -> Option<&str> {
    match package {
        "anabranch" => Some(package),
        _ => package.strip_prefix(PREFIX),
    }
}

fn parse(metadata: &[u8]) -> Result<Vec<Crate>> {
    let metadata: Metadata =
        serde_json::from_slice(metadata).context("cargo metadata printed something unexpected")?;
    let mut crates: Vec<Crate> = metadata
        .packages
        .into_iter()
        .filter_map(|package| {
            let name = short_name(&package.name)?.to_string();
            let uses: BTreeSet<Use> = package
                .dependencies
                .into_iter()
                .map(|dependency| {
                    let ours = short_name(&dependency.name).map(str::to_string);
                    Use {
                        ours: ours.is_some(),
                        name: ours.unwrap_or(dependency.name),
                        only_tests: dependency.kind.as_deref() == Some("dev"),
                    }
                })
                .collect();
            Some(Crate {
                name,
                uses: uses.into_iter().collect(),
            })
        })
        .collect();
    // In the order of the layers, strangers last.
    crates.sort_by_key(|c| {
        let place = MAY_USE.iter().position(|(name, _)| *name == c.name);
        (place.unwrap_or(MAY_USE.len()), c.name.clone())
    });
    Ok(crates)
}

/// One line for each crate.
fn arrows(crates: &[Crate]) -> Vec<String> {
    crates
        .iter()
        .map(|c| {
            let list = |only_tests| -> Vec<&str> {
                let chosen = c
                    .uses
                    .iter()
                    .filter(|u| u.ours && u.only_tests == only_tests);
                chosen.map(|u| u.name.as_str()).collect()
            };
            let (uses, tests) = (list(false), list(true));
            let mut line = format!("{:<8} -> {}", c.name, one_or_none(&uses));
            if !tests.is_empty() {
                line += &format!("   (tests also: {})", tests.join(", "));
            }
            line
        })
        .collect()
}

fn one_or_none(names: &[&str]) -> String {
    if names.is_empty() {
        "none of ours".into()
    } else {
        names.join(", ")
    }
}

fn allowed(
    table: &[(&'static str, &'static [&'static str])],
    name: &str,
) -> Option<&'static [&'static str]> {
    table
        .iter()
        .find(|(of, _)| *of == name)
        .map(|(_, names)| *names)
}

/// Everything that is wrong, each with its remedy.
fn breaches(crates: &[Crate]) -> Vec<String> {
    let mut out = Vec::new();
    for c in crates {
        let Some(may_use) = allowed(MAY_USE, &c.name) else {
            out.push(format!(
                "{} is in no layer; add it to MAY_USE in xtask/src/layers.rs and to ARCHITECTURE.md",
                c.name
            ));
            continue;
        };
        let tests_may_use = allowed(TESTS_MAY_USE, &c.name).unwrap_or_default();
        for u in c.uses.iter().filter(|u| u.ours) {
            let name = u.name.as_str();
            if may_use.contains(&name) || u.only_tests && tests_may_use.contains(&name) {
                continue;
            }
            let what = if u.only_tests { "in its tests " } else { "" };
            out.push(format!(
                "{} uses {name} {what}and may use only: {}; move the shared part down a layer",
                c.name,
                one_or_none(may_use)
            ));
        }
    }
    let by_name: BTreeMap<&str, &Crate> = crates.iter().map(|c| (c.name.as_str(), c)).collect();
    for name in WITHOUT_TENSORS {
        if let Some(way) = way_to_tensors(name, &by_name, &mut BTreeSet::new(), true) {
            out.push(format!(
                "{name} reaches {TENSORS} by {}; it has to build and test without the tensor library",
                way.join(" -> ")
            ));
        }
    }
    out
}

/// The names from `name` to the tensor library. Tests count for the first crate only: nobody builds
/// the tests of what they depend on.
fn way_to_tensors<'a>(
    name: &'a str,
    crates: &BTreeMap<&str, &'a Crate>,
    seen: &mut BTreeSet<&'a str>,
    with_tests: bool,
) -> Option<Vec<&'a str>> {
    if !seen.insert(name) {
        return None;
    }
    let uses = crates
        .get(name)?
        .uses
        .iter()
        .filter(|u| with_tests || !u.only_tests);
    for u in uses {
        let rest = if u.ours {
            way_to_tensors(&u.name, crates, seen, false)
        } else {
            let tensors = u.name == TENSORS || u.name.starts_with("burn-");
            tensors.then(|| vec![u.name.as_str()])
        };
        if let Some(mut way) = rest {
            way.insert(0, name);
            return Some(way);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crate from "name: core chem +envs !burn", where + is for tests and ! is somebody else's.
    fn krate(text: &str) -> Crate {
        let (name, uses) = text.split_once(':').expect("a name and a colon");
        let uses = uses.split_whitespace().map(|word| Use {
            name: word.trim_start_matches(['+', '!']).into(),
            ours: !word.contains('!'),
            only_tests: word.starts_with('+'),
        });
        Crate {
            name: name.into(),
            uses: uses.collect(),
        }
    }

    fn breaches_of(lines: &[&str]) -> Vec<String> {
        breaches(&lines.iter().map(|line| krate(line)).collect::<Vec<_>>())
    }

    #[test]
    fn the_design_is_allowed() {
        let none: Vec<String> = Vec::new();
        let design = [
            "core: !rand",
            "chem: !cosmolkit",
            "envs: core chem",
            "learn: core !burn +envs +chem",
            "oracles: core chem learn",
            "tasks: core chem envs learn oracles",
            "recipes: tasks core",
            "cli: tasks recipes",
            "python: tasks envs",
        ];
        assert_eq!(breaches_of(&design), none);
    }

    #[test]
    fn every_other_arrow_is_refused() {
        let all: Vec<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
        for (from, may_use) in MAY_USE {
            for to in all.iter().filter(|to| !may_use.contains(to)) {
                let found = breaches_of(&[&format!("{from}: {to}")]);
                assert_eq!(found.len(), 1, "{from} -> {to}: {found:?}");
            }
        }
    }

    #[test]
    fn only_the_tests_of_learn_may_use_envs_and_chem() {
        for name in ["envs", "chem"] {
            assert!(breaches_of(&[&format!("learn: +{name}")]).is_empty());
            assert_eq!(breaches_of(&[&format!("learn: {name}")]).len(), 1);
            assert_eq!(breaches_of(&[&format!("core: +{name}")]).len(), 1);
        }
    }

    #[test]
    fn an_unknown_crate_is_refused() {
        assert!(breaches_of(&["utils:"])[0].starts_with("utils is in no layer"));
    }

    #[test]
    fn tensors_are_found_through_other_crates_and_in_tests() {
        assert!(breaches_of(&["core: !burn-tensor"])[0].contains("core -> burn-tensor"));
        assert!(breaches_of(&["chem: +!burn"])[0].contains("chem -> burn"));
        let found = breaches_of(&["envs: core learn", "core:", "learn: core !burn"]);
        assert!(
            found.iter().any(|b| b.contains("envs -> learn -> burn")),
            "{found:?}"
        );
    }

    #[test]
    fn tests_of_a_dependency_do_not_count() {
        let found = breaches_of(&["core: +!burn", "envs: core"]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("core reaches burn"), "{found:?}");
    }

    #[test]
    fn metadata_is_read_by_kind_and_real_name() {
        let json = br#"{"packages": [
            {"name": "xtask", "dependencies": []},
            {"name": "anabranch-learn", "dependencies": [
                {"name": "anabranch-core", "kind": null, "rename": "c"},
                {"name": "anabranch-envs", "kind": "dev", "rename": null},
                {"name": "burn", "kind": "build", "rename": null}]},
            {"name": "anabranch-core", "dependencies": []}
        ]}"#;
        let crates = parse(json).expect("valid metadata");
        assert_eq!(
            arrows(&crates),
            [
                "core     -> none of ours",
                "learn    -> core   (tests also: envs)"
            ]
        );
        assert!(
            crates[1]
                .uses
                .iter()
                .any(|u| u.name == "burn" && !u.ours && !u.only_tests)
        );
    }

    #[test]
    fn this_workspace_keeps_to_its_layers() {
        let crates = read(&crate::root()).expect("cargo metadata runs");
        assert!(crates.len() >= 7, "only {} crates found", crates.len());
        assert_eq!(breaches(&crates), Vec::<String>::new());
    }
}
