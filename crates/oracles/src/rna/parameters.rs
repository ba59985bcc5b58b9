//! The measured energies, read from the file that is compiled in.

use std::sync::OnceLock;

/// Written by `data/pack_turner2004.py`, which describes the format.
const FILE: &str = include_str!("../../data/turner2004.txt");

/// Kinds of pairs: CG, GC, GU, UG, AU, UA.
pub(super) const PAIRS: usize = 6;
/// Kinds of bases: A, C, G, U.
pub(super) const BASES: usize = 4;

/// Energies in units of 0.01 kcal/mol at 37 °C. The last index of a table runs fastest.
#[derive(Debug)]
pub(super) struct Parameters {
    /// `[pair, pair]` two pairs on each other; the second as seen from inside the loop.
    pub(super) stack: Vec<i32>,
    /// `[30]` a bulge of one base, of two, ...
    pub(super) bulge: Vec<i32>,
    /// `[29]` an interior loop of two bases, of three, ...
    pub(super) interior: Vec<i32>,
    /// For each base more on one side of an interior loop, and the most this can come to.
    pub(super) asymmetry: [i32; 2],
    /// Start of a duplex.
    pub(super) start: i32,
    /// A helix that ends in AU, UA, GU or UG.
    pub(super) weak_end: i32,
    /// `[pair, 3' neighbour, 5' neighbour]` unpaired bases on a pair that closes an interior loop.
    pub(super) mismatch_interior: Vec<i32>,
    /// The same in loops of one base on one side and three or more on the other.
    pub(super) mismatch_interior_1n: Vec<i32>,
    /// The same in loops of two and three bases.
    pub(super) mismatch_interior_23: Vec<i32>,
    /// `[pair, 5' neighbour, 3' neighbour]` unpaired bases on both sides of a helix's end.
    pub(super) mismatch_exterior: Vec<i32>,
    /// `[pair, base]` one unpaired base before the first of the pair.
    pub(super) dangle5: Vec<i32>,
    /// `[pair, base]` one unpaired base after the second of the pair.
    pub(super) dangle3: Vec<i32>,
    /// `[pair, pair, base, base]` interior loops of one and one base.
    pub(super) interior_1x1: Vec<i32>,
    /// `[pair, pair, base, base, base]` of one and two.
    pub(super) interior_1x2: Vec<i32>,
    /// `[pair, pair, base, base, base, base]` of two and two.
    pub(super) interior_2x2: Vec<i32>,
}

impl Parameters {
    /// The figures of Turner 2004.
    pub(super) fn turner2004() -> &'static Self {
        static PARAMETERS: OnceLock<Parameters> = OnceLock::new();
        PARAMETERS.get_or_init(|| {
            let mut lines = FILE.lines().peekable();
            let mut table = |name: &str, sizes: &[usize]| -> Vec<i32> {
                let head = lines.next().expect("the file has every table");
                let mut words = head.split_whitespace();
                assert_eq!(words.next(), Some(name), "tables stand in this order");
                let found: Vec<usize> = words.filter_map(|word| word.parse().ok()).collect();
                assert_eq!(found, sizes, "sizes of {name}");
                let mut figures = Vec::with_capacity(sizes.iter().product());
                while let Some(line) =
                    lines.next_if(|line| !line.starts_with(|c: char| c.is_ascii_alphabetic()))
                {
                    figures.extend(
                        line.split_whitespace()
                            .map(|word| word.parse::<i32>().expect("figures are whole numbers")),
                    );
                }
                assert_eq!(figures.len(), figures.capacity(), "figures of {name}");
                figures
            };
            let neighbours = [PAIRS, BASES, BASES];
            let favourable = |figures: Vec<i32>| figures.into_iter().map(|e| e.min(0)).collect();
            let stack = table("stack", &[PAIRS, PAIRS]);
            let bulge = table("bulge", &[30]);
            let interior = table("interior", &[29]);
            let asymmetry = table("asymmetry", &[2]);
            let duplex = table("duplex", &[2]);
            Self {
                stack,
                bulge,
                interior,
                asymmetry: [asymmetry[0], asymmetry[1]],
                start: duplex[0],
                weak_end: duplex[1],
                mismatch_interior: table("mismatch_interior", &neighbours),
                mismatch_interior_1n: table("mismatch_interior_1n", &neighbours),
                mismatch_interior_23: table("mismatch_interior_23", &neighbours),
                // Bases beside a helix may as well not touch it, so none of these can do harm.
                mismatch_exterior: favourable(table("mismatch_exterior", &neighbours)),
                dangle5: favourable(table("dangle5", &[PAIRS, BASES])),
                dangle3: favourable(table("dangle3", &[PAIRS, BASES])),
                interior_1x1: table("interior_1x1", &[PAIRS, PAIRS, BASES, BASES]),
                interior_1x2: table("interior_1x2", &[PAIRS, PAIRS, BASES, BASES, BASES]),
                interior_2x2: table("interior_2x2", &[PAIRS, PAIRS, BASES, BASES, BASES, BASES]),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same loop read along the other strand has the same energy.
    #[test]
    fn tables_are_symmetric() {
        let p = Parameters::turner2004();
        let pairs = || (0..PAIRS).flat_map(|a| (0..PAIRS).map(move |b| (a, b)));
        for (a, b) in pairs() {
            assert_eq!(p.stack[a * PAIRS + b], p.stack[b * PAIRS + a]);
            for x in 0..BASES {
                for y in 0..BASES {
                    let one = |a, b, x, y| p.interior_1x1[((a * PAIRS + b) * 4 + x) * 4 + y];
                    assert_eq!(one(a, b, x, y), one(b, a, y, x));
                    for s in 0..BASES {
                        for t in 0..BASES {
                            let two = |a, b, x: usize, s: usize, t: usize, y: usize| {
                                p.interior_2x2[(a * PAIRS + b) * 256 + x * 64 + s * 16 + t * 4 + y]
                            };
                            assert_eq!(two(a, b, x, s, t, y), two(b, a, t, y, x, s));
                        }
                    }
                }
            }
        }
    }
}
