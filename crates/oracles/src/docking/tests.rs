//! Ligands checked by hand, and the oracle with a script in the place of Vina.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::{Fate, Fates, Scorer, Store, Verdict};

fn ligand(smiles: &str) -> Result<Ligand, DockingError> {
    Ligand::prepare(&Molecule::from_smiles(smiles).unwrap(), 1)
}

#[test]
fn types_and_torsions_are_those_counted_by_hand() {
    for (smiles, torsions, types) in [
        // C-O turns its hydrogen; the methyl's hydrogens are merged.
        ("CCO", 1, "C 2, HD 1, OA 1"),
        // Ring-O, O-acyl, ring-carboxyl and C-OH.
        ("CC(=O)Oc1ccccc1C(=O)O", 4, "A 6, C 3, HD 1, OA 4"),
        ("c1ccccc1-c1ccccc1", 1, "A 12"),
        // Ring-acyl only: the amide is stiff and the methyl an end.
        ("CNC(=O)c1ccccc1", 1, "A 6, C 2, HD 1, N 1, OA 1"),
        // Two forms: the amide turns, and N-ethyl.
        ("CN(CC)C(C)=O", 2, "C 5, N 1, OA 1"),
        // One form: both N-ethyl.
        ("CCN(CC)C(C)=O", 2, "C 6, N 1, OA 1"),
        // A macrocycle is one rigid body.
        ("C1CCCCCCCCCCCCC1", 0, "C 14"),
        ("CCC#CCC", 1, "C 6"),
        ("N#Cc1ccncc1", 0, "A 5, C 1, NA 2"),
        ("c1cc[nH]c1", 0, "A 4, HD 1, N 1"),
        ("Nc1ccccc1", 1, "A 6, HD 2, N 1"),
        ("C[NH3+]", 0, "C 1, HD 3, N 1"),
        ("CSC", 0, "C 2, SA 1"),
        ("c1ccsc1", 0, "A 4, S 1"),
        ("CS(=O)(=O)C", 0, "C 2, OA 2, S 1"),
        (
            "FC(F)(F)c1ccc(Cl)c(Br)c1I",
            1,
            "A 6, Br 1, C 1, Cl 1, F 3, I 1",
        ),
        ("C", 0, "C 1"),
    ] {
        let found = ligand(smiles).unwrap();
        let text: Vec<String> = found
            .atom_types()
            .iter()
            .map(|(name, n)| format!("{name} {n}"))
            .collect();
        assert_eq!(
            (found.torsions(), text.join(", ").as_str()),
            (torsions, types),
            "{smiles}"
        );
    }
}

#[test]
fn what_cannot_be_docked_says_why() {
    for (smiles, part) in [
        ("C[NH+](C)C.[Cl-]", "is 2 molecules"),
        ("OB(O)c1ccccc1", "is B, which AutoDock Vina"),
        ("C[Se]C", "is Se"),
        ("*CC", "is *"),
        ("[H][H]", "no atom heavier"),
    ] {
        let error = ligand(smiles).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn the_text_is_a_tree_in_columns_and_the_same_for_the_same_molecule() {
    let aspirin = ligand("CC(=O)Oc1ccccc1C(=O)O").unwrap();
    let again = ligand("OC(=O)c1ccccc1OC(C)=O").unwrap();
    assert_eq!(aspirin.pdbqt(), again.pdbqt());
    let other = Molecule::from_smiles("CC(=O)Oc1ccccc1C(=O)O").unwrap();
    assert_ne!(aspirin.pdbqt(), Ligand::prepare(&other, 2).unwrap().pdbqt());
    let (mut serials, mut open, mut tags) = (0, Vec::new(), BTreeMap::new());
    for line in aspirin.pdbqt().lines() {
        *tags
            .entry(line.split_whitespace().next().unwrap())
            .or_insert(0) += 1;
        if line.starts_with("ATOM") {
            serials += 1;
            assert_eq!(line[6..11].trim().parse(), Ok(serials));
            for start in [30, 38, 46] {
                assert!(
                    line[start..start + 8].trim().parse::<f64>().is_ok(),
                    "{line}"
                );
            }
            assert_eq!(line[66..76].trim(), "+0.000");
            assert!(
                ["A", "C", "OA", "HD"].contains(&line[77..].trim()),
                "{line}"
            );
        } else if let Some(ends) = line.strip_prefix("BRANCH") {
            // The atom beyond the bond comes next.
            let ends: Vec<i32> = ends
                .split_whitespace()
                .map(|n| n.parse().unwrap())
                .collect();
            assert!(ends[0] <= serials && ends[1] == serials + 1, "{line}");
            open.push(ends);
        } else if let Some(ends) = line.strip_prefix("ENDBRANCH") {
            let ends: Vec<i32> = ends
                .split_whitespace()
                .map(|n| n.parse().unwrap())
                .collect();
            assert_eq!(open.pop(), Some(ends));
        }
    }
    assert_eq!(serials, 14);
    assert_eq!(
        (
            tags["BRANCH"],
            tags["ENDBRANCH"],
            tags["ROOT"],
            tags["ENDROOT"]
        ),
        (4, 4, 1, 1)
    );
    assert!(aspirin.pdbqt().ends_with("TORSDOF 4\n"));
}

#[test]
fn a_pose_becomes_an_sd_record() {
    let aspirin = ligand("CC(=O)Oc1ccccc1C(=O)O").unwrap();
    let record = aspirin
        .sdf_of(aspirin.pdbqt(), &[("affinity", "-5.5")])
        .unwrap();
    let molecule = Molecule::from_mol_block(&record).unwrap();
    assert_eq!(molecule.smiles().unwrap(), "CC(=O)Oc1ccccc1C(=O)O");
    assert!(record.contains("-5.5"));
    assert!(aspirin.sdf_of("", &[]).is_err());
}

/// A script in the place of Vina, which counts its calls: the number of atoms is the affinity, iodine takes
/// forever, bromine is refused and chlorine dies.
const SCRIPT: &str = r#"#!/bin/sh
if [ "$1" = --version ]; then echo "AutoDock Vina v0.0.0"; exit 0; fi
here=$(dirname "$0")
while [ $# -gt 0 ]; do
    case "$1" in --ligand) ligand=$2;; --out) out=$2;; esac
    shift
done
grep SMILES "$ligand" >> "$here/calls"
if grep -q ' I *$' "$ligand"; then sleep 100; fi
if grep -q ' Br *$' "$ligand"; then echo "no bromine here" >&2; exit 1; fi
if grep -q ' Cl *$' "$ligand"; then kill -SEGV $$; fi
{ echo "MODEL 1"; echo "REMARK VINA RESULT:    -$(grep -c ATOM "$ligand").5      0.000      0.000"
  cat "$ligand"; echo "ENDMDL"; } > "$out"
"#;

/// A receptor.
const ATOM: &str =
    "ATOM      1  N   SER     2      16.100  37.415   4.008  1.00  0.00    -0.055 N \n";

struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("vina");
        fs::write(&script, SCRIPT).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.path().join("receptor.pdbqt"), ATOM).unwrap();
        Self { folder }
    }

    fn settings(&self) -> DockingSettings {
        let search_box = SearchBox {
            center: [-1.5, 0.0, 1.0],
            size: [20.0; 3],
        };
        DockingSettings {
            program: self.folder.path().join("vina").display().to_string(),
            pose_folder: Some(self.folder.path().join("poses")),
            workers: 2,
            ..DockingSettings::new(self.folder.path().join("receptor.pdbqt"), search_box)
        }
    }

    fn calls(&self) -> usize {
        let calls = fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        calls.lines().count()
    }
}

#[test]
fn each_object_has_its_answer_its_pose_and_its_failure() {
    let bench = Bench::new();
    let docking = Docking::new(DockingSettings {
        timeout: 2.0,
        ..bench.settings()
    })
    .unwrap();
    let fates = Fates {
        error: Fate::FLOOR,
        timeout: Fate::FLOOR,
        crash: Fate::FLOOR,
        ..Fates::default()
    };
    let scorer = Scorer::new(Box::new(docking), Store::in_memory().unwrap(), fates).unwrap();
    let objects = ["CCO", "CCBr", "CCI", "CCCl", "C[NH3+].[Cl-]", "C(C", "CCN"];
    let objects: Vec<String> = objects.map(str::to_owned).into();
    let verdicts = scorer.score(&objects).unwrap();
    use FailureKind::{Crash, Error, Timeout};
    assert_eq!(
        verdicts,
        [
            Verdict::Scores(vec![-4.5]),
            Verdict::Floor(Error),
            Verdict::Floor(Timeout),
            Verdict::Floor(Crash),
            Verdict::Floor(Error),
            Verdict::Floor(Error),
            Verdict::Scores(vec![-5.5]),
        ]
    );
    assert_eq!(bench.calls(), 5);
    scorer.score(&objects[..2]).unwrap();
    assert_eq!(bench.calls(), 5);
    let pose = bench.folder.path().join("poses").join(pose_name("CCO"));
    let text = fs::read_to_string(pose.with_extension("pdbqt")).unwrap();
    assert!(
        text.starts_with("REMARK NAME CCO\nREMARK VINA RESULT:    -4.5"),
        "{text}"
    );
    let record = fs::read_to_string(pose.with_extension("sdf")).unwrap();
    assert!(record.contains(">  <affinity>\n-4.5\n"), "{record}");
}

#[test]
fn a_receptor_that_never_works_stops_the_run() {
    let bench = Bench::new();
    let docking = Docking::new(bench.settings()).unwrap();
    let objects: Vec<String> = (1..40).map(|n| format!("{}Br", "C".repeat(n))).collect();
    let error = docking
        .ask(&objects, &|| false, &mut |_| Ok(()))
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("first 20 molecules") && text.contains("no bromine here"),
        "{text}"
    );
}

#[test]
fn the_wish_to_stop_is_heard_while_vina_runs() {
    let bench = Bench::new();
    let docking = Docking::new(bench.settings()).unwrap();
    let start = Instant::now();
    let stop = || start.elapsed() > Duration::from_secs(1);
    let ended = docking.ask(&["CCI".into(), "CI".into()], &stop, &mut |_| Ok(()));
    assert!(matches!(ended, Err(OracleError::Interrupted)), "{ended:?}");
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn the_source_is_what_answers_and_no_more() {
    let bench = Bench::new();
    let source = |change: &dyn Fn(&mut DockingSettings)| {
        let mut settings = bench.settings();
        change(&mut settings);
        Docking::new(settings).unwrap().source()
    };
    let first = source(&|_| ());
    assert_eq!(
        first,
        source(&|s| (s.cpu, s.workers, s.timeout) = (3, 7, 5.0))
    );
    assert!(is_source(&first) && !is_source("{\"kind\":\"command\"}") && !is_source("docking"));
    assert_ne!(first, source(&|s| s.seed = 2));
    assert_ne!(first, source(&|s| s.exhaustiveness = 9));
    assert_ne!(first, source(&|s| s.search_box.size[1] = 21.0));
    let receptor = bench.settings().receptor;
    let text = fs::read_to_string(&receptor).unwrap();
    fs::write(&receptor, text.repeat(2)).unwrap();
    assert_ne!(first, source(&|_| ()));
}

#[test]
fn impossible_settings_and_receptors_are_refused() {
    let bench = Bench::new();
    let refused = |change: &dyn Fn(&mut DockingSettings), part: &str| {
        let mut settings = bench.settings();
        change(&mut settings);
        let error = Docking::new(settings).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    refused(&|s| s.seed = 0, "docking.seed is 0");
    refused(&|s| s.timeout = f64::NAN, "oracle.timeout is NaN");
    refused(&|s| s.receptor = "absent.pdbqt".into(), "docking.receptor");
    refused(&|s| s.program = "no-such-vina".into(), "autodock-vina");
    let receptor = bench.settings().receptor;
    fs::write(&receptor, "nothing\n").unwrap();
    refused(&|_| (), "line 1 is none that Vina reads");
    fs::write(&receptor, "REMARK nothing\n").unwrap();
    refused(&|_| (), "no line that begins with ATOM");
    fs::write(&receptor, "ROOT\nATOM\n").unwrap();
    refused(&|_| (), "is a ligand");
    // Protein Data Bank's own format: neither charge nor type.
    let plain =
        "ATOM      1  N   SER A   2      16.100  37.415   4.008  1.00  0.00           N  \n";
    fs::write(&receptor, plain).unwrap();
    refused(&|_| (), "line 1 is an atom without a partial charge");
    fs::write(&receptor, format!("HEADER    TRANSFERASE\n{plain}")).unwrap();
    refused(&|_| (), "line 1 is none that Vina reads in a receptor");
    for (columns, part) in [
        (30..38, "without coordinates"),
        (70..76, "without a partial charge"),
        (77..79, "without one of AutoDock's types"),
    ] {
        let mut text = ATOM.to_owned();
        text.replace_range(columns.clone(), &" ".repeat(columns.len()));
        fs::write(&receptor, text).unwrap();
        refused(&|_| (), part);
    }
    fs::write(&receptor, format!("REMARK\n{ATOM}TER\nENDMDL\n")).unwrap();
    Docking::new(bench.settings()).unwrap();
    fs::write(&receptor, b"\x1f\x8bbroken").unwrap();
    refused(&|_| (), "cannot be decompressed");
}
