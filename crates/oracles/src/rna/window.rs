//! Energies of the pairs from which a loop can lead to a pair, side by side in memory, and the least
//! of them with what each loop costs.

use std::sync::OnceLock;

use pulp::Simd;

use super::energy::{MAX_LOOP, of_size};
use super::parameters::Parameters;

/// Half a window: one vector of AVX-512, two of AVX2, four of NEON.
const HALF: usize = 16;
/// Pairs a loop may lead from along one line; one more than the longest loop has, and one for whole
/// vectors.
const WINDOW: usize = 2 * HALF;
const _: () = assert!(WINDOW > MAX_LOOP);

/// No energy: far above all others, and what is added to it is lost.
pub(super) const NEVER: f32 = 1e9;

/// The farther and the nearer half of a window. Its last entry is the pair with no unpaired base
/// between, the one before has one, and so on.
pub(super) type Halves<T> = [T; 2];

/// `[rows, m]` numbers by (i, j) of which the last [`WINDOW`] rows are kept; windows go back along j.
pub(super) struct Rows {
    stride: usize,
    all: Vec<f32>,
}

impl Rows {
    pub(super) fn new(m: usize) -> Self {
        let stride = WINDOW + m;
        Self {
            stride,
            all: vec![NEVER; WINDOW * stride],
        }
    }

    #[inline(always)]
    pub(super) fn set(&mut self, i: usize, j: usize, energy: f32) {
        self.all[i % WINDOW * self.stride + WINDOW + j] = energy;
    }

    #[inline(always)]
    pub(super) fn get(&self, i: usize, j: usize) -> f32 {
        self.all[i % WINDOW * self.stride + WINDOW + j]
    }

    /// The entries of row `i` before `j`.
    #[inline(always)]
    pub(super) fn window(&self, i: usize, j: usize) -> Halves<&[f32; HALF]> {
        halves(&self.all[i % WINDOW * self.stride + j..][..WINDOW])
    }
}

/// The same numbers for windows that go back along i: each column is a ring that is written twice, so
/// that every window of it is in one piece.
pub(super) struct Columns {
    all: Vec<f32>,
}

impl Columns {
    pub(super) fn new(m: usize) -> Self {
        Self {
            all: vec![NEVER; 2 * WINDOW * m],
        }
    }

    #[inline(always)]
    pub(super) fn set(&mut self, i: usize, j: usize, energy: f32) {
        let ring = &mut self.all[2 * WINDOW * j..][..2 * WINDOW];
        ring[i % WINDOW] = energy;
        ring[i % WINDOW + WINDOW] = energy;
    }

    /// The entries of column `j` before `i`.
    #[inline(always)]
    pub(super) fn window(&self, i: usize, j: usize) -> Halves<&[f32; HALF]> {
        halves(&self.all[2 * WINDOW * j + i % WINDOW..][..WINDOW])
    }
}

#[inline(always)]
fn halves(window: &[f32]) -> Halves<&[f32; HALF]> {
    let (pieces, _) = window.as_chunks::<HALF>();
    [&pieces[0], &pieces[1]]
}

/// What loops cost by their sizes alone, in the order of windows; [`NEVER`] where a loop is of another
/// kind or too large.
pub(super) struct Costs {
    /// By unpaired bases on the first strand: interior loops of at least two bases on each side, 2x2
    /// and 2x3 left out.
    pub(super) generic: Vec<Halves<[f32; HALF]>>,
    /// One unpaired base on one strand, three or more along the window.
    pub(super) one_n: Halves<[f32; HALF]>,
    /// None on one strand, two or more along the window.
    pub(super) bulge: Halves<[f32; HALF]>,
}

impl Costs {
    pub(super) fn turner2004() -> &'static Self {
        static COSTS: OnceLock<Costs> = OnceLock::new();
        COSTS.get_or_init(|| {
            let p = Parameters::turner2004();
            let size = |n1: usize, n2: usize| of_size(p, n1.min(n2), n1.max(n2));
            Self {
                generic: (0..=MAX_LOOP)
                    .map(|n1| {
                        along(|n2| {
                            let small = n1.min(n2) < 2 || n1 + n2 < 6 && n1 != n2 || n1 + n2 < 5;
                            (!small && n1 + n2 <= MAX_LOOP).then(|| size(n1, n2))
                        })
                    })
                    .collect(),
                one_n: along(|n| (3..MAX_LOOP).contains(&n).then(|| size(1, n))),
                bulge: along(|n| (2..=MAX_LOOP).contains(&n).then(|| p.bulge[n - 1])),
            }
        })
    }
}

/// A window by the number of unpaired bases along it.
fn along(cost: impl Fn(usize) -> Option<i32>) -> Halves<[f32; HALF]> {
    let mut halves = [[NEVER; HALF]; 2];
    for (at, entry) in halves.as_flattened_mut().iter_mut().enumerate() {
        if let Some(cost) = cost(WINDOW - 1 - at) {
            *entry = cost as f32;
        }
    }
    halves
}

/// The lesser of `sums` and of energies with their costs; `V` vectors make up half a window.
#[inline(always)]
pub(super) fn least<S: Simd, const V: usize>(
    simd: S,
    mut sums: [S::f32s; V],
    energies: &[f32; HALF],
    costs: &[f32; HALF],
) -> [S::f32s; V] {
    let ((energies, _), (costs, _)) = (S::as_simd_f32s(energies), S::as_simd_f32s(costs));
    for v in 0..V {
        sums[v] = simd.min_f32s(sums[v], simd.add_f32s(energies[v], costs[v]));
    }
    sums
}
