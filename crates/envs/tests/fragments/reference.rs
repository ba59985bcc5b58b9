//! Plain references: isomorphisms by trying all bijections, actions by the masks, colours by refinement.

use std::collections::{BTreeMap, BTreeSet};

use anabranch_core::encode::{Graph, GraphSlot};
use anabranch_core::rng::Stream;
use anabranch_envs::fragments::{Action, Edge, Fragments, MAX_NODES, Tree};
use rand::RngExt;

pub const BENZENE: u16 = 0;
pub const ETHANE: u16 = 1;
pub const METHANE: u16 = 2;

/// The symmetries of those fragments, written down by hand.
pub fn group(fragment: u16) -> Vec<Vec<u8>> {
    match fragment {
        BENZENE => {
            let turn = |k: u8| (0..6).map(|i| (i + k) % 6).collect();
            let mirror = |k: u8| (0..6).map(|i| (6 + k - i) % 6).collect();
            (0..6).map(turn).chain((0..6).map(mirror)).collect()
        }
        1 | 3 => vec![vec![0, 1], vec![1, 0]],
        METHANE => vec![vec![0]],
        _ => vec![vec![0, 1]],
    }
}

/// End of the edge `node`-`neighbour` at `node`: none without the edge.
pub fn end(tree: &Tree, node: u8, neighbour: u8) -> Option<Option<u8>> {
    tree.edges().iter().find_map(|e| {
        if (e.a, e.b) == (node, neighbour) {
            Some(e.stem_a)
        } else if (e.b, e.a) == (node, neighbour) {
            Some(e.stem_b)
        } else {
            None
        }
    })
}

pub fn permutations(items: &[u8]) -> Vec<Vec<u8>> {
    if items.is_empty() {
        return vec![vec![]];
    }
    let mut out = Vec::new();
    for (i, &first) in items.iter().enumerate() {
        let rest: Vec<u8> = items
            .iter()
            .copied()
            .enumerate()
            .filter(|(j, _)| *j != i)
            .map(|(_, x)| x)
            .collect();
        out.extend(
            permutations(&rest)
                .into_iter()
                .map(|tail| [vec![first], tail].concat()),
        );
    }
    out
}

/// An isomorphism: where each slot goes, and the stem permutations that may go with it.
pub struct Isomorphism {
    slot: BTreeMap<u8, u8>,
    stems: BTreeMap<u8, Vec<Vec<u8>>>,
}

/// All isomorphisms, by trying every bijection of the slots and every symmetry of every fragment.
pub fn isomorphisms(from: &Tree, to: &Tree) -> Vec<Isomorphism> {
    let sources: Vec<u8> = from.nodes().map(|(slot, _)| slot).collect();
    let targets: Vec<u8> = to.nodes().map(|(slot, _)| slot).collect();
    if sources.len() != targets.len() {
        return vec![];
    }
    let mut out = Vec::new();
    for image in permutations(&targets) {
        let slot: BTreeMap<u8, u8> = sources.iter().copied().zip(image).collect();
        if sources
            .iter()
            .any(|v| from.fragment(*v) != to.fragment(slot[v]))
        {
            continue;
        }
        let stems: BTreeMap<u8, Vec<Vec<u8>>> = sources
            .iter()
            .map(|&v| {
                let fits = |g: &Vec<u8>| {
                    sources.iter().all(|&u| {
                        let here = end(from, v, u).map(|stem| stem.map(|s| g[usize::from(s)]));
                        here == end(to, slot[&v], slot[&u])
                    })
                };
                (
                    v,
                    group(from.fragment(v).unwrap())
                        .into_iter()
                        .filter(fits)
                        .collect(),
                )
            })
            .collect();
        if stems.values().all(|list| !list.is_empty()) {
            out.push(Isomorphism { slot, stems });
        }
    }
    out
}

/// Every labelled action, by the masks of the environment's definition, on one fixed empty slot.
pub fn labelled_actions(env: &Fragments, state: &Tree) -> Vec<Action> {
    let stems = |slot: u8| {
        env.vocabulary()
            .num_stems(state.fragment(slot).unwrap().into())
    };
    let slots: Vec<u8> = state.nodes().map(|(slot, _)| slot).collect();
    let mut out = Vec::new();
    if slots.len() < env.max_nodes() {
        let slot = state.free_slot().unwrap();
        let hosts = if slots.is_empty() {
            vec![None]
        } else {
            slots
                .iter()
                .filter(|v| state.degree(**v) < stems(**v))
                .map(|v| Some(*v))
                .collect()
        };
        for host in hosts {
            out.extend(
                (0..env.vocabulary().len() as u16).map(|fragment| Action::AddNode {
                    host,
                    fragment,
                    slot,
                }),
            );
        }
    }
    for &node in &slots {
        let used: Vec<u8> = slots
            .iter()
            .filter_map(|u| end(state, node, *u).flatten())
            .collect();
        for &neighbour in slots.iter().filter(|u| end(state, node, **u) == Some(None)) {
            let free = (0..stems(node) as u8).filter(|s| !used.contains(s));
            out.extend(free.map(|stem| Action::SetStem {
                node,
                neighbour,
                stem,
            }));
        }
    }
    out
}

/// Every labelled way back.
pub fn labelled_parents(state: &Tree) -> Vec<Action> {
    let mut out = Vec::new();
    for (slot, fragment) in state.nodes() {
        let edges: Vec<&Edge> = state
            .edges()
            .iter()
            .filter(|e| e.a == slot || e.b == slot)
            .collect();
        match edges[..] {
            [] => out.push(Action::AddNode {
                host: None,
                fragment,
                slot,
            }),
            [e] if e.stem_a.is_none() && e.stem_b.is_none() => {
                let host = Some(if e.a == slot { e.b } else { e.a });
                out.push(Action::AddNode {
                    host,
                    fragment,
                    slot,
                });
            }
            _ => {}
        }
    }
    for e in state.edges() {
        for (node, neighbour, stem) in [(e.a, e.b, e.stem_a), (e.b, e.a, e.stem_b)] {
            out.extend(stem.map(|stem| Action::SetStem {
                node,
                neighbour,
                stem,
            }));
        }
    }
    out
}

/// Where an automorphism takes an action; `removal` for actions that led here.
pub fn images(map: &Isomorphism, action: Action, removal: bool) -> Vec<Action> {
    match action {
        Action::AddNode {
            host,
            fragment,
            slot,
        } => vec![Action::AddNode {
            host: host.map(|h| map.slot[&h]),
            fragment,
            slot: if removal { map.slot[&slot] } else { slot },
        }],
        Action::SetStem {
            node,
            neighbour,
            stem,
        } => map.stems[&node]
            .iter()
            .map(|g| Action::SetStem {
                node: map.slot[&node],
                neighbour: map.slot[&neighbour],
                stem: g[usize::from(stem)],
            })
            .collect(),
    }
}

/// Orbits of `labelled` under all automorphisms of `state`, each as the set of its members.
pub fn orbits(state: &Tree, labelled: &[Action], removal: bool) -> BTreeSet<BTreeSet<Action>> {
    let automorphisms = isomorphisms(state, state);
    labelled
        .iter()
        .map(|&action| {
            automorphisms
                .iter()
                .flat_map(|map| images(map, action, removal))
                .collect()
        })
        .collect()
}

/// Each orbit has one listed member, and every member is told which.
pub fn check_against(
    orbits: &BTreeSet<BTreeSet<Action>>,
    listed: &[Action],
    name: impl Fn(Action) -> Action,
    state: &Tree,
) {
    assert_eq!(
        orbits.len(),
        listed.len(),
        "{state:?}\n{orbits:?}\n{listed:?}"
    );
    for orbit in orbits {
        let members: Vec<Action> = listed
            .iter()
            .copied()
            .filter(|a| orbit.contains(a))
            .collect();
        assert_eq!(members.len(), 1, "{state:?}\n{orbit:?}\n{listed:?}");
        for &action in orbit {
            assert_eq!(name(action), members[0], "{state:?} {action:?}");
        }
    }
}

/// The same tree in other slots, stems moved by symmetries of the fragments.
pub fn relabel(tree: &Tree, stream: &mut Stream) -> Tree {
    let mut slots: Vec<u8> = (0..MAX_NODES as u8).collect();
    for i in 0..slots.len() {
        slots.swap(i, stream.random_range(i..MAX_NODES));
    }
    let moves: BTreeMap<u8, Vec<u8>> = tree
        .nodes()
        .map(|(slot, fragment)| {
            let all = group(fragment);
            (slot, all[stream.random_range(0..all.len())].clone())
        })
        .collect();
    let stem = |slot: u8, stem: Option<u8>| stem.map(|s| moves[&slot][usize::from(s)]);
    let nodes: Vec<(u8, u16)> = tree
        .nodes()
        .map(|(slot, f)| (slots[usize::from(slot)], f))
        .collect();
    let edges: Vec<Edge> = tree
        .edges()
        .iter()
        .map(|e| Edge {
            a: slots[usize::from(e.a)],
            b: slots[usize::from(e.b)],
            stem_a: stem(e.a, e.stem_a),
            stem_b: stem(e.b, e.stem_b),
        })
        .collect();
    Tree::from_parts(&nodes, &edges).unwrap()
}

/// Colours of the nodes of a graph after as many rounds of refinement as it has nodes: exact on trees.
pub fn colours(graph: &Graph) -> Vec<String> {
    let mut colour: Vec<String> = graph.nodes.iter().map(|f| format!("{f:?}")).collect();
    for _ in 0..graph.nodes.len() {
        let next: Vec<String> = (0..colour.len())
            .map(|v| {
                let mut around: Vec<String> = graph
                    .edges
                    .iter()
                    .filter(|(_, to, _)| *to == v)
                    .map(|(from, _, f)| format!("{f:?}{}", colour[*from]))
                    .collect();
                around.sort();
                format!("{}{around:?}", colour[v])
            })
            .collect();
        // Ranks keep the names short; both graphs are coloured together.
        let names: BTreeSet<String> = next.iter().cloned().collect();
        let names: Vec<String> = names.into_iter().collect();
        colour = next
            .iter()
            .map(|c| names.binary_search(c).unwrap().to_string())
            .collect();
    }
    colour
}

/// For each move the part of the graph that scores it, as a colour.
pub fn scored(graph: &Graph, slots: &[GraphSlot], first: usize, colour: &[String]) -> Vec<String> {
    let mut out: Vec<String> = slots
        .iter()
        .map(|slot| match *slot {
            GraphSlot::Node { node, action } => format!("node {} {action}", colour[first + node]),
            GraphSlot::Edge { edge, action } => {
                let (from, to, features) = &graph.edges[edge];
                format!(
                    "edge {} {} {features:?} {action}",
                    colour[first + from],
                    colour[first + to]
                )
            }
        })
        .collect();
    out.sort();
    out
}
