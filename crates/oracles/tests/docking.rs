//! Ligands against Meeko, and AutoDock Vina itself where it is installed.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anabranch_chem::Molecule;
use anabranch_core::data::data_file;
use anabranch_oracles::docking::{Docking, DockingSettings, Ligand, SearchBox, pose_name};
use anabranch_oracles::{
    Answer, Fates, Heard, Oracle, OracleError, Scorer, Store, StoreReader, StoreSettings, Verdict,
};
use rayon::prelude::*;

#[test]
fn types_and_torsions_agree_with_meeko() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/ligands.csv");
    let text = fs::read_to_string(file).unwrap();
    // Its stereocentres do not go together in one cage: no coordinates are found in half a minute, and none by
    // RDKit 2026.09.1, with ETKDGv3 or without its knowledge, from distances or from random coordinates.
    let impossible = "C[C@H]1[C@@H](O)O[C@@H]2O[C@]3(C)CC[C@H]4[C@H](C)CC[C@@H]1[C@@]24OO3,";
    let lines = text.lines().skip(1);
    let lines: Vec<&str> = lines.filter(|line| !line.starts_with(impossible)).collect();
    assert_eq!(lines.len(), 199);
    let different: Vec<String> = lines.par_iter().filter_map(|line| differs(line)).collect();
    assert!(
        different.is_empty(),
        "{}\n{}",
        different.len(),
        different.join("\n")
    );
}

/// What is different between a line of the golden file and the ligand that we make.
fn differs(line: &str) -> Option<String> {
    let fields: Vec<&str> = line.split(',').collect();
    let &[smiles, torsions, types] = fields.as_slice() else {
        return Some(line.to_owned());
    };
    let ligand = Molecule::from_smiles(smiles)
        .map_err(|e| e.to_string())
        .and_then(|molecule| Ligand::prepare(&molecule, 1).map_err(|e| e.to_string()));
    let ligand = match ligand {
        Ok(ligand) => ligand,
        Err(error) => return Some(format!("{smiles}: {error}")),
    };
    let found = ligand.atom_types();
    let found: Vec<String> = found
        .iter()
        .map(|(name, n)| format!("{name} {n}"))
        .collect();
    let found = (ligand.torsions().to_string(), found.join(" "));
    (found.0 != torsions || found.1 != types).then(|| {
        let (ours, our_types) = found;
        format!("{smiles}: {ours} {our_types}; Meeko {torsions} {types}")
    })
}

/// Whether Vina is installed.
fn vina() -> bool {
    let found = Command::new("vina")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !found {
        println!("SKIPPED: AutoDock Vina is not installed (Debian: apt-get install autodock-vina)");
    }
    found
}

/// A file of data for docking, from a data folder or from that next to the repository.
fn data(name: &str) -> Option<PathBuf> {
    let relative = format!("docking/{name}");
    if let Ok(file) = data_file(&relative) {
        return Some(file);
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(&relative);
    if !file.is_file() {
        println!("SKIPPED: {relative} is in no data folder and not at hand");
        return None;
    }
    Some(file)
}

fn parp1() -> Option<DockingSettings> {
    let (receptor, search_box) = (data("PARP1.pdbqt.gz")?, data("PARP1.box.txt")?);
    let search_box = SearchBox::read(&search_box).unwrap();
    assert_eq!(search_box.size, [30.0; 3]);
    Some(DockingSettings {
        exhaustiveness: 1,
        ..DockingSettings::new(receptor, search_box)
    })
}

#[test]
fn vina_docks_into_parp1_and_gives_the_same_again() {
    let Some(settings) = parp1() else { return };
    if !vina() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let score = |settings: DockingSettings| {
        let docking = Docking::new(settings).unwrap();
        let scorer = Scorer::new(
            Box::new(docking),
            Store::in_memory().unwrap(),
            Fates::default(),
        );
        // Benzamide, the core of PARP inhibitors; and a salt.
        let verdicts = scorer.unwrap().score(&["NC(=O)c1ccccc1".to_owned()]);
        verdicts.unwrap().remove(0)
    };
    let first = score(DockingSettings {
        pose_folder: Some(folder.path().to_path_buf()),
        ..settings.clone()
    });
    let Verdict::Scores(values) = &first else {
        panic!("{first:?}");
    };
    assert!((-8.0..-4.0).contains(&values[0]), "{values:?}");
    assert_eq!(
        first,
        score(DockingSettings {
            cpu: 1,
            ..settings.clone()
        })
    );
    // The pose is inside the box and the molecule it is of.
    let pose = folder.path().join(pose_name("NC(=O)c1ccccc1"));
    let record = fs::read_to_string(pose.with_extension("sdf")).unwrap();
    let molecule = Molecule::from_mol_block(&record).unwrap();
    assert_eq!(molecule.smiles().unwrap(), "NC(=O)c1ccccc1");
    for line in record.lines().skip(4).take(9) {
        for (axis, center) in settings.search_box.center.into_iter().enumerate() {
            let x: f64 = line[10 * axis..10 * axis + 10].trim().parse().unwrap();
            assert!((x - center).abs() < 16.0, "{line}");
        }
    }
}

/// Three approved inhibitors of PARP against the same dockings of ligands that Meeko prepared. The environment
/// variable asks for an exhaustiveness other than 1.
///
/// Each number: AutoDock Vina 1.2.3 on the PDBQT by Meeko 0.8.0 (`rigid_macrocycles=True`) of the conformer that
/// is made here, the receptor and box of this test, seed 1, 9 modes, exhaustiveness 1 and 8. Partial charges and
/// the order of the branches are what differs. The bound is a third of Vina's own error against experiment
/// (2.85 kcal/mol, Trott and Olson, J. Comput. Chem. 2010, 31, 455).
#[test]
fn vina_docks_three_known_ligands_of_parp1() {
    let Some(settings) = parp1() else { return };
    if !vina() {
        return;
    }
    let wanted = std::env::var("GFN_TEST_EXHAUSTIVENESS");
    let exhaustiveness: u32 = wanted.ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let settings = DockingSettings {
        exhaustiveness,
        ..settings
    };
    let docking = Docking::new(settings).unwrap();
    let known = [
        (
            "olaparib",
            "O=C(c1cc(Cc2n[nH]c(=O)c3ccccc23)ccc1F)N1CCN(C(=O)C2CC2)CC1",
            [-10.93, -11.88],
        ),
        (
            "niraparib",
            "NC(=O)c1cccc2cn(-c3ccc([C@@H]4CCCNC4)cc3)nc12",
            [-10.36, -10.38],
        ),
        (
            "talazoparib",
            "Cn1ncnc1[C@H]1c2n[nH]c(=O)c3cc(F)cc(c23)N[C@@H]1c1ccc(F)cc1",
            [-11.77, -11.47],
        ),
    ];
    let objects = known.map(|(_, smiles, _)| smiles.to_owned());
    let mut docked = 0;
    docking
        .ask(&objects, &|| false, &mut |news| {
            for heard in news {
                let Heard::Answer {
                    index,
                    answer: Answer::Scores(values),
                    seconds,
                } = heard
                else {
                    panic!("{heard:?}");
                };
                let (name, _, meeko) = known[index];
                let meeko = meeko[usize::from(exhaustiveness >= 8)];
                println!(
                    "{name}: {} kcal/mol in {seconds:.1} s; prepared by Meeko {meeko}",
                    values[0]
                );
                assert!((values[0] - meeko).abs() < 1.0, "{name}: {values:?}");
                docked += 1;
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(docked, 3);
}

/// A program in the place of Vina that writes down what it begins and what it ends, and runs `body` between.
fn wrapper(folder: &Path, body: &str) -> String {
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'AutoDock Vina v0.0.0'; exit 0; fi\n\
         for word in \"$@\"; do\n  case \"$before\" in --ligand) ligand=$word;; --out) out=$word;; esac\n  \
         before=$word\ndone\nname=$(sed -n 's/^REMARK SMILES //p' \"$ligand\")\n\
         echo \"$name\" >> {folder}/begun\n{body}\necho \"$name\" >> {folder}/ended\n",
        folder = folder.display()
    );
    let file = folder.join("vina");
    fs::write(&file, script).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file.display().to_string()
}

const SLOW: &str =
    "sleep 1\nprintf 'MODEL 1\\nREMARK VINA RESULT:  -5.0  0.0  0.0\\nENDMDL\\n' > \"$out\"";
const REAL: &str = "vina \"$@\" || exit 1";

fn lines(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Set for the process that is to be killed.
const FOLDER: &str = "ANABRANCH_TEST_DOCKING";
const OBJECTS: usize = 8;
/// A receptor for what is not Vina.
const RECEPTOR: &str =
    "ATOM      1  N   SER     2      16.100  37.415   4.008  1.00  0.00    -0.055 N \n";

fn objects() -> Vec<String> {
    (1..=OBJECTS)
        .map(|n| format!("{}O", "C".repeat(n)))
        .collect()
}

fn asker(folder: &Path) -> Scorer {
    let settings = match parp1() {
        Some(settings) => settings,
        None => {
            let receptor = folder.join("receptor.pdbqt");
            fs::write(&receptor, RECEPTOR).unwrap();
            let search_box = SearchBox {
                center: [0.0; 3],
                size: [20.0; 3],
            };
            DockingSettings::new(receptor, search_box)
        }
    };
    let docking = Docking::new(DockingSettings {
        program: folder.join("vina").display().to_string(),
        ..settings
    });
    let store = StoreSettings {
        path: folder.join("scores.sqlite"),
        ..StoreSettings::default()
    };
    let store = Store::open(&store).unwrap();
    Scorer::new(Box::new(docking.unwrap()), store, Fates::default()).unwrap()
}

/// Not a test of its own: what the next one starts and kills.
#[test]
fn the_docker() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        asker(Path::new(&folder)).score(&objects()).unwrap();
    }
}

fn killed_in_the_middle(body: &str) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    wrapper(folder, body);
    let (begun, ended) = (folder.join("begun"), folder.join("ended"));
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["the_docker", "--exact"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    // The fourth one is under way.
    while lines(&begun).len() < 4 {
        assert!(
            start.elapsed() < Duration::from_secs(300),
            "nothing is docked"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    // What was answered before is on the disk.
    std::thread::sleep(Duration::from_millis(200));
    child.kill().unwrap();
    child.wait().unwrap();
    // It goes with who asked for it: longer than a docking takes, nothing ends.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!((lines(&begun).len(), lines(&ended).len()), (4, 3));
    let mut stored = HashSet::new();
    StoreReader::open(&folder.join("scores.sqlite"))
        .unwrap()
        .each(|row| {
            assert!(stored.insert(row.object));
            Ok::<(), OracleError>(())
        })
        .unwrap();
    let done: HashSet<String> = lines(&ended).into_iter().collect();
    assert_eq!(stored, done);
    let verdicts = asker(folder).score(&objects()).unwrap();
    assert!(
        verdicts.iter().all(|v| matches!(v, Verdict::Scores(_))),
        "{verdicts:?}"
    );
    // Each once, and the one that was broken off once more.
    let mut all = lines(&begun);
    assert_eq!(all.len(), OBJECTS + 1);
    let again = all.remove(3);
    assert!(all.contains(&again));
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), OBJECTS);
    let ended = lines(&ended);
    assert_eq!(ended.len(), OBJECTS);
    assert_eq!(ended.iter().collect::<HashSet<_>>().len(), OBJECTS);
}

#[test]
fn a_kill_in_the_middle_of_a_docking_repeats_none() {
    killed_in_the_middle(SLOW);
}

#[test]
fn a_kill_in_the_middle_of_a_docking_by_vina_repeats_none() {
    if vina() && parp1().is_some() {
        killed_in_the_middle(REAL);
    }
}
