//! Subsets of N items, put together one item at a time.
//!
//! Bengio et al. 2023 (arXiv 2111.09266): with sizes from 0 to N every one of the 2^N states is an
//! object, reached along |s|! trajectories. With one size only, the usual set environment.

use anabranch_core::encode::VectorEncoded;
use anabranch_core::{Discrete, Enumerable, Environment, Reward, RewardError, Seed};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::EnvError;
use crate::counting::{binomial, finite, in_range};

/// Most items.
pub const MAX_ITEMS: usize = 64;

/// A subset: item i is in it where bit i is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subset(pub u64);

impl Subset {
    /// Number of items in the subset.
    pub fn len(&self) -> usize {
        self.0.count_ones() as usize
    }

    /// True for the empty set.
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// Whether `item` is in the subset.
    pub fn contains(&self, item: usize) -> bool {
        item < MAX_ITEMS && self.0 >> item & 1 == 1
    }

    /// The items, lowest first.
    pub fn items(&self) -> impl Iterator<Item = usize> + '_ {
        (0..MAX_ITEMS).filter(|&item| self.contains(item))
    }
}

/// Subsets of N items with at most `max_size` of them, complete from `min_size` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subsets {
    items: usize,
    min_size: usize,
    max_size: usize,
}

impl Subsets {
    /// Subsets of exactly `size` of `items` items.
    ///
    /// # Errors
    /// `items` outside 1 to [`MAX_ITEMS`], `size` outside 1 to `items`.
    pub fn exactly(items: usize, size: usize) -> Result<Self, EnvError> {
        Self::between(items, size, size)
    }

    /// Subsets of at most `max_size` of `items` items, the empty one included: all states are objects.
    ///
    /// # Errors
    /// `items` outside 1 to [`MAX_ITEMS`], `max_size` outside 1 to `items`.
    pub fn up_to(items: usize, max_size: usize) -> Result<Self, EnvError> {
        Self::between(items, 0, max_size)
    }

    /// Subsets of `min_size` to `max_size` of `items` items.
    ///
    /// # Errors
    /// `items` outside 1 to [`MAX_ITEMS`], `max_size` outside 1 to `items`, `min_size` above it.
    pub fn between(items: usize, min_size: usize, max_size: usize) -> Result<Self, EnvError> {
        in_range("items", items, 1..=MAX_ITEMS)?;
        in_range("size of a subset", max_size, 1..=items)?;
        in_range("least size of a subset", min_size, 0..=max_size)?;
        Ok(Self {
            items,
            min_size,
            max_size,
        })
    }

    /// Number of items N.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Fewest items of an object.
    pub fn min_size(&self) -> usize {
        self.min_size
    }

    /// Most items of an object.
    pub fn max_size(&self) -> usize {
        self.max_size
    }

    /// Number of states with fewer than `size` items; held at `usize::MAX`.
    fn smaller(&self, size: usize) -> usize {
        let counts = (0..size).map(|k| binomial(self.items, k));
        counts.fold(0, usize::saturating_add)
    }
}

impl Environment for Subsets {
    type State = Subset;
    /// The item that is put in.
    type Action = u8;

    fn source(&self) -> Subset {
        Subset(0)
    }

    fn can_stop(&self, state: &Subset) -> bool {
        state.len() >= self.min_size
    }

    fn step(&self, state: &mut Subset, action: u8) {
        debug_assert!(!state.contains(action.into()) && state.len() < self.max_size);
        state.0 |= 1 << action;
    }

    fn undo(&self, state: &mut Subset, action: u8) {
        debug_assert!(
            state.contains(action.into()),
            "{action} is not in {state:?}"
        );
        state.0 &= !(1 << action);
    }
}

impl Discrete for Subsets {
    fn actions(&self, state: &Subset, out: &mut Vec<u8>) {
        if state.len() < self.max_size {
            let free = (0..self.items).filter(|&item| !state.contains(item));
            out.extend(free.map(|item| item as u8));
        }
    }

    fn parents(&self, state: &Subset, out: &mut Vec<u8>) {
        out.extend(state.items().map(|item| item as u8));
    }
}

/// Smaller subsets first, those of one size as numbers.
/// [`num_states`](Enumerable::num_states) is held at `usize::MAX`.
impl Enumerable for Subsets {
    fn states(&self) -> Vec<Subset> {
        let mut out = vec![Subset(0)];
        for size in 1..=self.max_size {
            let mut set = u64::MAX >> (64 - size);
            for _ in 0..binomial(self.items, size) {
                out.push(Subset(set));
                // The next number with as many ones (Warren, Hacker's Delight, section 2-1).
                let lowest = set & set.wrapping_neg();
                let ripple = set.wrapping_add(lowest);
                let ones = ((set ^ ripple) >> 2) >> lowest.trailing_zeros();
                set = ripple | ones;
            }
        }
        out
    }

    fn index(&self, state: &Subset) -> usize {
        let ranks = (1..).zip(state.items()).map(|(k, item)| binomial(item, k));
        self.smaller(state.len()) + ranks.sum::<usize>()
    }

    fn num_states(&self) -> usize {
        self.smaller(self.max_size + 1)
    }
}

/// N features, "item i is in", and then the number of items, one-hot from 0 to `max_size`; action i puts
/// item i in.
impl VectorEncoded for Subsets {
    fn num_features(&self) -> usize {
        self.items + self.max_size + 1
    }

    fn features(&self, state: &Subset, mut set: impl FnMut(usize, f32)) {
        for item in state.items() {
            set(item, 1.0);
        }
        set(self.items + state.len(), 1.0);
    }

    fn num_actions(&self) -> usize {
        self.items
    }

    fn action_index(&self, action: u8) -> usize {
        action.into()
    }
}

/// log R(s) = -E(s) with E(s) = sum of h_i over the items i of s plus sum of J_ij over its pairs i < j,
/// in nats.
///
/// Any other energy is a closure:
///
/// ```
/// use anabranch_core::{Reward, reward::FromFn};
/// use anabranch_envs::set::Subset;
/// let reward = FromFn(|s: &Subset| -0.5 * s.len() as f64);
/// assert_eq!(reward.log_reward(&[Subset(0b101)])?, [-1.0]);
/// # Ok::<(), anabranch_core::RewardError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct QuadraticEnergy {
    /// `[N]`
    fields: Vec<f64>,
    /// `[N * N]` J_ij in row i, column j, of which those with i < j count.
    couplings: Vec<f64>,
}

impl QuadraticEnergy {
    /// The energy with the fields h `[N]` and the couplings J `[N * N]`, of which only those above the
    /// diagonal are used.
    ///
    /// # Errors
    /// More than [`MAX_ITEMS`] fields or none, the wrong number of couplings, or values that are not
    /// finite.
    pub fn new(fields: Vec<f64>, couplings: Vec<f64>) -> Result<Self, EnvError> {
        let items = fields.len();
        in_range("number of fields", items, 1..=MAX_ITEMS)?;
        in_range(
            "number of couplings",
            couplings.len(),
            items * items..=items * items,
        )?;
        fields.iter().try_for_each(|&h| finite("a field", h))?;
        couplings
            .iter()
            .try_for_each(|&j| finite("a coupling", j))?;
        Ok(Self { fields, couplings })
    }

    /// h_i from N(0, 1) and J_ij from N(0, 1/N), so that both parts of the energy of a full set have
    /// about the same spread.
    ///
    /// # Errors
    /// `items` outside 1 to [`MAX_ITEMS`].
    pub fn random(items: usize, seed: Seed) -> Result<Self, EnvError> {
        in_range("items", items, 1..=MAX_ITEMS)?;
        let mut stream = seed.stream("set_quadratic_energy", &[items as u64]);
        let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
        let fields = (0..items).map(|_| normal()).collect();
        let scale = 1.0 / (items as f64).sqrt();
        let couplings = (0..items * items).map(|_| scale * normal()).collect();
        Self::new(fields, couplings)
    }

    /// E(s) in nats; items past N add nothing.
    pub fn energy(&self, set: &Subset) -> f64 {
        let items = self.fields.len();
        let mut energy = 0.0;
        for j in set.items().take_while(|&j| j < items) {
            let below = set.items().take_while(|&i| i < j);
            let pairs = below.map(|i| self.couplings[i * items + j]);
            energy += self.fields[j] + pairs.sum::<f64>();
        }
        energy
    }
}

impl Reward<Subset> for QuadraticEnergy {
    fn log_reward(&self, objects: &[Subset]) -> Result<Vec<f64>, RewardError> {
        Ok(objects.iter().map(|set| -self.energy(set)).collect())
    }
}

#[cfg(test)]
mod tests {
    use anabranch_core::exact::{Dag, log_path_counts};

    use super::*;

    #[test]
    fn counts_and_places() {
        for (env, states, objects) in [
            (Subsets::up_to(8, 8), 256, 256),
            (Subsets::exactly(6, 3), 42, 20),
            (Subsets::up_to(5, 2), 16, 16),
            (Subsets::between(5, 2, 3), 26, 20),
            (Subsets::exactly(1, 1), 2, 1),
        ] {
            let env = env.unwrap();
            let listed = env.states();
            assert_eq!((listed.len(), env.num_states()), (states, states));
            assert!(listed.iter().enumerate().all(|(i, s)| env.index(s) == i));
            assert_eq!(listed.iter().filter(|s| env.can_stop(s)).count(), objects);
            let dag = Dag::new(&env).unwrap();
            for (set, ways) in listed.iter().zip(log_path_counts(&dag)) {
                let factorial: f64 = (1..=set.len()).map(|k| k as f64).product();
                assert!((ways - factorial.ln()).abs() < 1e-12);
            }
        }
        let wide = Subsets::exactly(64, 2).unwrap();
        assert_eq!(wide.states().len(), 1 + 64 + 2016);
        assert_eq!(wide.index(&Subset(0b11 << 62)), 2080);
    }

    #[test]
    fn energies_by_hand() {
        let energy = QuadraticEnergy::new(
            vec![1.0, -2.0, 4.0],
            vec![9.0, 0.5, 0.25, 9.0, 9.0, -1.0, 9.0, 9.0, 9.0],
        )
        .unwrap();
        let values: Vec<f64> = (0..8).map(|s| energy.energy(&Subset(s))).collect();
        assert_eq!(values, [0.0, 1.0, -2.0, -0.5, 4.0, 5.25, 1.0, 2.75]);
        assert_eq!(
            QuadraticEnergy::random(8, Seed::new(1)).unwrap(),
            QuadraticEnergy::random(8, Seed::new(1)).unwrap()
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(Subsets::exactly(65, 2).is_err());
        assert!(Subsets::exactly(5, 6).is_err());
        assert!(Subsets::exactly(5, 0).is_err());
        assert!(Subsets::between(5, 3, 2).is_err());
        assert!(QuadraticEnergy::new(vec![0.0; 2], vec![0.0; 3]).is_err());
        assert!(QuadraticEnergy::new(vec![f64::NAN], vec![0.0]).is_err());
    }
}
