//! Every environment keeps its contract.

use anabranch_chem::{Fragment, Vocabulary};
use anabranch_core::encode::VectorEncoded;
use anabranch_core::{Enumerable, Seed, conformance};
use anabranch_envs::bag::Bags;
use anabranch_envs::bit_sequence::{AnyOrderBits, BitSequence};
use anabranch_envs::fragments::Fragments;
use anabranch_envs::hypergrid::{Hypergrid, Terminal};
use anabranch_envs::perfect_tree::PerfectTree;
use anabranch_envs::sequence::{AppendSequence, EdgeCount, Insertion, PrependAppend};
use anabranch_envs::set::Subsets;
use anabranch_envs::slots::Slots;

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

/// Checks a small environment as a whole, and that its encoding tells states apart and names each
/// action of a state by another row of the table. Returns the number of edges.
fn whole<E: Enumerable + VectorEncoded>(env: &E) -> usize {
    conformance::check(env, Seed::new(4), 30).unwrap();
    let edges = conformance::check_edges_counted_alike(env).unwrap().edges / 2;
    let mut seen = Vec::new();
    for state in env.states() {
        let mut features = vec![0.0; env.num_features()];
        env.features(&state, |index, value| {
            assert_eq!((value, features[index]), (1.0, 0.0), "feature {index}");
            features[index] = value;
        });
        seen.push(features.iter().map(|f| *f == 1.0).collect::<Vec<bool>>());
        let (mut actions, mut parents) = (Vec::new(), Vec::new());
        env.actions(&state, &mut actions);
        env.parents(&state, &mut parents);
        for list in [actions, parents] {
            let mut rows: Vec<usize> = list.iter().map(|&a| env.action_index(a)).collect();
            assert!(rows.iter().all(|&row| row < env.num_actions()));
            rows.sort_unstable();
            rows.dedup();
            assert_eq!(rows.len(), list.len());
        }
    }
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), count);
    edges
}

#[test]
fn hypergrids() {
    for terminal in [Terminal::All, Terminal::Border] {
        for (dims, side) in [(1, 2), (2, 8), (3, 5)] {
            let grid = Hypergrid::new(dims, side, terminal).unwrap();
            whole(&grid);
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
    whole(&env);
}

/// Edges by closed formula: the sum over states of their filled slots, d v (v + 1)^(d - 1).
#[test]
fn slots() {
    for (count, values, edges) in [(1, 1, 1), (3, 2, 54), (5, 1, 80), (2, 5, 60)] {
        assert_eq!(whole(&Slots::new(count, values).unwrap()), edges);
    }
    let large = Slots::new(300, 4).unwrap();
    let report = conformance::check(&large, Seed::new(0), 1).unwrap();
    assert_eq!(report.longest, 301);
    assert_eq!(whole(&AnyOrderBits::new(6, 2).unwrap()), 300);
    let large = AnyOrderBits::new(120, 8).unwrap();
    conformance::check(&large, Seed::new(0), 1).unwrap();
}

/// Edges by closed formula, with S = K^0 + .. + K^(L-1) strings that can grow: K S into a tree, 2 K S by
/// action; by child one less for each letter of each run that can grow, K + (L - 1) K in all; and
/// n (K - 1) + K insertions into n letters.
#[test]
fn sequences() {
    for (letters, length, grows) in [(1, 3, 3), (2, 4, 15), (4, 3, 21)] {
        assert_eq!(
            whole(&AppendSequence::new(letters, length).unwrap()),
            letters * grows
        );
        whole(&AppendSequence::between(letters, 1, length).unwrap());
        whole(&PrependAppend::between(letters, 1, length, EdgeCount::Actions).unwrap());
        whole(&Insertion::between(letters, 1, length).unwrap());
        let ends = |edges| whole(&PrependAppend::new(letters, length, edges).unwrap());
        assert_eq!(ends(EdgeCount::Actions), 2 * letters * grows);
        assert_eq!(
            ends(EdgeCount::Children),
            2 * letters * grows - letters * length
        );
        let insertions = (0..length).map(|n| letters.pow(n as u32) * (n * (letters - 1) + letters));
        assert_eq!(
            whole(&Insertion::new(letters, length).unwrap()),
            insertions.sum::<usize>()
        );
    }
    assert!(PrependAppend::between(4, 3, 2, EdgeCount::Actions).is_err());
    assert!(Insertion::between(4, 3, 2).is_err());
    let long = Insertion::new(20, 60).unwrap();
    let report = conformance::check(&long, Seed::new(0), 1).unwrap();
    assert_eq!(report.longest, 61);
    let long = PrependAppend::new(4, 64, EdgeCount::Children).unwrap();
    conformance::check(&long, Seed::new(0), 2).unwrap();
}

/// Edges of bags: K for each of the C(L - 1 + K, K) that can grow.
#[test]
fn bags() {
    for (letters, size, edges) in [(1, 4, 4), (3, 4, 60), (7, 3, 252)] {
        assert_eq!(whole(&Bags::new(letters, size).unwrap()), edges);
    }
    conformance::check(&Bags::new(7, 13).unwrap(), Seed::new(0), 50).unwrap();
}

/// Edges of subsets: the sum over sizes k of k C(N, k), N 2^(N-1) for all of them.
#[test]
fn sets() {
    assert_eq!(whole(&Subsets::up_to(6, 6).unwrap()), 192);
    assert_eq!(whole(&Subsets::exactly(6, 2).unwrap()), 36);
    assert_eq!(whole(&Subsets::between(5, 1, 3).unwrap()), 55);
    conformance::check(&Subsets::exactly(64, 40).unwrap(), Seed::new(0), 5).unwrap();
}

/// A tree has one edge less than nodes.
#[test]
fn trees() {
    for (branching, depth, nodes) in [(2, 1, 3), (3, 3, 40), (2, 5, 63)] {
        assert_eq!(
            whole(&PerfectTree::new(branching, depth).unwrap()),
            nodes - 1
        );
    }
    conformance::check(&PerfectTree::new(10, 12).unwrap(), Seed::new(0), 5).unwrap();
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
