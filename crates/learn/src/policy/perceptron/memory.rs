//! What a pass works in, kept from pass to pass.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, PoisonError};

use super::super::panels::Panels;
use super::super::sparse::Sparse;

/// Numbers of an input that are looked at together.
const BLOCK: usize = 16;
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
    /// `[features]` of one state; zeros between states.
    pub(super) dense: Vec<f32>,
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
        self.dense.clear();
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

    /// The row that holds `values`, added where there is none yet; leaves zeros in their place.
    pub(super) fn place(&mut self, values: &mut [f32]) -> u32 {
        let Sparse { offsets, items } = &mut self.rows;
        if offsets.is_empty() {
            offsets.push(0);
        }
        let first = items.len();
        let mut hash = 0_u64;
        // Long inputs are zeros for the most part: these go by in vectors, and are not cleared.
        let (blocks, rest) = values.as_chunks_mut::<BLOCK>();
        let mut keep = |block: usize, values: &mut [f32]| {
            for (i, &value) in values.iter().enumerate() {
                if value != 0.0 {
                    let column = (BLOCK * block + i) as u32;
                    items.push((column, value));
                    hash = mix(hash ^ u64::from(column) << 32 ^ u64::from(value.to_bits()));
                }
            }
            values.fill(0.0);
        };
        let count = blocks.len();
        for (block, values) in blocks.iter_mut().enumerate() {
            if values.iter().fold(0, |bits, v| bits | v.to_bits()) != 0 {
                keep(block, values);
            }
        }
        keep(count, rest);
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
