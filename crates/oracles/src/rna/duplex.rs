//! The least energy of all duplexes of two strands.

use pulp::{Arch, Simd, WithSimd};

use super::energy::{Loop, MAX_LOOP, Pair, beside, end_energy, end_of_pair, interior_energy};
use super::parameters::Parameters;
use super::strand::{Base, Strand};
use super::window::{Columns, Costs, NEVER, Rows, least};

/// Loops whose energy hangs on more than their size and their closing pairs, as numbers of unpaired
/// bases on the first strand and on the second.
const SMALL: [[usize; 2]; 9] = [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
    [1, 2],
    [2, 1],
    [2, 2],
    [2, 3],
    [3, 2],
];

/// The least free energy of a duplex of the two strands, kcal/mol at 37 °C; none where no two bases
/// pair. It is that of a duplex: a strand by itself would have 0, and a weak pair is above that.
///
/// ```
/// use anabranch_oracles::rna::{Strand, duplex_energy};
///
/// let strand = |text| Strand::from_text(text);
/// assert_eq!(duplex_energy(&strand("G")?, &strand("C")?), Some(4.1));
/// assert_eq!(duplex_energy(&strand("AAA")?, &strand("CCC")?), None);
/// # Ok::<(), anabranch_oracles::rna::RnaError>(())
/// ```
///
/// # Complexity
/// Of the order of n m L² additions for lengths n, m and loops up to L = 30 bases, some sixteen at
/// once; memory grows as the length of the second strand.
#[must_use]
pub fn duplex_energy(a: &Strand, b: &Strand) -> Option<f64> {
    let least = Arch::new().dispatch(Fill {
        parameters: Parameters::turner2004(),
        costs: Costs::turner2004(),
        a: a.bases(),
        b: &b.bases().iter().rev().copied().collect::<Vec<Base>>(),
    });
    (least < NEVER).then(|| f64::from(least) / 100.0)
}

/// The recursion over pairs: the best duplex that ends with a pair of base i and base j either begins
/// there or goes on from another pair across one loop.
///
/// Energies are whole numbers of 0.01 kcal/mol, which f32 holds exactly up to 2^24: more than 40,000
/// stacks of the strongest kind.
struct Fill<'a> {
    parameters: &'a Parameters,
    costs: &'a Costs,
    /// The first strand from its 5' end.
    a: &'a [Base],
    /// The second strand from its 3' end.
    b: &'a [Base],
}

impl WithSimd for Fill<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        match S::F32_LANES {
            16 => self.run::<S, 1>(simd),
            8 => self.run::<S, 2>(simd),
            4 => self.run::<S, 4>(simd),
            1 => self.run::<S, 16>(simd),
            lanes => unreachable!("vectors of {lanes} numbers"),
        }
    }
}

impl Fill<'_> {
    /// The least energy of all, in units of 0.01 kcal/mol.
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) -> f32 {
        let Self {
            parameters: p,
            costs,
            a,
            b,
        } = self;
        let m = b.len();
        // The best duplex up to each pair, and the same with what the pair adds to a loop that
        // begins there: one table for each kind of loop.
        let mut best = Rows::new(m);
        let (mut generic, mut one_n) = (Rows::new(m), Rows::new(m));
        let mut bulge = Rows::new(m);
        let (mut one_n_down, mut bulge_down) = (Columns::new(m), Columns::new(m));
        let mut least_of_all = NEVER;
        for i in 0..a.len() {
            for j in 0..m {
                let Some(pair) = Pair::of(a[i], b[j]) else {
                    for rows in [&mut best, &mut generic, &mut one_n, &mut bulge] {
                        rows.set(i, j, NEVER);
                    }
                    one_n_down.set(i, j, NEVER);
                    bulge_down.set(i, j, NEVER);
                    continue;
                };
                let inside = pair.reversed();
                let before = i.checked_sub(1).map(|at| a[at]);
                let after = j.checked_sub(1).map(|at| b[at]);
                let mut energy = (p.start + end_energy(p, pair, before, after)) as f32;
                if let (Some(before), Some(after)) = (before, after) {
                    for unpaired @ [n1, n2] in SMALL {
                        if i <= n1 || j <= n2 {
                            continue;
                        }
                        let (k, l) = (i - n1 - 1, j - n2 - 1);
                        let up_to = best.get(k, l);
                        let Some(first) = Pair::of(a[k], b[l]) else {
                            continue;
                        };
                        let between = Loop {
                            first,
                            second: inside,
                            unpaired,
                            after_first: a[k + 1],
                            before_first: b[l + 1],
                            before_second: before,
                            after_second: after,
                        };
                        energy = energy.min(up_to + interior_energy(p, &between) as f32);
                    }
                    let mismatch = beside(inside, after, before);

                    let mut sums = [simd.splat_f32s(NEVER); V];
                    for n1 in 2..=i.saturating_sub(1).min(MAX_LOOP - 2) {
                        let [far, near] = generic.window(i - 1 - n1, j);
                        let [far_costs, near_costs] = &costs.generic[n1];
                        if n1 < 15 {
                            sums = least::<S, V>(simd, sums, far, far_costs);
                        }
                        sums = least::<S, V>(simd, sums, near, near_costs);
                    }
                    energy = energy
                        .min(reduce::<S, V>(simd, sums) + p.mismatch_interior[mismatch] as f32);

                    let mut sums = [simd.splat_f32s(NEVER); V];
                    if i > 1 {
                        let [far, near] = one_n.window(i - 2, j);
                        sums = least::<S, V>(simd, sums, far, &costs.one_n[0]);
                        sums = least::<S, V>(simd, sums, near, &costs.one_n[1]);
                    }
                    if j > 1 {
                        let [far, near] = one_n_down.window(i, j - 2);
                        sums = least::<S, V>(simd, sums, far, &costs.one_n[0]);
                        sums = least::<S, V>(simd, sums, near, &costs.one_n[1]);
                    }
                    energy = energy
                        .min(reduce::<S, V>(simd, sums) + p.mismatch_interior_1n[mismatch] as f32);

                    let mut sums = [simd.splat_f32s(NEVER); V];
                    for [far, near] in [bulge.window(i - 1, j), bulge_down.window(i, j - 1)] {
                        sums = least::<S, V>(simd, sums, far, &costs.bulge[0]);
                        sums = least::<S, V>(simd, sums, near, &costs.bulge[1]);
                    }
                    energy = energy.min(reduce::<S, V>(simd, sums) + end_of_pair(p, inside) as f32);
                }
                best.set(i, j, energy);
                let bulged = energy + end_of_pair(p, pair) as f32;
                bulge.set(i, j, bulged);
                bulge_down.set(i, j, bulged);
                let next = (a.get(i + 1).copied(), b.get(j + 1).copied());
                if let (Some(x), Some(y)) = next {
                    let mismatch = beside(pair, x, y);
                    generic.set(i, j, energy + p.mismatch_interior[mismatch] as f32);
                    let one = energy + p.mismatch_interior_1n[mismatch] as f32;
                    one_n.set(i, j, one);
                    one_n_down.set(i, j, one);
                } else {
                    generic.set(i, j, NEVER);
                    one_n.set(i, j, NEVER);
                    one_n_down.set(i, j, NEVER);
                }
                let whole = energy + end_energy(p, inside, next.1, next.0) as f32;
                least_of_all = least_of_all.min(whole);
            }
        }
        least_of_all
    }
}

/// The least number of `V` vectors.
#[inline(always)]
fn reduce<S: Simd, const V: usize>(simd: S, sums: [S::f32s; V]) -> f32 {
    let mut all = sums[0];
    for sum in &sums[1..] {
        all = simd.min_f32s(all, *sum);
    }
    simd.reduce_min_f32s(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_core::Seed;
    use rand::RngExt;

    /// The recursion as it is defined: every pair from every earlier pair across every loop.
    fn plain(a: &Strand, b: &Strand) -> Option<f64> {
        let p = Parameters::turner2004();
        let (a, b) = (a.bases(), b.bases());
        let mut best = vec![vec![None; b.len()]; a.len()];
        let mut least: Option<i32> = None;
        for i in 0..a.len() {
            for j in (0..b.len()).rev() {
                let Some(pair) = Pair::of(a[i], b[j]) else {
                    continue;
                };
                let (before, after) = (i.checked_sub(1).map(|at| a[at]), b.get(j + 1).copied());
                let mut energy = p.start + end_energy(p, pair, before, after);
                for k in 0..i {
                    for l in j + 1..b.len() {
                        let unpaired = [i - k - 1, l - j - 1];
                        if unpaired[0] + unpaired[1] > MAX_LOOP {
                            continue;
                        }
                        if let (Some(up_to), Some(first)) = (best[k][l], Pair::of(a[k], b[l])) {
                            let between = Loop {
                                first,
                                second: pair.reversed(),
                                unpaired,
                                after_first: a[k + 1],
                                before_first: b[l - 1],
                                before_second: a[i - 1],
                                after_second: b[j + 1],
                            };
                            energy = energy.min(up_to + interior_energy(p, &between));
                        }
                    }
                }
                best[i][j] = Some(energy);
                let (before, after) = (j.checked_sub(1).map(|at| b[at]), a.get(i + 1).copied());
                let whole = energy + end_energy(p, pair.reversed(), before, after);
                least = Some(least.map_or(whole, |least| least.min(whole)));
            }
        }
        least.map(|energy| f64::from(energy) / 100.0)
    }

    #[test]
    fn windows_find_what_the_plain_recursion_finds() {
        let mut rng = Seed::new(7).stream("strands", &[]);
        let mut loops = 0;
        for _ in 0..150 {
            // Few pairs make long loops.
            let letters: &[Base] = match rng.random_range(0..3) {
                0 => &Base::ALL,
                1 => &[Base::A, Base::A, Base::A, Base::G, Base::C],
                _ => &[Base::G, Base::C],
            };
            let mut strand = || {
                let bases = rng.random_range(1..70);
                let all = (0..bases).map(|_| letters[rng.random_range(0..letters.len())]);
                Strand::new(all.collect()).unwrap()
            };
            let (a, b) = (strand(), strand());
            assert_eq!(duplex_energy(&a, &b), plain(&a, &b), "{a} {b}");
            assert_eq!(duplex_energy(&a, &b), duplex_energy(&b, &a), "{a} {b}");
            loops += usize::from(plain(&a, &b).is_some_and(|energy| energy < 0.0));
        }
        assert!(loops > 50, "{loops}");
    }
}
