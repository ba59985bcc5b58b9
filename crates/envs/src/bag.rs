//! Bags: multisets of letters, filled one letter at a time.
//!
//! Shen et al. 2023 (arXiv 2305.07170): 13 letters out of 7. Adding a letter is one edge however many
//! copies are there already, and a bag with m different letters has m parents, so objects differ in the
//! number of their trajectories (a multinomial coefficient).

use anabranch_core::encode::VectorEncoded;
use anabranch_core::{Discrete, Enumerable, Environment};
use serde::{Deserialize, Serialize};

use crate::EnvError;
use crate::counting::{binomial, in_range, positive};
use crate::log_of_reward::log_of_reward;

/// Most letters of the alphabet.
pub const MAX_LETTERS: usize = 26;

/// Most letters in a bag.
pub const MAX_SIZE: usize = 255;

/// How often each letter is in the bag; letters past the alphabet 0 times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Bag(pub [u8; MAX_LETTERS]);

impl Bag {
    /// A bag with `counts` copies of the first letters.
    ///
    /// # Errors
    /// More than [`MAX_LETTERS`] counts, or more than [`MAX_SIZE`] letters.
    pub fn new(counts: &[u8]) -> Result<Self, EnvError> {
        in_range("number of counts", counts.len(), 0..=MAX_LETTERS)?;
        let mut bag = Self([0; MAX_LETTERS]);
        bag.0[..counts.len()].copy_from_slice(counts);
        in_range("size of a bag", bag.size(), 0..=MAX_SIZE)?;
        Ok(bag)
    }

    /// Number of letters in the bag.
    pub fn size(&self) -> usize {
        self.0.iter().map(|&count| usize::from(count)).sum()
    }

    /// Copies of the most frequent letter.
    pub fn max_count(&self) -> usize {
        self.0.iter().copied().max().map_or(0, usize::from)
    }
}

/// Bags of exactly L letters out of K; complete at L and only there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bags {
    letters: usize,
    size: usize,
}

impl Bags {
    /// Bags of `size` letters out of `letters`.
    ///
    /// # Errors
    /// `letters` outside 1 to [`MAX_LETTERS`], `size` outside 1 to [`MAX_SIZE`].
    pub fn new(letters: usize, size: usize) -> Result<Self, EnvError> {
        in_range("letters", letters, 1..=MAX_LETTERS)?;
        in_range("size", size, 1..=MAX_SIZE)?;
        Ok(Self { letters, size })
    }

    /// Letters of the alphabet, K.
    pub fn letters(&self) -> usize {
        self.letters
    }

    /// Letters of a complete bag, L.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Number of complete bags, C(L + K - 1, K - 1); held at `usize::MAX`.
    pub fn num_objects(&self) -> usize {
        bags(self.letters, self.size)
    }

    /// `[K]` copies of each letter.
    pub fn counts<'a>(&self, bag: &'a Bag) -> &'a [u8] {
        &bag.0[..self.letters]
    }
}

/// Bags of exactly `size` letters out of `letters`.
fn bags(letters: usize, size: usize) -> usize {
    match letters {
        0 => usize::from(size == 0),
        _ => binomial(size + letters - 1, letters - 1),
    }
}

/// The next bag of the same size in the order of `index`; false at the last one.
fn advance(counts: &mut [u8]) -> bool {
    // The last letter but one that can take a copy from what follows it.
    let last = counts.len() - 1;
    let Some(grows) = (0..last)
        .rev()
        .find(|&i| counts[i + 1..].iter().any(|&c| c > 0))
    else {
        return false;
    };
    let rest: u8 = counts[grows + 1..].iter().sum();
    counts[grows] += 1;
    counts[grows + 1..].fill(0);
    counts[last] = rest - 1;
    true
}

impl Environment for Bags {
    type State = Bag;
    /// The letter that is added.
    type Action = u8;

    fn source(&self) -> Bag {
        Bag([0; MAX_LETTERS])
    }

    fn can_stop(&self, state: &Bag) -> bool {
        state.size() == self.size
    }

    fn step(&self, state: &mut Bag, action: u8) {
        debug_assert!(state.size() < self.size, "{state:?} is complete");
        state.0[usize::from(action)] += 1;
    }

    fn undo(&self, state: &mut Bag, action: u8) {
        debug_assert!(state.0[usize::from(action)] > 0, "no {action} in {state:?}");
        state.0[usize::from(action)] -= 1;
    }
}

impl Discrete for Bags {
    fn actions(&self, state: &Bag, out: &mut Vec<u8>) {
        if state.size() < self.size {
            out.extend(0..self.letters as u8);
        }
    }

    fn parents(&self, state: &Bag, out: &mut Vec<u8>) {
        let counts = self.counts(state).iter();
        out.extend(
            (0_u8..)
                .zip(counts)
                .filter_map(|(i, &c)| (c > 0).then_some(i)),
        );
    }
}

/// Smaller bags first, those of one size in the order of their counts; C(L + K, K) states, held at
/// `usize::MAX`.
impl Enumerable for Bags {
    fn states(&self) -> Vec<Bag> {
        let mut out = Vec::with_capacity(self.num_states());
        for size in 0..=self.size {
            let mut bag = self.source();
            bag.0[self.letters - 1] = size as u8;
            out.push(bag);
            while advance(&mut bag.0[..self.letters]) {
                out.push(bag);
            }
        }
        out
    }

    fn index(&self, state: &Bag) -> usize {
        let mut left = state.size();
        // Smaller bags: those of at most left - 1 letters are bags of left - 1 with one letter more.
        let mut place = left
            .checked_sub(1)
            .map_or(0, |less| bags(self.letters + 1, less));
        for (i, &count) in (1..).zip(self.counts(state)) {
            let count = usize::from(count);
            let smaller = (0..count).map(|c| bags(self.letters - i, left - c));
            place += smaller.sum::<usize>();
            left -= count;
        }
        place
    }

    fn num_states(&self) -> usize {
        bags(self.letters + 1, self.size)
    }
}

/// For each letter its count, and then the highest of the counts, each one-hot of length L + 1. The
/// counts, the highest count and "highest count >= c", which the code of arXiv 2305.07170 gives to its
/// networks, are linear in these. Action i adds letter i.
impl VectorEncoded for Bags {
    fn num_features(&self) -> usize {
        (self.letters + 1) * (self.size + 1)
    }

    fn features(&self, state: &Bag, mut set: impl FnMut(usize, f32)) {
        let counts = self.counts(state).iter().map(|&count| usize::from(count));
        for (block, count) in counts.chain([state.max_count()]).enumerate() {
            set(block * (self.size + 1) + count, 1.0);
        }
    }

    fn num_actions(&self) -> usize {
        self.letters
    }

    fn action_index(&self, action: u8) -> usize {
        action.into()
    }
}

/// The reward of the bag task, with three levels: 30 for a mode, 10 for another bag with `repeats` or
/// more copies of one letter, 0.01 for the rest.
///
/// In arXiv 2305.07170 a random quarter of the bags with enough copies are modes, by a file. Here the
/// rule is fixed: the sum of i c_i, letters counted from 0, is a multiple of 4.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RepeatedLetter {
    repeats: usize,
    levels: [f64; 3],
}

impl RepeatedLetter {
    /// The reward of the paper, levels 30, 10 and 0.01, for bags with `repeats` copies of a letter (7 of
    /// 13 in the paper).
    ///
    /// # Errors
    /// `repeats` outside 1 to [`MAX_SIZE`].
    pub fn new(repeats: usize) -> Result<Self, EnvError> {
        Self::with_levels(repeats, [30.0, 10.0, 0.01])
    }

    /// The same with the rewards `levels` of a mode, a bag with the copies, and any other bag.
    ///
    /// # Errors
    /// `repeats` outside 1 to [`MAX_SIZE`], or a level that is not positive and finite.
    pub fn with_levels(repeats: usize, levels: [f64; 3]) -> Result<Self, EnvError> {
        in_range("repeats", repeats, 1..=MAX_SIZE)?;
        levels.iter().try_for_each(|&v| positive("a level", v))?;
        Ok(Self { repeats, levels })
    }

    /// Whether `bag` has one letter often enough: the rewarded substructure.
    pub fn is_repeated(&self, bag: &Bag) -> bool {
        bag.max_count() >= self.repeats
    }

    /// Whether `bag` is a mode.
    pub fn is_mode(&self, bag: &Bag) -> bool {
        let weighted = (0..).zip(&bag.0).map(|(i, &count)| i * usize::from(count));
        self.is_repeated(bag) && weighted.sum::<usize>().is_multiple_of(4)
    }

    /// R(x).
    pub fn reward(&self, bag: &Bag) -> f64 {
        match (self.is_mode(bag), self.is_repeated(bag)) {
            (true, _) => self.levels[0],
            (false, true) => self.levels[1],
            (false, false) => self.levels[2],
        }
    }
}

log_of_reward!(RepeatedLetter, Bag);

#[cfg(test)]
mod tests {
    use super::*;

    /// K, L, repeats, bags, states, log Z, mean reward under the target: exact enumeration, golden
    /// values for arXiv 2305.07170 with the fixed rule of modes.
    #[test]
    fn the_golden_bags() {
        for (letters, size, repeats, objects, log_z, mean) in [
            (7, 13, 7, 27_132, 11.485828, 19.9781),
            (7, 7, 4, 1716, 9.101784, 20.2870),
            (5, 8, 5, 495, 7.883522, 20.1643),
        ] {
            let env = Bags::new(letters, size).unwrap();
            let reward = RepeatedLetter::new(repeats).unwrap();
            let states = env.states();
            let objects_seen: Vec<&Bag> = states.iter().filter(|s| env.can_stop(s)).collect();
            assert_eq!((objects_seen.len(), env.num_objects()), (objects, objects));
            let rewards: Vec<f64> = objects_seen.iter().map(|x| reward.reward(x)).collect();
            let z: f64 = rewards.iter().sum();
            let squares: f64 = rewards.iter().map(|r| r * r).sum();
            println!(
                "K {letters} L {size}: log Z {}, mean {}",
                z.ln(),
                squares / z
            );
            assert!((z.ln() - log_z).abs() < 1e-6, "{}", z.ln());
            assert!((squares / z - mean).abs() < 1e-4, "{}", squares / z);
        }
    }

    /// 1,622 modes, 4,846 bags with the substructure only, 20,664 others; 77,520 states.
    #[test]
    fn the_golden_levels() {
        let env = Bags::new(7, 13).unwrap();
        let reward = RepeatedLetter::new(7).unwrap();
        let states = env.states();
        assert_eq!((states.len(), env.num_states()), (77_520, 77_520));
        let objects = states.iter().filter(|s| env.can_stop(s));
        let mut counts = [0; 3];
        for bag in objects {
            let level = [30.0, 10.0, 0.01];
            let level = level.iter().position(|&r| r == reward.reward(bag)).unwrap();
            counts[level] += 1;
        }
        assert_eq!(counts, [1622, 4846, 20_664]);
    }

    #[test]
    fn index_is_the_place() {
        for (letters, size) in [(1, 4), (2, 5), (3, 4), (7, 13)] {
            let env = Bags::new(letters, size).unwrap();
            let states = env.states();
            assert_eq!(states.len(), env.num_states());
            assert!(states.iter().enumerate().all(|(i, s)| env.index(s) == i));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(Bags::new(0, 3).is_err());
        assert!(Bags::new(27, 3).is_err());
        assert!(Bags::new(3, 256).is_err());
        assert!(Bag::new(&[200, 56]).is_err());
        assert!(RepeatedLetter::new(0).is_err());
        assert!(RepeatedLetter::with_levels(7, [30.0, 10.0, 0.0]).is_err());
        assert_eq!(Bags::new(26, 255).unwrap().num_states(), usize::MAX);
    }
}
