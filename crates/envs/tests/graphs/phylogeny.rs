//! Trees over taxa and the mutations that they need.

use std::time::Instant;

use anabranch_core::encode::VectorEncoded;
use anabranch_core::{Discrete, Enumerable, Environment, Reward, Seed};
use anabranch_envs::Enumerated;
use anabranch_envs::phylogeny::{Alignment, Forest, Join, Parsimony, Phylogeny};

/// (2n - 3)!! rooted binary trees with n labelled leaves.
#[test]
fn counts() {
    for (taxa, count) in [(2, 1), (3, 3), (4, 15), (5, 105), (6, 945), (7, 10_395)] {
        let clock = Instant::now();
        let env = Enumerated::new(Phylogeny::new(taxa).unwrap(), 100_000).unwrap();
        let trees = env.listed().iter().filter(|forest| env.can_stop(forest));
        assert_eq!(trees.count(), count);
        println!(
            "{taxa} taxa: {} forests in {:?}",
            env.num_states(),
            clock.elapsed()
        );
    }
    assert!(Phylogeny::new(1).is_err() && Phylogeny::new(33).is_err());
    // The largest set of 32 taxa fills the mask.
    let env = Phylogeny::new(32).unwrap();
    let mut forest = env.source();
    while !env.can_stop(&forest) {
        let mut actions = Vec::new();
        env.actions(&forest, &mut actions);
        env.step(&mut forest, actions[actions.len() / 2]);
    }
    assert_eq!(forest.clades().last(), Some(&u32::MAX));
}

#[test]
fn forests_are_told_apart_by_features_and_files() {
    let env = Enumerated::new(Phylogeny::new(5).unwrap(), 10_000).unwrap();
    let mut seen = Vec::new();
    for forest in env.listed() {
        let mut features = vec![0.0_f32; env.num_features()];
        env.fill_features(forest, &mut features);
        seen.push(
            features
                .iter()
                .map(|f| (f * 5.0).round() as u32)
                .collect::<Vec<_>>(),
        );
        let text = serde_json::to_string(forest).unwrap();
        assert_eq!(&serde_json::from_str::<Forest>(&text).unwrap(), forest);
        let (mut actions, mut parents) = (Vec::new(), Vec::new());
        env.actions(forest, &mut actions);
        env.parents(forest, &mut parents);
        for list in [actions, parents] {
            let mut rows: Vec<usize> = list.iter().map(|&a: &Join| env.action_index(a)).collect();
            rows.sort_unstable();
            rows.dedup();
            assert_eq!(rows.len(), list.len());
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), env.num_states());
    for bad in ["[3,6]", "[3,3]", "[7]", "[0]", "[1]"] {
        assert!(serde_json::from_str::<Forest>(bad).is_err(), "{bad}");
    }
}

/// The fewest mutations over all letters at the inner nodes, tried one by one.
fn fewest(alignment: &Alignment, forest: &Forest, site: usize) -> usize {
    let clades = forest.clades();
    let mut best = usize::MAX;
    for code in 0..4_usize.pow(clades.len() as u32) {
        let letter = |tree: u32| match clades.iter().position(|&clade| clade == tree) {
            Some(place) => 1 << (code / 4_usize.pow(place as u32) % 4),
            None => alignment.sites(tree.trailing_zeros() as usize)[site],
        };
        let changes = clades.iter().map(|&clade| {
            let (left, right) = forest.children(clade);
            let differs = |child| usize::from(letter(child) & letter(clade) == 0);
            differs(left) + differs(right)
        });
        best = best.min(changes.sum());
    }
    best
}

#[test]
fn mutations_are_the_fewest() {
    let alignment = Alignment::evolve(5, 6, 0.3, Seed::new(1)).unwrap();
    let reward = Parsimony::new(alignment.clone(), 10.0, 4.0).unwrap();
    let env = Enumerated::new(Phylogeny::new(5).unwrap(), 10_000).unwrap();
    let mut values = Vec::new();
    for forest in env.listed() {
        let expected: usize = (0..6).map(|site| fewest(&alignment, forest, site)).sum();
        assert_eq!(reward.mutations(forest), expected, "{forest:?}");
        if env.can_stop(forest) {
            let found = reward.log_reward(std::slice::from_ref(forest)).unwrap()[0];
            assert_eq!(found, (10.0 - expected as f64) / 4.0);
            values.push(expected);
        } else {
            assert!(reward.log_reward(std::slice::from_ref(forest)).is_err());
        }
    }
    assert!(values.iter().max() > values.iter().min());
}

#[test]
fn sequences_are_read() {
    let text = ">human the first\nACGT\nN-\n\n>chimp\nacgu?-\n>fly\nTTGTRA\n";
    let alignment = Alignment::from_fasta(text).unwrap();
    assert_eq!(alignment.names(), ["human", "chimp", "fly"]);
    assert_eq!(alignment.sites(1), [1, 2, 4, 8, 31, 16]);
    let env = Phylogeny::new(3).unwrap();
    let tree = Forest::from_clades(&[7, 3]).unwrap();
    assert_eq!(env.newick(&tree, alignment.names()), "((human,chimp),fly);");
    let apart = Forest::from_clades(&[6]).unwrap();
    assert_eq!(
        env.newick(&apart, alignment.names()),
        "human;\n(chimp,fly);"
    );
    // A against T, C against T, gap against A; R may be anything that N may.
    let reward = Parsimony::new(alignment, 0.0, 1.0).unwrap();
    assert_eq!(reward.mutations(&tree), 3);
    for (text, part) in [
        ("ACGT", "line 1 comes before"),
        (">a\nAC", "taxa is 1"),
        (">a\nAC\n>b\nA", "b has 1 letters"),
        (">a\nAC\n>b\nAZ", "letter 2 of the sequence b is 'Z'"),
    ] {
        let error = Alignment::from_fasta(text).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let alignment = Alignment::evolve(3, 4, 0.1, Seed::new(0)).unwrap();
    assert!(Parsimony::new(alignment, 0.0, 0.0).is_err());
    assert!(Alignment::evolve(3, 0, 0.1, Seed::new(0)).is_err());
    assert!(Alignment::evolve(3, 4, 1.5, Seed::new(0)).is_err());
}
