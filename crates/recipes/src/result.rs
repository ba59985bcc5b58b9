//! The result of a recipe, as it is written down.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::recipe::Recipe;
use crate::verdict::{Measurements, Verdict};

/// Format of a result file.
pub const FORMAT: u32 = 1;

/// What a recipe measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecipeResult {
    /// [`FORMAT`].
    pub format: u32,
    /// Name of the recipe.
    pub recipe: String,
    /// Version of the program.
    pub version: String,
    /// Commit of the program, where known.
    pub commit: Option<String>,
    /// Whether it was only a trial of small size.
    pub quick: bool,
    /// Whether all seeds came to their end, well or not; false after Ctrl-C.
    pub complete: bool,
    /// The seeds that came to their end.
    pub seeds: Vec<SeedRun>,
    /// How many seeds ran at a time.
    pub jobs: usize,
    /// Where it ran.
    pub machine: Machine,
    /// The claims with all numbers.
    pub claims: Vec<ClaimResult>,
}

/// How one seed went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedRun {
    /// The seed.
    pub seed: u64,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A claim and what was measured of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClaimResult {
    /// Short name.
    pub id: String,
    /// What the paper says.
    pub text: String,
    /// When it counts as reproduced.
    pub criterion: String,
    /// Whether the criterion is a condition.
    pub gated: bool,
    /// Whether it is met.
    pub holds: bool,
    /// The numbers in words.
    pub measured: String,
    /// Under each key one value for each of the seeds; `None` (null) where the seed failed, did not
    /// record it, or where it is not finite.
    pub values: BTreeMap<String, Vec<Option<f64>>>,
}

impl RecipeResult {
    /// From JSON.
    ///
    /// # Errors
    /// Where it is no result, or one of another format.
    pub fn from_json(text: &str) -> anyhow::Result<Self> {
        let result: Self = serde_json::from_str(text).context("this is not a recipe's result")?;
        anyhow::ensure!(
            result.format == FORMAT,
            "the result has format {}, this program reads {FORMAT}",
            result.format
        );
        Ok(result)
    }

    /// As JSON, indented, with a newline at its end.
    ///
    /// # Errors
    /// Never in practice.
    pub fn to_json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Writes `<folder>/<recipe>.json`, or `<recipe>-002.json` and so on where that exists; nothing is
    /// ever replaced.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let problem = || format!("the result cannot be written to {}", folder.display());
        std::fs::create_dir_all(folder).with_context(problem)?;
        let mut staged = tempfile::Builder::new()
            .prefix(".new-")
            .tempfile_in(folder)
            .with_context(problem)?;
        staged
            .write_all(self.to_json()?.as_bytes())
            .and_then(|()| staged.as_file().sync_all())
            .with_context(problem)?;
        for number in 1.. {
            let name = match number {
                1 => format!("{}.json", self.recipe),
                _ => format!("{}-{number:03}.json", self.recipe),
            };
            let path = folder.join(name);
            match staged.persist_noclobber(&path) {
                Ok(file) => {
                    readable_by_all(&file);
                    return Ok(path);
                }
                Err(e) if path.exists() => staged = e.file,
                Err(e) => return Err(e.error).with_context(problem),
            }
        }
        unreachable!("there is a free number")
    }

    /// Gated claims that hold, and gated claims.
    pub fn score(&self) -> (usize, usize) {
        let gated = self.claims.iter().filter(|c| c.gated);
        (gated.clone().filter(|c| c.holds).count(), gated.count())
    }

    /// Mean wall-clock seconds of a seed; NaN without seeds.
    pub fn seconds_per_seed(&self) -> f64 {
        self.seeds.iter().map(|s| s.seconds).sum::<f64>() / self.seeds.len() as f64
    }

    /// What the criteria of `recipe` say of the numbers noted here, in the order of its claims.
    pub fn judge(&self, recipe: &Recipe) -> Vec<Verdict> {
        let judged = |claim: &crate::Claim| {
            let empty = BTreeMap::new();
            let noted = self.claims.iter().find(|c| c.id == claim.id);
            let values = noted.map_or(&empty, |c| &c.values);
            verdict(claim.check, values, &self.seeds)
        };
        recipe.claims.iter().map(judged).collect()
    }
}

/// The verdict of `check` on numbers that it may see; without it where a seed failed or a number is
/// missing or not finite.
pub(crate) fn verdict(
    check: fn(&Measurements) -> Verdict,
    values: &BTreeMap<String, Vec<Option<f64>>>,
    seeds: &[SeedRun],
) -> Verdict {
    let plain = values.iter().map(|(key, values)| {
        let values = values.iter().map(|v| v.unwrap_or(f64::NAN)).collect();
        (key.clone(), values)
    });
    let measured = Measurements::new(plain.collect());
    let mut trouble = String::new();
    for run in seeds.iter().filter(|run| run.error.is_some()) {
        let _ = write!(trouble, "; seed {} failed", run.seed);
    }
    for (key, values) in values {
        for (run, _) in seeds
            .iter()
            .zip(values)
            .filter(|(r, v)| r.error.is_none() && v.is_none())
        {
            let _ = write!(trouble, "; {key} is no number with seed {}", run.seed);
        }
    }
    if values.is_empty() || seeds.is_empty() {
        trouble += "; nothing was measured";
    }
    if trouble.is_empty() {
        return check(&measured);
    }
    let told = measured.verdict(false).measured + &trouble;
    Verdict {
        holds: false,
        measured: told.trim_start_matches("; ").to_owned(),
    }
}

/// A temporary file is its owner's alone; a result is for all to read.
fn readable_by_all(file: &std::fs::File) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The result is whole either way.
        let _ = file.set_permissions(std::fs::Permissions::from_mode(0o644));
    }
    #[cfg(not(unix))]
    let _ = file;
}
