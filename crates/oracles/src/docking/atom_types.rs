//! AutoDock's types of atoms.
//!
//! Types and rules are those of AutoDock 4 as Meeko (Forli laboratory, `data/params/ad4_types.json` of version
//! 0.8.0) states them: aromatic carbon A, other C; oxygen OA; nitrogen NA where it accepts hydrogen bonds, else
//! N (pyrrole, aniline, amide, triazene, ammonium); sulfur SA with two neighbours and not aromatic, else S;
//! hydrogen HD on N, O, F, P, S, and else merged into its atom.

use anabranch_chem::{BondOrder, MolecularGraph};

/// For each atom its neighbours and the bonds to them.
pub(super) type Neighbours = Vec<Vec<(usize, BondOrder)>>;

/// Who is bound to whom.
pub(super) fn neighbours(graph: &MolecularGraph) -> Neighbours {
    let mut all = vec![Vec::new(); graph.atoms.len()];
    for bond in &graph.bonds {
        let [a, b] = bond.atoms;
        all[a].push((b, bond.order));
        all[b].push((a, bond.order));
    }
    all
}

/// The type of an atom of a graph that has its hydrogens as atoms. `None` for a hydrogen that is merged; `Err`
/// for an element that Vina has no type for.
pub(super) fn atom_type(
    graph: &MolecularGraph,
    neighbours: &Neighbours,
    index: usize,
) -> Result<Option<&'static str>, ()> {
    let atom = &graph.atoms[index];
    let around = &neighbours[index];
    Ok(Some(match atom.atomic_number {
        1 => {
            let polar = |&(other, _): &(usize, BondOrder)| {
                matches!(graph.atoms[other].atomic_number, 7 | 8 | 9 | 15 | 16)
            };
            return Ok(around.iter().any(polar).then_some("HD"));
        }
        6 if atom.aromatic => "A",
        6 => "C",
        7 if is_plain_nitrogen(graph, neighbours, index) => "N",
        7 => "NA",
        8 => "OA",
        9 => "F",
        14 => "Si",
        15 => "P",
        16 if around.len() == 2 && !atom.aromatic => "SA",
        16 => "S",
        17 => "Cl",
        35 => "Br",
        53 => "I",
        _ => return Err(()),
    }))
}

/// Whether a nitrogen's lone pair is spoken for.
fn is_plain_nitrogen(graph: &MolecularGraph, neighbours: &Neighbours, index: usize) -> bool {
    let atom = &graph.atoms[index];
    if atom.formal_charge == 1 {
        return true;
    }
    let around = &neighbours[index];
    let three_single = around.len() == 3
        && atom.formal_charge == 0
        && around
            .iter()
            .all(|(_, order)| matches!(order, BondOrder::Single | BondOrder::Aromatic));
    three_single
        && around.iter().any(|&(other, _)| {
            let next = &graph.atoms[other];
            let doubly = || {
                let orders = neighbours[other].iter().map(|(_, order)| *order);
                orders.into_iter().any(|order| order == BondOrder::Double)
            };
            let degree = neighbours[other].len();
            next.aromatic
                || next.atomic_number == 6 && degree == 3 && next.formal_charge == 0 && doubly()
                || next.atomic_number == 7 && degree == 2 && doubly()
        })
}
