//! Slots that are filled with values in any order: d variables of v values each.
//!
//! The environment of discrete energy-based models (Zhang et al. 2022, arXiv 2202.01361) and of factor
//! graphs (Deleu et al. 2024, arXiv 2402.10309). From a state with m filled slots lead v (d - m) edges,
//! and m edges lead into it; an object is reached along d! trajectories. The rewards stand elsewhere:
//! [`Factors`](crate::factor::Factors), [`Ising`](crate::ising::Ising).

use std::fmt;

use anabranch_core::encode::{TokenEncoded, TokenShape, TokenSlot, VectorEncoded};
use anabranch_core::{Discrete, Enumerable, Environment};
use serde::{Deserialize, Serialize};

use crate::EnvError;
use crate::counting::{in_range, power};

/// Most slots.
pub const MAX_SLOTS: usize = 1024;

/// Most values of a slot.
pub const MAX_VALUES: usize = 65_535;

/// What stands in each slot; written to files as a list in which an empty slot is null.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Option<u16>>", into = "Vec<Option<u16>>")]
pub struct Filling(
    /// The value plus one; 0 where the slot is empty.
    Box<[u16]>,
);

impl Filling {
    /// A filling by its values, `None` where a slot is empty.
    ///
    /// # Errors
    /// A value above 65,534.
    pub fn new(values: &[Option<u16>]) -> Result<Self, EnvError> {
        let code = |value: &Option<u16>| match value {
            None => Ok(0),
            Some(value) => value.checked_add(1).ok_or_else(|| {
                EnvError::out_of_range("value", value, format!("below {MAX_VALUES}"))
            }),
        };
        Ok(Self(values.iter().map(code).collect::<Result<_, _>>()?))
    }

    /// Number of slots, empty ones included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without slots.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What stands in `slot`; `None` where it is empty or there is no such slot.
    pub fn value(&self, slot: usize) -> Option<u16> {
        self.0.get(slot).and_then(|code| code.checked_sub(1))
    }

    /// The values of all slots in order.
    pub fn values(&self) -> impl Iterator<Item = Option<u16>> + '_ {
        self.0.iter().map(|code| code.checked_sub(1))
    }

    /// Whether no slot is empty.
    pub fn is_complete(&self) -> bool {
        self.0.iter().all(|&code| code > 0)
    }
}

impl fmt::Debug for Filling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (slot, value) in self.values().enumerate() {
            let space = if slot == 0 { "" } else { " " };
            match value {
                Some(value) => write!(f, "{space}{value}")?,
                None => write!(f, "{space}_")?,
            }
        }
        f.write_str("]")
    }
}

impl TryFrom<Vec<Option<u16>>> for Filling {
    type Error = EnvError;

    fn try_from(values: Vec<Option<u16>>) -> Result<Self, EnvError> {
        Self::new(&values)
    }
}

impl From<Filling> for Vec<Option<u16>> {
    fn from(filling: Filling) -> Self {
        filling.values().collect()
    }
}

/// A value is put into an empty slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fill {
    /// Which slot.
    pub slot: u16,
    /// Which value.
    pub value: u16,
}

/// `slots` slots of `values` values, filled in any order; complete when all are filled and only then.
///
/// Every state can be written down: there are (v + 1)^d of them, listed as numbers in base v + 1 whose
/// digit is 0 where a slot is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    slots: usize,
    values: usize,
}

impl Slots {
    /// `slots` slots, each of which takes one of `values` values.
    ///
    /// # Errors
    /// `slots` outside 1 to [`MAX_SLOTS`] or `values` outside 1 to [`MAX_VALUES`].
    pub fn new(slots: usize, values: usize) -> Result<Self, EnvError> {
        in_range("slots", slots, 1..=MAX_SLOTS)?;
        in_range("values", values, 1..=MAX_VALUES)?;
        Ok(Self { slots, values })
    }

    /// Number of slots d.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Values of a slot v.
    pub fn values(&self) -> usize {
        self.values
    }
}

impl Environment for Slots {
    type State = Filling;
    type Action = Fill;

    fn source(&self) -> Filling {
        Filling(vec![0; self.slots].into_boxed_slice())
    }

    fn can_stop(&self, state: &Filling) -> bool {
        state.is_complete()
    }

    fn step(&self, state: &mut Filling, action: Fill) {
        let code = &mut state.0[usize::from(action.slot)];
        debug_assert!(*code == 0, "slot {} is filled", action.slot);
        *code = action.value + 1;
    }

    fn undo(&self, state: &mut Filling, action: Fill) {
        let code = &mut state.0[usize::from(action.slot)];
        debug_assert!(*code == action.value + 1, "{action:?} was not taken");
        *code = 0;
    }
}

impl Discrete for Slots {
    fn actions(&self, state: &Filling, out: &mut Vec<Fill>) {
        for (slot, value) in state.values().enumerate() {
            if value.is_none() {
                let slot = slot as u16;
                out.extend((0..self.values).map(|value| Fill {
                    slot,
                    value: value as u16,
                }));
            }
        }
    }

    fn parents(&self, state: &Filling, out: &mut Vec<Fill>) {
        let filled = state.values().enumerate();
        out.extend(filled.filter_map(|(slot, value)| {
            let slot = slot as u16;
            value.map(|value| Fill { slot, value })
        }));
    }
}

/// [`num_states`](Enumerable::num_states) is held at `usize::MAX`; ask it before anything is listed.
impl Enumerable for Slots {
    fn states(&self) -> Vec<Filling> {
        let base = self.values + 1;
        let filling = |mut number: usize| {
            let mut codes = vec![0; self.slots];
            for code in codes.iter_mut().rev() {
                *code = (number % base) as u16;
                number /= base;
            }
            Filling(codes.into_boxed_slice())
        };
        (0..self.num_states()).map(filling).collect()
    }

    fn index(&self, state: &Filling) -> usize {
        let digits = state.0.iter();
        digits.fold(0, |number, &code| {
            number * (self.values + 1) + usize::from(code)
        })
    }

    fn num_states(&self) -> usize {
        power(self.values + 1, self.slots)
    }
}

/// For each slot v features, "holds value w", all 0 where it is empty; the action that puts w into slot i
/// is row i v + w.
impl VectorEncoded for Slots {
    fn num_features(&self) -> usize {
        self.slots * self.values
    }

    fn features(&self, state: &Filling, mut set: impl FnMut(usize, f32)) {
        for (slot, value) in state.values().enumerate() {
            if let Some(value) = value {
                set(slot * self.values + usize::from(value), 1.0);
            }
        }
    }

    fn num_actions(&self) -> usize {
        self.slots * self.values
    }

    fn action_index(&self, action: Fill) -> usize {
        usize::from(action.slot) * self.values + usize::from(action.value)
    }
}

/// A token is the value of its slot, or v where it is empty. A value is put in by the score of its number
/// at the slot; a slot is emptied by the one backward score that it has.
impl TokenEncoded for Slots {
    fn token_shape(&self) -> TokenShape {
        TokenShape {
            positions: self.slots,
            tokens: self.values + 1,
            position_actions: self.values,
            whole_actions: 0,
            position_parents: 1,
            whole_parents: 0,
        }
    }

    fn tokens(&self, state: &Filling, out: &mut Vec<u32>) {
        let empty = self.values as u32;
        let tokens = state.values();
        out.extend(tokens.map(|value| value.map_or(empty, u32::from)));
    }

    fn action_slot(&self, _: &Filling, action: Fill) -> TokenSlot {
        TokenSlot::Position {
            position: action.slot.into(),
            output: action.value.into(),
        }
    }

    fn parent_slot(&self, _: &Filling, action: Fill) -> TokenSlot {
        TokenSlot::Position {
            position: action.slot.into(),
            output: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use anabranch_core::exact::{Dag, log_path_counts};

    use super::*;

    /// (v + 1)^d states, v^d objects, d! ways to each: counted by hand for d = 4, v = 3.
    #[test]
    fn counts() {
        let env = Slots::new(4, 3).unwrap();
        let states = env.states();
        assert_eq!((states.len(), env.num_states()), (256, 256));
        assert!(states.iter().enumerate().all(|(i, s)| env.index(s) == i));
        let dag = Dag::new(&env).unwrap();
        let ways = log_path_counts(&dag);
        let objects: Vec<usize> = (0..dag.len()).filter(|&s| dag.can_stop(s)).collect();
        assert_eq!(objects.len(), 81);
        assert!(
            objects
                .iter()
                .all(|&s| (ways[s] - 24_f64.ln()).abs() < 1e-12)
        );
    }

    #[test]
    fn fillings_go_to_files_and_come_back() {
        let filling = Filling::new(&[Some(2), None, Some(0)]).unwrap();
        assert_eq!(format!("{filling:?}"), "[2 _ 0]");
        let text = serde_json::to_string(&filling).unwrap();
        assert_eq!(text, "[2,null,0]");
        assert_eq!(serde_json::from_str::<Filling>(&text).unwrap(), filling);
        assert!(serde_json::from_str::<Filling>("[65535]").is_err());
    }

    #[test]
    fn bad_sizes_are_refused() {
        assert!(Slots::new(0, 2).is_err());
        assert!(Slots::new(3, 0).is_err());
        assert!(Slots::new(1025, 2).is_err());
        assert_eq!(Slots::new(1024, 2).unwrap().num_states(), usize::MAX);
    }
}
