//! `gfn data fetch`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anabranch_data::fetch::{Event, Wish};
use anabranch_data::{Set, fetch, folder_to_fetch_into};

use super::Listed;
use crate::progress::Download;

/// Obtain sets from their public origins, verified by SHA-256
///
/// Files that are here with the right content are left alone. One that differs is never replaced without
/// --force. A download that was interrupted leaves nothing half done: run the command again.
#[derive(clap::Args)]
pub struct Args {
    /// Names of sets; gfn data list shows them
    #[arg(
        required_unless_present = "all",
        conflicts_with = "all",
        value_name = "NAME"
    )]
    names: Vec<String>,
    /// All sets
    #[arg(long)]
    all: bool,
    /// Replace files whose content differs
    #[arg(long)]
    force: bool,
    /// A folder with archives and files downloaded by hand; nothing is downloaded
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Longest time for one download
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    #[command(flatten)]
    listed: Listed,
}

/// Runs it.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let manifest = args.listed.open()?;
    // All names before the first download.
    let sets: Vec<&Set> = if args.all {
        manifest.sets.iter().collect()
    } else {
        let names = args.names.iter();
        names
            .map(|name| manifest.set(name))
            .collect::<Result<_, _>>()?
    };
    let wish = Wish {
        into: folder_to_fetch_into()?,
        from: args.from.clone(),
        force: args.force,
        patience: Duration::from_secs(args.timeout),
    };
    let mut failed = 0;
    for set in &sets {
        let mut download: Option<Download> = None;
        let outcome = fetch(&manifest, set, &wish, &mut |event| match event {
            Event::Download { what, bytes } => {
                download = None;
                download = Some(Download::new(&what, bytes));
            }
            Event::Bytes(bytes) => {
                if let Some(download) = &download {
                    download.set(bytes);
                }
            }
            Event::There(_, path) => println!("here     {}", path.display()),
            Event::Placed(_, path) => {
                download = None;
                println!("fetched  {}", path.display());
            }
        });
        drop(download);
        // One origin that does not answer is no reason to leave out the others.
        if let Err(error) = outcome {
            eprintln!("error: {}: {error}", set.name);
            failed += 1;
        }
    }
    if failed > 0 {
        eprintln!("{failed} of {} sets could not be fetched", sets.len());
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
