//! Runs that dock: with AutoDock Vina itself, and with a script in its place that writes down what it begins.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::place::{Place, SMALL};

/// Takes a fifth of a second; the number of atoms is the affinity, and iodine is refused.
const VINA: &str = r#"#!/bin/sh
if [ "$1" = --version ]; then echo "AutoDock Vina v0.0.0"; exit 0; fi
for word in "$@"; do
    case "$before" in --ligand) ligand=$word;; --out) out=$word;; esac
    before=$word
done
here=$(dirname "$0")
sed -n 's/^REMARK SMILES //p' "$ligand" >> "$here/begun"
sleep 0.2
if grep -q ' I *$' "$ligand"; then echo "no iodine here"; exit 1; fi
{ echo "MODEL 1"; echo "REMARK VINA RESULT: -$(grep -c ATOM "$ligand").25 0.0 0.0"
  cat "$ligand"; echo "ENDMDL"; } > "$out"
"#;

/// A receptor for what is not Vina.
const RECEPTOR: &str =
    "ATOM      1  N   SER     2      16.100  37.415   4.008  1.00  0.00    -0.055 N \n";

fn prepare(place: &Place) {
    fs::write(place.path("vina"), VINA).unwrap();
    fs::set_permissions(place.path("vina"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(place.path("r.pdbqt"), RECEPTOR).unwrap();
    let text = "center_x=0\ncenter_y=0\ncenter_z=0\nsize_x=9\nsize_y=9\nsize_z=9\n";
    fs::write(place.path("box.txt"), text).unwrap();
}

fn train<'a>(vina: &'a str, name: &'a str) -> Vec<&'a str> {
    let mut args = vec!["train", "fragments", "--name", name, "steps=3", "seed=5"];
    args.extend([
        "reward.built_in=docking",
        "docking.receptor=r.pdbqt",
        "docking.box=box.txt",
    ]);
    args.extend([
        "reward.affinity={low=-30, high=0}",
        "reward.combine=sum",
        "oracle.compare=3",
    ]);
    args.extend(["oracle.workers=2", "output.checkpoint_every=1", vina]);
    args.extend([
        "reward.substructure=1",
        "reward.smarts=[\"[#7]\", \"[#8]\"]",
    ]);
    args.extend(SMALL);
    args
}

#[test]
fn a_killed_run_docks_nothing_twice_and_keeps_poses() {
    let place = Place::new();
    prepare(&place);
    let vina = format!("docking.vina={}", place.path("vina").display());
    let begun = || -> Vec<String> {
        let text = fs::read_to_string(place.path("begun")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    let mut child = place.spawn(&train(&vina, "dock"));
    let start = Instant::now();
    while begun().len() < 9 {
        assert!(
            start.elapsed() < Duration::from_secs(120),
            "nothing is docked"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What was under way has gone with it.
    std::thread::sleep(Duration::from_millis(500));
    let before = begun();
    let exported = |file: &str| -> HashSet<String> {
        place.ok(&["scores", "export", "runs/dock", "-o", file, "--failures"]);
        let text = fs::read_to_string(place.path(file)).unwrap();
        let rows: Vec<&str> = text.lines().skip(1).collect();
        let objects: HashSet<String> = rows
            .iter()
            .map(|row| row.split(',').next().unwrap().trim_matches('"').to_owned())
            .collect();
        assert_eq!(objects.len(), rows.len(), "an object is stored twice");
        objects
    };
    let stored = exported("first.csv");
    assert!(
        stored.len() >= 5 && stored.len() < before.len(),
        "{} of {}",
        stored.len(),
        before.len()
    );
    let said = place.ok(&["resume", "runs/dock"]);
    assert!(said.contains("runs/dock"), "{said}");
    let after = begun();
    assert!(
        after[before.len()..]
            .iter()
            .all(|object| !stored.contains(object))
    );
    // Only what was under way at the kill, at most one for each worker, began a second time.
    let distinct: HashSet<&String> = after.iter().collect();
    assert!(
        after.len() - distinct.len() <= 2,
        "{} of {}",
        distinct.len(),
        after.len()
    );
    assert!(exported("last.csv").len() >= distinct.len());
    // The lowest affinity is the best.
    let shown = place.ok(&["scores", "show", "runs/dock"]);
    let best = shown
        .lines()
        .skip_while(|line| !line.contains("best by affinity"));
    let best: Vec<f64> = best
        .skip(1)
        .map(|line| line.split_whitespace().next().unwrap().parse().unwrap())
        .collect();
    assert!(best.len() > 1 && best.is_sorted(), "{shown}");
    place.ok(&train(&vina, "whole"));
    assert_eq!(
        place.read("runs/dock/samples.csv"),
        place.read("runs/whole/samples.csv")
    );
    let samples = String::from_utf8(place.read("runs/dock/samples.csv")).unwrap();
    let header = samples.lines().next().unwrap();
    for column in ["affinity", "substructure", "qed"] {
        assert!(header.contains(column), "{header}");
    }
}

/// Vina, with what it begins, its process and what it ends written down.
const REAL: &str = r#"#!/bin/sh
if [ "$1" = --version ]; then exec vina --version; fi
for word in "$@"; do
    case "$before" in --ligand) ligand=$word;; esac
    before=$word
done
here=$(dirname "$0")
name=$(sed -n 's/^REMARK SMILES //p' "$ligand")
vina "$@" &
echo $! >> "$here/processes"
echo "$name" >> "$here/begun"
wait $! || exit 1
echo "$name" >> "$here/ended"
"#;

/// Vina and a receptor, or none and why.
fn receptor() -> Option<PathBuf> {
    let vina = Command::new("vina").arg("--version").output();
    if !vina.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: AutoDock Vina is not installed (Debian: apt-get install autodock-vina)");
        return None;
    }
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/docking");
    let receptor = shared.join("PARP1.pdbqt.gz");
    if !receptor.is_file() {
        println!("SKIPPED: ../shared/data/docking/PARP1.pdbqt.gz is not at hand");
        return None;
    }
    Some(receptor)
}

/// Whether a process is there and more than an entry of the table.
fn lives(process: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let state = status.lines().find_map(|line| line.strip_prefix("State:"));
    state.is_some_and(|state| !state.trim_start().starts_with(['Z', 'X']))
}

/// Some seconds for each of about twenty dockings at exhaustiveness 1 in a narrow box.
#[test]
#[cfg(target_os = "linux")]
fn a_run_killed_while_vina_docks_repeats_nothing_and_leaves_nothing() {
    let Some(receptor) = receptor() else { return };
    let place = Place::new();
    fs::write(place.path("vina"), REAL).unwrap();
    fs::set_permissions(place.path("vina"), fs::Permissions::from_mode(0o755)).unwrap();
    // The middle of the box that the receptor comes with.
    let text =
        "center_x=26.835\ncenter_y=11.332\ncenter_z=27.744\nsize_x=15\nsize_y=15\nsize_z=15\n";
    fs::write(place.path("box.txt"), text).unwrap();
    let vina = format!("docking.vina={}", place.path("vina").display());
    let receptor = format!("docking.receptor={}", receptor.display());
    let lines = |file: &str| -> Vec<String> {
        let text = fs::read_to_string(place.path(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    let mut child = place.spawn(&[
        "train",
        "fragments",
        "--name",
        "dock",
        "steps=3",
        "batch=4",
        "seed=5",
        "reward.built_in=docking",
        "reward.affinity={low=-10, high=0}",
        "docking.box=box.txt",
        "docking.exhaustiveness=1",
        "docking.cpu=1",
        "oracle.workers=2",
        "oracle.compare=2",
        "output.checkpoint_every=1",
        "output.samples=4",
        "policy.width=16",
        "policy.layers=1",
        "env.max_nodes=3",
        &vina,
        &receptor,
    ]);
    let start = Instant::now();
    while lines("begun").len() < 7 {
        assert!(
            start.elapsed() < Duration::from_secs(180) && child.try_wait().unwrap().is_none(),
            "nothing is docked"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let (before, finished) = (lines("begun"), lines("ended"));
    assert!(finished.len() < before.len(), "nothing was under way");
    let processes = lines("processes");
    let start = Instant::now();
    while processes.iter().any(|process| lives(process)) {
        assert!(
            start.elapsed() < Duration::from_secs(2),
            "vina goes on without the run"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    let stored = || -> HashSet<String> {
        place.ok(&["scores", "export", "runs/dock", "-o", "scores.csv"]);
        let text = String::from_utf8(place.read("scores.csv")).unwrap();
        fs::remove_file(place.path("scores.csv")).unwrap();
        let rows: Vec<&str> = text.lines().skip(1).collect();
        let objects = rows.iter().map(|row| row.split(',').next().unwrap());
        let objects: HashSet<String> = objects.map(|o| o.trim_matches('"').to_owned()).collect();
        assert_eq!(objects.len(), rows.len(), "an object is stored twice");
        objects
    };
    let first = stored();
    // All but what may have ended in the instant of the kill, one for each worker.
    assert!(first.iter().all(|object| finished.contains(object)));
    assert!(
        first.len() + 2 >= finished.len() && first.len() >= 3,
        "{first:?}"
    );
    // Poses are whole, and of what was finished.
    let poses = |finished: &[String]| {
        let mut count = 0;
        for entry in fs::read_dir(place.path("runs/dock/poses")).unwrap() {
            let file = entry.unwrap().path();
            let text = fs::read_to_string(&file).unwrap();
            match file.extension().and_then(|ending| ending.to_str()) {
                Some("pdbqt") => {
                    let name = text.lines().next().unwrap();
                    let name = name.strip_prefix("REMARK NAME ").unwrap();
                    assert!(finished.contains(&name.to_owned()), "{name}");
                    let last = text.lines().last().unwrap();
                    assert!(
                        last.starts_with("TORSDOF") && text.ends_with('\n'),
                        "{text}"
                    );
                    count += 1;
                }
                Some("sdf") => assert!(text.ends_with("$$$$\n"), "{text}"),
                _ => panic!("{} among the poses", file.display()),
            }
        }
        count
    };
    // What a kill in the middle of a file leaves behind.
    let unfinished = place.path("runs/dock/poses/.unfinished-abc");
    fs::write(&unfinished, "REMARK NAME CC").unwrap();
    place.ok(&["resume", "runs/dock"]);
    let (after, finished) = (lines("begun"), lines("ended"));
    assert!(
        after[before.len()..]
            .iter()
            .all(|object| !first.contains(object))
    );
    let distinct: HashSet<&String> = after.iter().collect();
    assert!(after.len() - distinct.len() <= 2, "{after:?}");
    assert_eq!(stored(), finished.iter().cloned().collect());
    assert_eq!(poses(&finished), distinct.len());
    let samples = String::from_utf8(place.read("runs/dock/samples.csv")).unwrap();
    assert!(
        samples.lines().next().unwrap().contains("affinity"),
        "{samples}"
    );
    println!(
        "{} dockings for {} molecules, {} of them before the kill",
        after.len(),
        distinct.len(),
        before.len()
    );
}

#[test]
fn docking_without_vina_says_which_package() {
    let place = Place::new();
    prepare(&place);
    place.refused(
        &train("docking.vina=no-such-vina", "dock"),
        &["no-such-vina", "apt-get install autodock-vina"],
    );
}
