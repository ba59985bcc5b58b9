//! The page of committed results, `docs/REPRODUCTIONS.md`.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::golden::{BUILD, programs};
use crate::process;

/// Has `gfn` print the page and writes it, or with `check` compares; false where it is stale.
pub fn run(root: &Path, check: bool) -> Result<bool> {
    // Asked now: cargo may replace this program.
    let gfn = programs()?.join("gfn");
    let build = process::command(process::cargo())
        .args(BUILD.split_whitespace())
        .arg("--quiet")
        .current_dir(root)
        .stdin(Stdio::null())
        .status()
        .context("cannot run cargo build")?;
    ensure!(build.success(), "gfn cannot be built; see above");
    let output = Command::new(&gfn)
        .args(["reproduce", "--markdown"])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", gfn.display()))?;
    ensure!(output.status.success(), "gfn reproduce --markdown failed");
    let path = root.join("docs/REPRODUCTIONS.md");
    if std::fs::read(&path).is_ok_and(|old| old == output.stdout) {
        println!("docs/REPRODUCTIONS.md is up to date");
        return Ok(true);
    }
    if check {
        eprintln!("error: docs/REPRODUCTIONS.md is stale; renew it with cargo xtask reproductions");
        return Ok(false);
    }
    std::fs::write(&path, output.stdout).context("docs/REPRODUCTIONS.md cannot be written")?;
    println!("docs/REPRODUCTIONS.md is renewed");
    Ok(true)
}
