//! Commands that do not know that a program of this workspace started them.

use std::ffi::{OsStr, OsString};
use std::process::Command;

/// What `cargo run` tells a program of its own package. Handed on to another cargo it would look like a change
/// to build scripts that ask for it, and what depends on them would be built again.
const OF_THE_PACKAGE: &[&str] = &[
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_MANIFEST_LINKS",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_CRATE_NAME",
    "CARGO_BIN_NAME",
    "OUT_DIR",
];

/// `program`, without what cargo told this one of its package.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || OF_THE_PACKAGE.contains(&text.as_ref()) {
            command.env_remove(&name);
        }
    }
    command
}

/// The cargo that runs this program.
pub fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
