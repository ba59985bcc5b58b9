//! What a pass works in, kept from pass to pass.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, PoisonError};

use super::super::panels::Panels;
use super::super::sparse::Sparse;

/// A row that nothing has to be computed for.
pub(super) const NO_ROW: u32 = u32::MAX;

/// The inputs and results of a pass.
#[derive(Default)]
pub(super) struct Memory {
    /// The distinct inputs.
    pub(super) inputs: Inputs,
    /// For each stack the results of its layers, the heads' last; their first rows are in use.
    pub(super) results: Vec<Vec<Panels>>,
    /// What was scored, batch after batch.
    pub(super) batches: Vec<Batch>,
}

/// Where the scores of one batch are in the results.
#[derive(Default)]
pub(super) struct Batch {
    /// For each score its row, or [`NO_ROW`], and its column.
    pub(super) moves: Vec<(u32, u32)>,
    pub(super) parents: Vec<(u32, u32)>,
    pub(super) log_flow: Vec<(u32, u32)>,
}

impl Memory {
    /// Forgets all but the room.
    fn clear(&mut self) {
        self.inputs.clear();
        self.batches.clear();
    }
}

/// Rows of inputs, none twice.
#[derive(Default)]
pub(super) struct Inputs {
    /// The rows, zeros left out.
    pub(super) rows: Sparse,
    places: HashMap<u64, u32, BuildHasherDefault<Ready>>,
}

impl Inputs {
    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.rows.offsets.len().saturating_sub(1)
    }

    fn clear(&mut self) {
        self.rows.offsets.clear();
        self.rows.items.clear();
        self.places.clear();
    }

    /// Adds a number to the row that comes next, zeros left out; columns may come in any order, each once.
    pub(super) fn push(&mut self, column: usize, value: f32) {
        if value != 0.0 {
            self.rows.items.push((column as u32, value));
        }
    }

    /// The row that holds what was pushed since the last one, added where there is none yet.
    pub(super) fn place(&mut self) -> u32 {
        let Sparse { offsets, items } = &mut self.rows;
        if offsets.is_empty() {
            offsets.push(0);
        }
        let first = offsets[offsets.len() - 1] as usize;
        let row = &mut items[first..];
        // The order of a sum is that of the columns.
        if !row.is_sorted_by_key(|&(column, _)| column) {
            row.sort_unstable_by_key(|&(column, _)| column);
        }
        let mut hash = row.iter().fold(0, |hash, &(column, value)| {
            mix(hash ^ u64::from(column) << 32 ^ u64::from(value.to_bits()))
        });
        loop {
            let next = (offsets.len() - 1) as u32;
            let row = *self.places.entry(hash).or_insert(next);
            if row == next {
                offsets.push(items.len() as u32);
                return row;
            }
            let known = offsets[row as usize] as usize..offsets[row as usize + 1] as usize;
            if items[known] == items[first..] {
                items.truncate(first);
                return row;
            }
            // Another row has this hash.
            hash = mix(hash);
        }
    }

    /// Appends rows of zeros up to `count` rows; no more are placed after that.
    pub(super) fn pad(&mut self, count: usize) {
        let end = self.rows.items.len() as u32;
        self.rows.offsets.resize(count + 1, end);
    }
}

/// A bijection of u64 that spreads what differs (Fibonacci hashing with the high half folded in).
fn mix(value: u64) -> u64 {
    let product = (value ^ value >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ product >> 29
}

/// Hashes that are ready to use.
#[derive(Default)]
struct Ready(u64);

impl Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = mix(self.0 ^ value);
    }
}

/// Memories that are not in use.
#[derive(Default)]
pub(super) struct Memories(Mutex<Vec<Memory>>);

impl Memories {
    pub(super) fn take(&self) -> Memory {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        free.pop().unwrap_or_default()
    }

    pub(super) fn give(&self, mut memory: Memory) {
        memory.clear();
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        free.push(memory);
    }
}
