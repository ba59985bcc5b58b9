//! The classifier of antimicrobial peptides on the real data.

use std::path::Path;

use anabranch_core::Seed;
use anabranch_oracles::amp::{AmpEnsemble, DATA, Labelled, Peptide};

/// The data where a checkout has them beside it.
fn data() -> Option<Labelled> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = path.join(DATA);
    if !path.is_file() {
        eprintln!("LEFT OUT: there is no {}", path.display());
        return None;
    }
    Some(Labelled::read(&path).unwrap())
}

#[test]
fn held_out_groups_are_told_apart_by_more_than_length() {
    let Some(data) = data() else { return };
    let start = std::time::Instant::now();
    let ensemble = AmpEnsemble::train(&data, Seed::new(0)).unwrap();
    println!("{:?} {:?}", start.elapsed(), ensemble.held());
    println!(
        "{:?} repeated {} contradictory {}",
        data.counts(),
        data.repeated,
        data.contradictory
    );
    let held = ensemble.held();
    assert!(held.auc > 0.85, "{held:?}");
    assert!(held.auc > held.auc_of_length + 0.1, "{held:?}");
    let of = |text: &str| ensemble.predict(&Peptide::from_text(text).unwrap());
    for text in [
        "GIGKFLHSAKKFGKAFVGEIMNS",
        "KKKKKKKKKKKKKKKKKKKK",
        "KLKLKLKLKLKLKLKL",
        "MSDEEVQALLEEAGYTDEQIAEL",
    ] {
        println!("{text} {:?}", of(text));
    }
    assert!(of("KKKKKKKKKKKKKKKKKKKK").complexity < 0.2);
}
