//! The program as a subprocess.
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// A folder to run in.
pub struct Place {
    folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gfn"));
        command
            .current_dir(self.folder.path())
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn gfn(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the program starts")
    }

    /// Runs and expects success; returns standard output.
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.gfn(args);
        assert!(
            output.status.success(),
            "gfn {args:?} failed:\n{}",
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// Runs and expects a clear error: a code that is not 0, no panic, all of `parts` in the message.
    pub fn refused(&self, args: &[&str], parts: &[&str]) -> String {
        let output = self.gfn(args);
        let message = text(&output.stderr);
        let code = output.status.code();
        assert!(
            code.is_some_and(|c| c != 0 && c != 101),
            "gfn {args:?} ended with {code:?}:\n{message}"
        );
        assert!(
            !message.contains("panicked"),
            "gfn {args:?} panicked:\n{message}"
        );
        for part in parts {
            assert!(
                message.contains(part),
                "gfn {args:?} does not say {part:?}:\n{message}"
            );
        }
        message
    }

    pub fn spawn(&self, args: &[&str]) -> Child {
        self.command(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts")
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        let path = self.path(name);
        std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A small fragment run: seconds, not minutes.
pub const SMALL: &[&str] = &[
    "batch=8",
    "policy.width=16",
    "policy.layers=1",
    "env.max_nodes=4",
    "output.samples=12",
];

/// The newest checkpoint's folder under `run`.
pub fn newest_checkpoint(run: &Path) -> PathBuf {
    let mut steps: Vec<u64> = std::fs::read_dir(run.join("checkpoints"))
        .expect("checkpoints")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    steps.sort_unstable();
    run.join("checkpoints")
        .join(steps.last().expect("a checkpoint").to_string())
}
