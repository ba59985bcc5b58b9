//! Which bonds of a ligand turn, and the tree of rigid groups that they join.

use std::collections::BTreeMap;

use anabranch_chem::{BondOrder, MolecularGraph};

use super::atom_types::Neighbours;

/// Rigid groups joined by the bonds that turn.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    /// `[groups]` atoms, ascending.
    pub(super) members: Vec<Vec<usize>>,
    /// `[groups]` for each bond that leaves it: its own atom, the other atom and the other group.
    pub(super) bonds: Vec<Vec<(usize, usize, usize)>>,
}

/// The rigid groups of the atoms that are kept.
pub(super) fn groups(kept: &[bool], graph: &MolecularGraph, turning: &[bool]) -> Groups {
    let mut group = vec![usize::MAX; kept.len()];
    let mut stiff: Vec<Vec<usize>> = vec![Vec::new(); kept.len()];
    for (bond, turns) in graph.bonds.iter().zip(turning) {
        let [a, b] = bond.atoms;
        if kept[a] && kept[b] && !turns {
            stiff[a].push(b);
            stiff[b].push(a);
        }
    }
    let mut members: Vec<Vec<usize>> = Vec::new();
    for start in 0..kept.len() {
        if !kept[start] || group[start] != usize::MAX {
            continue;
        }
        let (mut todo, mut found) = (vec![start], Vec::new());
        group[start] = members.len();
        while let Some(atom) = todo.pop() {
            found.push(atom);
            for &next in &stiff[atom] {
                if group[next] == usize::MAX {
                    group[next] = members.len();
                    todo.push(next);
                }
            }
        }
        found.sort_unstable();
        members.push(found);
    }
    let mut bonds = vec![Vec::new(); members.len()];
    for (bond, turns) in graph.bonds.iter().zip(turning) {
        let [a, b] = bond.atoms;
        if *turns {
            bonds[group[a]].push((a, b, group[b]));
            bonds[group[b]].push((b, a, group[a]));
        }
    }
    for list in &mut bonds {
        list.sort_unstable();
    }
    Groups { members, bonds }
}

impl Groups {
    /// The group from which the largest branch is smallest, counted in atoms: what moves together stays small.
    pub(super) fn root(&self) -> usize {
        let largest = |root: usize| {
            let branches = self.bonds[root].iter();
            branches
                .map(|&(_, _, to)| self.weight(to, root))
                .max()
                .unwrap_or(0)
        };
        (0..self.members.len())
            .min_by_key(|&g| largest(g))
            .unwrap_or(0)
    }

    /// Atoms of the branch that begins with a group, seen from another.
    fn weight(&self, start: usize, from: usize) -> usize {
        let (mut todo, mut sum) = (vec![(start, from)], 0);
        while let Some((group, from)) = todo.pop() {
            sum += self.members[group].len();
            let next = self.bonds[group].iter().map(|&(_, _, to)| to);
            todo.extend(next.filter(|to| *to != from).map(|to| (to, group)));
        }
        sum
    }
}

/// `[bonds]` which ones turn: single bonds outside rings with something off their axis at both ends, save
/// those of amides and their like. The nitrogen of an amide with two different substituents turns, since it
/// has two forms. Beside a triple bond nothing turns; the triple bond does in their place.
pub(super) fn turning(
    kept: &[bool],
    graph: &MolecularGraph,
    neighbours: &Neighbours,
    in_ring: &[bool],
) -> Vec<bool> {
    let classes = classes(graph, neighbours);
    let triple = |atom: usize| {
        let mut orders = neighbours[atom].iter();
        orders.any(|(_, order)| *order == BondOrder::Triple)
    };
    // Whether more than the bond itself hangs on this end.
    let branches = |atom: usize, other: usize| {
        let mut around = neighbours[atom].iter();
        around.any(|&(next, _)| next != other && kept[next])
    };
    let bonds = graph.bonds.iter().zip(in_ring);
    bonds
        .map(|(bond, ring)| {
            let [a, b] = bond.atoms;
            if *ring || !kept[a] || !kept[b] {
                return false;
            }
            match bond.order {
                BondOrder::Single => {
                    branches(a, b)
                        && branches(b, a)
                        && !triple(a)
                        && !triple(b)
                        && !is_stiff_amide(graph, neighbours, &classes, a, b)
                        && !is_stiff_amide(graph, neighbours, &classes, b, a)
                }
                BondOrder::Triple => {
                    let off_axis = |atom: usize, other: usize| {
                        let mut around = neighbours[atom].iter();
                        around.any(|&(next, _)| next != other && kept[next] && branches(next, atom))
                    };
                    off_axis(a, b) && off_axis(b, a)
                }
                _ => false,
            }
        })
        .collect()
}

/// Whether a single bond is that of an amide, amidine or thioamide whose nitrogen is given, and does not turn.
fn is_stiff_amide(
    graph: &MolecularGraph,
    neighbours: &Neighbours,
    classes: &[usize],
    nitrogen: usize,
    carbon: usize,
) -> bool {
    let (n, c) = (&graph.atoms[nitrogen], &graph.atoms[carbon]);
    let aliphatic =
        |atom: &anabranch_chem::Atom, number| atom.atomic_number == number && !atom.aromatic;
    let conjugated = aliphatic(n, 7)
        && aliphatic(c, 6)
        && neighbours[nitrogen].len() == 3
        && neighbours[carbon].len() == 3
        && neighbours[carbon].iter().any(|&(other, order)| {
            let other = &graph.atoms[other];
            order == BondOrder::Double
                && matches!(other.atomic_number, 7 | 8 | 16)
                && !other.aromatic
        });
    if !conjugated {
        return false;
    }
    let rest = neighbours[nitrogen].iter().map(|&(other, _)| other);
    let rest: Vec<usize> = rest.filter(|other| *other != carbon).collect();
    let hydrogen = rest
        .iter()
        .any(|&other| graph.atoms[other].atomic_number == 1);
    hydrogen || rest.iter().all(|&other| classes[other] == classes[rest[0]])
}

/// `[atoms]` classes of atoms that look alike from every distance, by refinement of colours.
fn classes(graph: &MolecularGraph, neighbours: &Neighbours) -> Vec<usize> {
    let first = graph.atoms.iter().map(|atom| {
        (
            usize::from(atom.atomic_number),
            atom.formal_charge,
            atom.aromatic,
            Vec::new(),
        )
    });
    let mut colours = ranks(first.collect());
    loop {
        let next = (0..colours.len()).map(|atom| {
            let around = neighbours[atom].iter();
            let mut around: Vec<(usize, u8)> = around
                .map(|&(other, order)| (colours[other], order as u8))
                .collect();
            around.sort_unstable();
            (colours[atom], 0, false, around)
        });
        let refined = ranks(next.collect());
        if count(&refined) == count(&colours) {
            return refined;
        }
        colours = refined;
    }
}

fn count(colours: &[usize]) -> usize {
    colours.iter().max().map_or(0, |largest| largest + 1)
}

type Colour = (usize, i8, bool, Vec<(usize, u8)>);

fn ranks(colours: Vec<Colour>) -> Vec<usize> {
    let mut ranks: BTreeMap<&Colour, usize> = colours.iter().map(|colour| (colour, 0)).collect();
    for (rank, (_, place)) in ranks.iter_mut().enumerate() {
        *place = rank;
    }
    colours.iter().map(|colour| ranks[colour]).collect()
}
