//! Every environment keeps its contract.

use anabranch_chem::{Fragment, Vocabulary};
use anabranch_core::{Enumerable, Seed, conformance};
use anabranch_envs::bit_sequence::BitSequence;
use anabranch_envs::fragments::Fragments;
use anabranch_envs::hypergrid::{Hypergrid, Terminal};

fn fragments(list: &[(&str, &[usize])], max_nodes: usize) -> Fragments {
    let fragment = |(smiles, stems): &(&str, &[usize])| Fragment {
        smiles: (*smiles).to_owned(),
        stems: stems.to_vec(),
    };
    let vocabulary = Vocabulary::new(list.iter().map(fragment).collect()).unwrap();
    Fragments::new(vocabulary, max_nodes).unwrap()
}

const SYMMETRIC: [(&str, &[usize]); 5] = [
    ("c1ccccc1", &[0, 1, 2, 3, 4, 5]),
    ("CC", &[0, 1]),
    ("C", &[0]),
    ("C1CNCCN1", &[2, 5]),
    ("CO", &[0, 1]),
];

#[test]
fn hypergrids() {
    for terminal in [Terminal::All, Terminal::Border] {
        for (dims, side) in [(1, 2), (2, 8), (3, 5)] {
            let grid = Hypergrid::new(dims, side, terminal).unwrap();
            conformance::check(&grid, Seed::new(0), 50).unwrap();
            conformance::check_edges_counted_alike(&grid).unwrap();
        }
    }
}

#[test]
fn bit_sequences() {
    for (bits, word) in [(8, 1), (12, 3), (120, 10)] {
        let env = BitSequence::new(bits, word).unwrap();
        let report = conformance::check(&env, Seed::new(0), 5).unwrap();
        assert_eq!(report.longest, bits / word + 1);
    }
    let env = BitSequence::new(8, 2).unwrap().enumerate(1000).unwrap();
    conformance::check_edges_counted_alike(&env).unwrap();
}

#[test]
fn the_72_fragments() {
    let env = Fragments::rp72();
    let report = conformance::check(&env, Seed::new(1), 30).unwrap();
    // Nine fragments: 9 additions, 16 ends, one stop (molecules.md, section 3).
    assert_eq!(report.longest, 26);
}

#[test]
fn small_vocabularies_are_counted_alike() {
    for (count, max_nodes) in [(5, 3), (2, 4), (1, 4)] {
        let env = fragments(&SYMMETRIC[..count], max_nodes);
        conformance::check(&env, Seed::new(2), 100).unwrap();
        let env = env.enumerate(1_000_000).unwrap();
        let report = conformance::check_edges_counted_alike(&env).unwrap();
        println!(
            "{count} fragments, {max_nodes} nodes: {} states, {} edges",
            env.num_states(),
            report.edges / 2
        );
        assert_eq!(report.longest, 3 * max_nodes - 1);
    }
    // Stems that share an atom, and stopping only with two fragments.
    let env = fragments(&[("C", &[0, 0, 0, 0]), ("O", &[0, 0])], 4)
        .with_min_nodes(2)
        .unwrap();
    conformance::check(&env, Seed::new(3), 100).unwrap();
    conformance::check_edges_counted_alike(&env.enumerate(100_000).unwrap()).unwrap();
}
