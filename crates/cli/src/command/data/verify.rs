//! `gfn data verify`.

use std::process::ExitCode;

use anabranch_data::{Set, presence, verify};

use super::Listed;

/// Check the SHA-256 of the sets that are here
///
/// The exit code is 1 where a file differs, and where a set that was named is not here as a whole.
#[derive(clap::Args)]
pub struct Args {
    /// Names of sets [default: all that are here]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    listed: Listed,
}

/// Runs it.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let manifest = args.listed.open()?;
    let sets: Vec<&Set> = if args.names.is_empty() {
        manifest.sets.iter().collect()
    } else {
        let names = args.names.iter();
        names
            .map(|name| manifest.set(name))
            .collect::<Result<_, _>>()?
    };
    let (mut right, mut wrong, mut missing) = (0, 0, 0);
    for set in sets {
        let presence = presence(set);
        for (at, path) in &presence.found {
            match verify(&set.files[*at], path) {
                Ok(()) => {
                    right += 1;
                    println!("right    {}", path.display());
                }
                Err(error) => {
                    wrong += 1;
                    eprintln!("error: {}: {error}", set.name);
                }
            }
        }
        missing += presence.missing.len();
        if !args.names.is_empty() {
            for at in &presence.missing {
                let path = &set.files[*at].path;
                eprintln!("error: {path} is not here; gfn data fetch {}", set.name);
            }
        }
    }
    println!("{right} right, {wrong} wrong, {missing} not here");
    let named = !args.names.is_empty();
    Ok(if wrong > 0 || named && missing > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
