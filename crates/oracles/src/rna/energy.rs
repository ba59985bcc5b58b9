//! The nearest-neighbour model: what one loop costs, in units of 0.01 kcal/mol at 37 °C.

use super::parameters::{BASES, PAIRS, Parameters};
use super::strand::Base;

/// Most unpaired bases of an interior loop or a bulge, both strands together; as ViennaRNA has it.
/// The tables end there, so no loop is extrapolated.
pub(super) const MAX_LOOP: usize = 30;

/// A pair that forms; its index in the tables. Read from the other strand, the index changes in its
/// lowest bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair(u8);

impl Pair {
    /// The pair of `a` on the first strand with `b` on the second, if there is such a one.
    #[inline(always)]
    pub(super) fn of(a: Base, b: Base) -> Option<Self> {
        const NONE: u8 = u8::MAX;
        const INDEX: [u8; 16] = [
            NONE, NONE, NONE, 4, // A with A, C, G, U
            NONE, NONE, 0, NONE, // C
            NONE, 1, NONE, 2, // G
            5, NONE, 3, NONE, // U
        ];
        let index = INDEX[a as usize * BASES + b as usize];
        (index != NONE).then_some(Self(index))
    }

    /// The same pair read from the second strand.
    #[inline(always)]
    pub(super) fn reversed(self) -> Self {
        Self(self.0 ^ 1)
    }

    #[inline(always)]
    fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Whether it has two hydrogen bonds, or is a wobble pair.
    #[inline(always)]
    fn weak(self) -> bool {
        self.0 > 1
    }
}

/// Two pairs, and the unpaired bases between them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loop {
    /// The pair that comes first on the first strand.
    pub(super) first: Pair,
    /// The other pair, read from the second strand: both are seen from inside the loop.
    pub(super) second: Pair,
    /// Unpaired bases on the first strand and on the second.
    pub(super) unpaired: [usize; 2],
    /// What follows the first pair on the first strand.
    pub(super) after_first: Base,
    /// What stands before its partner on the second strand.
    pub(super) before_first: Base,
    /// What stands before the second pair on the first strand.
    pub(super) before_second: Base,
    /// What follows its partner on the second strand.
    pub(super) after_second: Base,
}

#[inline(always)]
fn two(a: Pair, b: Pair) -> usize {
    a.index() * PAIRS + b.index()
}

#[inline(always)]
pub(super) fn beside(pair: Pair, x: Base, y: Base) -> usize {
    (pair.index() * BASES + x as usize) * BASES + y as usize
}

/// Energy of a stack of two pairs, a bulge or an interior loop of at most [`MAX_LOOP`] bases.
#[inline(always)]
pub(super) fn interior_energy(p: &Parameters, at: &Loop) -> i32 {
    let (first, second) = (at.first, at.second);
    let [n1, n2] = at.unpaired;
    let (few, many) = (n1.min(n2), n1.max(n2));
    let (x, y) = (at.after_first as usize, at.before_first as usize);
    let (s, t) = (at.before_second as usize, at.after_second as usize);
    let mismatches = |table: &[i32]| {
        table[beside(first, at.after_first, at.before_first)]
            + table[beside(second, at.after_second, at.before_second)]
    };
    match (few, many) {
        (0, 0) => p.stack[two(first, second)],
        // A bulge of one base leaves the pairs beside it stacked.
        (0, 1) => p.bulge[0] + p.stack[two(first, second)],
        (0, _) => p.bulge[many - 1] + end_of_pair(p, first) + end_of_pair(p, second),
        (1, 1) => p.interior_1x1[(two(first, second) * BASES + x) * BASES + y],
        (1, 2) if n1 == 1 => {
            p.interior_1x2[((two(first, second) * BASES + x) * BASES + t) * BASES + y]
        }
        (1, 2) => p.interior_1x2[((two(second, first) * BASES + t) * BASES + x) * BASES + s],
        (1, _) => of_size(p, few, many) + mismatches(&p.mismatch_interior_1n),
        (2, 2) => {
            p.interior_2x2[(((two(first, second) * BASES + x) * BASES + s) * BASES + t) * BASES + y]
        }
        (2, 3) => of_size(p, few, many) + mismatches(&p.mismatch_interior_23),
        _ => of_size(p, few, many) + mismatches(&p.mismatch_interior),
    }
}

/// What the sizes of an interior loop cost: all of it, and that its sides differ.
#[inline(always)]
pub(super) fn of_size(p: &Parameters, few: usize, many: usize) -> i32 {
    let [step, most] = p.asymmetry;
    p.interior[few + many - 2] + most.min((many - few) as i32 * step)
}

/// What a pair costs at which a helix ends without a base stacking on it.
#[inline(always)]
pub(super) fn end_of_pair(p: &Parameters, pair: Pair) -> i32 {
    if pair.weak() { p.weak_end } else { 0 }
}

/// Energy of a pair that ends a duplex: `before` stands before its first base, `after` follows the
/// second, where the strands go on. Both are taken to stack on it (`-d2` in ViennaRNA).
#[inline(always)]
pub(super) fn end_energy(
    p: &Parameters,
    pair: Pair,
    before: Option<Base>,
    after: Option<Base>,
) -> i32 {
    let stacked = match (before, after) {
        (Some(before), Some(after)) => p.mismatch_exterior[beside(pair, before, after)],
        (Some(before), None) => p.dangle5[pair.index() * BASES + before as usize],
        (None, Some(after)) => p.dangle3[pair.index() * BASES + after as usize],
        (None, None) => 0,
    };
    stacked + end_of_pair(p, pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_the_same_from_both_strands() {
        let p = Parameters::turner2004();
        let pairs: Vec<Pair> = Base::ALL
            .iter()
            .flat_map(|&a| Base::ALL.iter().filter_map(move |&b| Pair::of(a, b)))
            .collect();
        assert_eq!(pairs.len(), PAIRS);
        for (at, &first) in pairs.iter().enumerate() {
            for &second in &pairs[at..] {
                for n1 in 0..=6 {
                    for n2 in 0..=6 {
                        let [x, y, s, t] = [Base::A, Base::G, Base::U, Base::G];
                        let this = Loop {
                            first,
                            second,
                            unpaired: [n1, n2],
                            after_first: x,
                            before_first: y,
                            // One base stands at both ends.
                            before_second: if n1 == 1 { x } else { s },
                            after_second: if n2 == 1 { y } else { t },
                        };
                        let other = Loop {
                            first: second,
                            second: first,
                            unpaired: [n2, n1],
                            after_first: this.after_second,
                            before_first: this.before_second,
                            before_second: this.before_first,
                            after_second: this.after_first,
                        };
                        let here = interior_energy(p, &this);
                        assert_eq!(here, interior_energy(p, &other), "{this:?}");
                    }
                }
            }
        }
    }
}
