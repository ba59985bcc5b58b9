//! AutoDock Vina as an oracle: SMILES in, affinity in kcal/mol out.
//!
//! Vina (Eberhardt, Santos-Martins, Tillack, Forli, J. Chem. Inf. Model. 2021, 61, 3891) runs as a program of
//! its own, one process for each ligand; ligands are prepared here ([`Ligand`]).

mod atom_types;
mod error;
mod ligand;
mod search_box;
mod settings;
mod torsions;
mod vina;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anabranch_chem::Molecule;
use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::command::hex;
use crate::error::OracleError;
use crate::oracle::{Answer, FailureKind, Heard, Listener, Oracle};
use vina::Run;

pub use error::DockingError;
pub use ligand::Ligand;
pub use search_box::SearchBox;
pub use settings::DockingSettings;

/// How ligands are prepared; changes whenever the same SMILES may give another PDBQT.
const PREPARATION: u32 = 1;
/// What says in the name of a source that it docks.
const KIND: &str = "docking";
/// What the names of unfinished files among the poses begin with.
const UNFINISHED: &str = ".unfinished-";
/// How often the wish to stop is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// Docking into one receptor. Its column is `affinity`, the best pose's in kcal/mol; lower binds better.
///
/// What is no molecule, cannot be prepared or is refused by Vina is an error of that object alone.
#[derive(Debug)]
pub struct Docking {
    settings: DockingSettings,
    columns: Vec<String>,
    source: String,
    /// Holds the receptor and what is being docked; removed with this.
    folder: TempDir,
    receptor: PathBuf,
    /// Failures in a row; none once something has docked.
    failures: Mutex<Option<u32>>,
    next: AtomicUsize,
}

/// What a thread reports.
enum Report {
    Answer(Heard),
    Broken(OracleError),
}

impl Docking {
    /// Reads the receptor and asks Vina for its version; nothing is docked yet.
    ///
    /// # Errors
    /// Where a setting is impossible, the receptor cannot be read or Vina not be started.
    pub fn new(settings: DockingSettings) -> Result<Self, OracleError> {
        settings.check()?;
        let bytes = settings::receptor(&settings.receptor)?;
        let version = vina::version(&settings.program)?;
        let folder = tempfile::Builder::new()
            .prefix("anabranch-docking-")
            .tempdir()
            .map_err(|e| io("cannot make a folder for docking", e))?;
        let receptor = folder.path().join("receptor.pdbqt");
        fs::write(&receptor, &bytes).map_err(|e| io("cannot write the receptor", e))?;
        if let Some(poses) = &settings.pose_folder {
            fs::create_dir_all(poses).map_err(|e| io("cannot make the folder of poses", e))?;
            sweep(poses).map_err(|e| io("cannot tidy the folder of poses", e))?;
        }
        // Not the processors: the result does not depend on them.
        let source = json!({
            "kind": KIND,
            "vina": version,
            "receptor": hex(&Sha256::digest(&bytes)),
            "center": settings.search_box.center,
            "size": settings.search_box.size,
            "exhaustiveness": settings.exhaustiveness,
            "modes": settings.modes,
            "seed": settings.seed,
            "preparation": PREPARATION,
        });
        Ok(Self {
            settings,
            columns: vec!["affinity".into()],
            source: source.to_string(),
            folder,
            receptor,
            failures: Mutex::new(Some(0)),
            next: AtomicUsize::new(0),
        })
    }

    /// The settings.
    pub fn settings(&self) -> &DockingSettings {
        &self.settings
    }

    /// Docks one object; `None` where somebody asked to stop.
    fn one(
        &self,
        object: &str,
        stopped: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Answer>, OracleError> {
        let prepared = Molecule::from_smiles(object)
            .map_err(DockingError::from)
            .and_then(|molecule| Ligand::prepare(&molecule, self.settings.seed.into()));
        let ligand = match prepared {
            Ok(ligand) => ligand,
            Err(error) => {
                return self.failed(FailureKind::Error, error.to_string()).map(Some);
            }
        };
        let name = format!("ligand-{}", self.next.fetch_add(1, Ordering::Relaxed));
        let run = vina::dock(
            &self.settings,
            self.folder.path(),
            &self.receptor,
            &name,
            ligand.pdbqt(),
            stopped,
        )
        .map_err(|e| io("cannot run vina", e))?;
        match run {
            Run::Stopped => Ok(None),
            Run::Docked { affinity, pose } => {
                *self.failures() = None;
                if let Some(folder) = &self.settings.pose_folder {
                    keep(folder, object, &ligand, affinity, &pose)
                        .map_err(|e| unkept(folder, e))?;
                }
                Ok(Some(Answer::of_values(&self.columns, vec![affinity])))
            }
            Run::Failed { kind, message } => self.failed(kind, message).map(Some),
        }
    }

    /// The failure of an object, or of everything where nothing has ever docked.
    fn failed(&self, kind: FailureKind, message: String) -> Result<Answer, OracleError> {
        if let Some(count) = self.failures().as_mut() {
            *count += 1;
            if *count == 1 {
                tracing::warn!("nothing has docked yet, and a molecule could not be: {message}");
            }
            if *count >= self.settings.attempts {
                return Err(DockingError::NothingDocks {
                    receptor: self.settings.receptor.clone(),
                    failures: *count,
                    message,
                }
                .into());
            }
        }
        Ok(Answer::failed(kind, message))
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, Option<u32>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes objects off the list until there are none, or somebody asked to stop.
    fn work(
        &self,
        objects: &[String],
        next: &AtomicUsize,
        stopped: &(dyn Fn() -> bool + Sync),
        reports: &Sender<Report>,
    ) {
        while !stopped() {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(object) = objects.get(index) else {
                return;
            };
            let start = Instant::now();
            let report = match self.one(object, stopped) {
                Ok(None) => return,
                Ok(Some(answer)) => Report::Answer(Heard::Answer {
                    index,
                    answer,
                    seconds: start.elapsed().as_secs_f64(),
                }),
                Err(error) => Report::Broken(error),
            };
            if reports.send(report).is_err() {
                return;
            }
        }
    }
}

impl Oracle for Docking {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn source(&self) -> String {
        self.source.clone()
    }

    fn ask(
        &self,
        objects: &[String],
        should_stop: &(dyn Fn() -> bool + Sync),
        heard: &mut Listener<'_>,
    ) -> Result<(), OracleError> {
        let (stop, next) = (AtomicBool::new(false), AtomicUsize::new(0));
        let stopped = || stop.load(Ordering::Relaxed);
        let (sender, reports) = channel();
        std::thread::scope(|scope| {
            for _ in 0..self.settings.workers.min(objects.len()) {
                let sender = sender.clone();
                let (next, stopped) = (&next, &stopped);
                scope.spawn(move || self.work(objects, next, stopped, &sender));
            }
            // The channel closes with the last thread.
            drop(sender);
            let ended = loop {
                if should_stop() {
                    break Err(OracleError::Interrupted);
                }
                match reports.recv_timeout(GLANCE) {
                    Ok(Report::Answer(news)) => {
                        if let Err(error) = heard(vec![news]) {
                            break Err(error);
                        }
                    }
                    Ok(Report::Broken(error)) => break Err(error),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break Ok(()),
                }
            };
            stop.store(true, Ordering::Relaxed);
            ended
        })
    }
}

/// Whether the answers of a source are affinities, of which the lowest is the best.
pub(crate) fn is_source(source: &str) -> bool {
    let source: Option<serde_json::Value> = serde_json::from_str(source).ok();
    source.is_some_and(|source| source["kind"] == KIND)
}

/// The name of an object's pose, without an ending.
#[must_use]
pub fn pose_name(smiles: &str) -> String {
    hex(&Sha256::digest(smiles.as_bytes()))[..16].to_owned()
}

fn keep(
    folder: &Path,
    object: &str,
    ligand: &Ligand,
    affinity: f64,
    pose: &str,
) -> std::io::Result<()> {
    let name = pose_name(object);
    let text = format!("REMARK NAME {object}\n{pose}");
    put(folder, &format!("{name}.pdbqt"), &text)?;
    let affinity = affinity.to_string();
    let items = [("smiles", object), ("affinity", &affinity)];
    // A deuterium on carbon, for one, has no place in the PDBQT: there the pose is the PDBQT alone.
    if let Ok(record) = ligand.sdf_of(pose, &items) {
        put(folder, &format!("{name}.sdf"), &record)?;
    }
    Ok(())
}

/// Removes what a killed run left unfinished.
fn sweep(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Writes a file that is whole or not there, whatever is killed.
fn put(folder: &Path, name: &str, text: &str) -> std::io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(folder.join(name)).map_err(|e| e.error)?;
    Ok(())
}

fn unkept(folder: &Path, source: std::io::Error) -> OracleError {
    let what = format!(
        "a pose cannot be written to {}; make room there or mend its permissions, and go on with gfn resume: \
         what has docked is kept",
        folder.display()
    );
    OracleError::Io { what, source }
}

fn io(what: &str, source: std::io::Error) -> OracleError {
    OracleError::Io {
        what: what.into(),
        source,
    }
}

#[cfg(test)]
mod tests;
