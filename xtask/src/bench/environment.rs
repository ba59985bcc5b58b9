//! Python environments of the peers, outside the tree.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};

/// The packages of each environment.
const REQUIREMENTS: &str = include_str!("../../../bench/peers/requirements.txt");
/// Lines of a failed command that are shown.
const LAST: usize = 5;

/// Makes and fills environments as they are asked for.
pub struct Environments {
    folder: PathBuf,
    python: PathBuf,
    /// What became of each; a failure is told once for every workload but tried once.
    known: BTreeMap<String, std::result::Result<PathBuf, String>>,
}

impl Environments {
    /// In `folder`, or in the user's cache folder.
    ///
    /// # Errors
    /// Without either.
    pub fn new(folder: Option<&Path>, python: &Path) -> Result<Self> {
        let folder = match folder {
            Some(folder) => folder.to_path_buf(),
            None => cache()?.join("anabranch/peers"),
        };
        Ok(Self {
            folder,
            python: python.to_path_buf(),
            known: BTreeMap::new(),
        })
    }

    /// The Python of environment `name`, made and filled unless it is there with the same packages.
    ///
    /// # Errors
    /// Where that fails: the command, and its last lines.
    pub fn python(&mut self, name: &str) -> Result<PathBuf> {
        if let Some(known) = self.known.get(name) {
            return known.clone().map_err(|reason| anyhow!(reason));
        }
        let made = self.make(name);
        let kept = made.as_ref().map(PathBuf::clone);
        self.known
            .insert(name.to_owned(), kept.map_err(|error| format!("{error:#}")));
        made
    }

    fn make(&self, name: &str) -> Result<PathBuf> {
        let packages = section(REQUIREMENTS, name)
            .with_context(|| format!("bench/peers/requirements.txt has no section [{name}]"))?;
        let folder = self.folder.join(name);
        let python = folder.join("bin/python");
        let mark = folder.join("requirements");
        let wanted = packages.join("\n");
        if fs::read_to_string(&mark).is_ok_and(|there| there == wanted) {
            return Ok(python);
        }
        println!(
            "installing {} into {}",
            packages.join(" "),
            folder.display()
        );
        fs::create_dir_all(&self.folder)
            .with_context(|| format!("{} cannot be made", self.folder.display()))?;
        let mut venv = Command::new(&self.python);
        venv.args(["-m", "venv"]).arg(&folder);
        quietly(venv)?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet"])
            .args(&packages);
        quietly(pip)?;
        fs::write(&mark, wanted)
            .with_context(|| format!("{} cannot be written", mark.display()))?;
        Ok(python)
    }
}

fn cache() -> Result<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|v| !v.is_empty());
    variable("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache")))
        .context("there is neither XDG_CACHE_HOME nor HOME; name a folder by --venv")
}

/// Runs `command`; its output appears in the error only.
fn quietly(mut command: Command) -> Result<()> {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|a| a.to_string_lossy().into_owned()));
    let line = words.join(" ");
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run `{line}`"))?;
    if output.status.success() {
        return Ok(());
    }
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text += &String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(LAST)..].join("\n");
    bail!("`{line}` ended with {}:\n{last}", output.status)
}

/// The packages after the comment line `# [name]`, up to the next such line.
fn section(text: &str, name: &str) -> Option<Vec<String>> {
    let heading = |line: &str| -> Option<String> {
        let inner = line.trim().strip_prefix("# [")?.strip_suffix(']')?;
        Some(inner.to_owned())
    };
    let mut lines = text
        .lines()
        .skip_while(|l| heading(l).as_deref() != Some(name));
    lines.next()?;
    let packages = lines
        .take_while(|line| heading(line).is_none())
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    Some(packages.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_end_where_the_next_begins() {
        let text = "# words\n# [a]\nx==1\n# why\ny==2\n\n# [b]\nz==3\n";
        assert_eq!(section(text, "a"), Some(vec!["x==1".into(), "y==2".into()]));
        assert_eq!(section(text, "b"), Some(vec!["z==3".into()]));
        assert_eq!(section(text, "c"), None);
    }

    #[test]
    fn every_package_is_pinned() {
        for name in ["jax", "torch"] {
            let packages = section(REQUIREMENTS, name).expect("a section");
            assert!(!packages.is_empty());
            assert!(packages.iter().all(|p| p.contains("==")), "{packages:?}");
        }
    }

    #[test]
    fn a_missing_python_is_named_in_the_error_and_tried_once() {
        let folder = std::env::temp_dir().join(format!("anabranch-venv-{}", std::process::id()));
        let python = Path::new("no-such-python");
        let mut environments = Environments::new(Some(&folder), python).expect("a folder");
        for _ in 0..2 {
            let error = environments
                .python("jax")
                .expect_err("there is no such python");
            let text = format!("{error:#}");
            assert!(text.contains("no-such-python -m venv"), "{text}");
        }
        std::fs::remove_dir_all(folder).expect("it was made");
    }

    #[test]
    fn a_failing_command_is_told_with_its_last_lines() {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "for i in 1 2 3 4 5 6 7; do echo line $i; done; exit 3",
        ]);
        let text = quietly(command).expect_err("it failed").to_string();
        assert!(text.contains("exit status: 3"), "{text}");
        assert!(
            text.contains("line 7") && !text.contains("line 2\n"),
            "{text}"
        );
    }
}
