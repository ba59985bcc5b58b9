//! How many duplex energies and sEH predictions one core makes in a second; for ratios between two
//! programs on one machine at one time.
//!
//! `cargo build --workspace --example speed`, then `target/debug/examples/speed molecules.csv` with SMILES
//! in the first column.

use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

use anabranch_chem::Molecule;
use anabranch_core::Seed;
use anabranch_oracles::rna::{Base, Strand, duplex_energy};
use anabranch_oracles::seh::SehProxy;
use rand::RngExt;

/// How long each measurement takes.
const TIME: Duration = Duration::from_secs(3);

/// Things done in a second, `each` telling how many it did.
fn rate(mut each: impl FnMut() -> usize) -> f64 {
    let begin = Instant::now();
    let mut done = 0;
    while begin.elapsed() < TIME {
        done += each();
    }
    done as f64 / begin.elapsed().as_secs_f64()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut rng = Seed::new(0).stream("strands", &[]);
    for length in [14, 50, 100] {
        let mut strand = |bases: usize| {
            let bases = (0..bases).map(|_| Base::ALL[rng.random_range(0..4)]);
            Strand::new(bases.collect())
        };
        let (target, other) = (strand(100)?, strand(length)?);
        let rate = rate(|| usize::from(duplex_energy(&target, &other).is_some()));
        println!("energies of 100 and {length} bases: {rate:.0} in a second");
    }

    let Some(file) = std::env::args().nth(1) else {
        println!("give a file of SMILES for the sEH proxy");
        return Ok(());
    };
    let text = fs::read_to_string(file)?;
    let smiles: Vec<&str> = text
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next())
        .collect();
    let read = || smiles.iter().map(|smiles| Molecule::from_smiles(smiles));
    let molecules: Vec<Molecule> = read().collect::<Result<_, _>>()?;
    println!(
        "reading SMILES: {:.0} in a second",
        rate(|| read().filter(Result::is_ok).count())
    );
    let proxy = SehProxy::load()?;
    for size in [1, 16, 64] {
        let rate = rate(|| {
            molecules
                .chunks(size)
                .map(|molecules| proxy.predict(molecules).len())
                .sum()
        });
        println!("predictions for {size} at once: {rate:.0} in a second");
    }
    Ok(())
}
