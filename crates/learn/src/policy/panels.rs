//! Matrices in panels of 16 columns, and the store of buffers that they are made from.
//!
//! What kernels call is always inlined: a call in their loops would send every sum through memory.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Columns of a panel: one vector of AVX-512, two of AVX2, four of NEON.
pub(super) const PANEL: usize = 16;
/// Rows are padded to a multiple of this, so that no kernel has a remainder of rows.
pub(super) const BLOCK: usize = 4;

/// One row of one panel.
pub(super) type Lane = [f32; PANEL];

/// A matrix cut into panels of [`PANEL`] columns; each panel holds its rows one after the other.
///
/// The layout is the same for weights and activations, so that every kernel reads and writes whole
/// vectors that lie side by side. What pads the last panel is zero in weights.
#[derive(Debug, Default)]
pub(super) struct Panels {
    rows: usize,
    count: usize,
    /// Lanes past `rows * count` are room that an earlier matrix left.
    lanes: Vec<Lane>,
}

impl Panels {
    /// `[rows, cols]`; what it holds is left over from earlier use and has to be written first.
    pub(super) fn stale(rows: usize, cols: usize, pool: &Pool) -> Self {
        let mut lanes = pool.take();
        let count = cols.div_ceil(PANEL);
        if lanes.len() < rows * count {
            lanes.resize(rows * count, [0.0; PANEL]);
        }
        Self { rows, count, lanes }
    }

    /// `[rows, cols]` zeros.
    pub(super) fn zeros(rows: usize, cols: usize, pool: &Pool) -> Self {
        let mut panels = Self::stale(rows, cols, pool);
        panels.flat_mut().fill(0.0);
        panels
    }

    /// Makes room for `rows` rows of `cols` columns, and keeps what the rows so far hold.
    pub(super) fn grow(&mut self, rows: usize, cols: usize) {
        let count = cols.div_ceil(PANEL);
        if self.rows >= rows && self.count == count {
            return;
        }
        let (before, room) = (self.rows, rows.next_power_of_two());
        let mut lanes = vec![[0.0; PANEL]; room * count];
        if self.count == count {
            for panel in 0..count {
                lanes[panel * room..][..before].copy_from_slice(self.panel(panel));
            }
        }
        *self = Self {
            rows: room,
            count,
            lanes,
        };
    }

    /// Writes zeros over the rows in `range`, as far as there are such.
    pub(super) fn clear_rows(&mut self, range: Range<usize>) {
        let range = range.start.min(self.rows)..range.end.min(self.rows);
        for panel in 0..self.count {
            self.panel_mut(panel)[range.clone()].fill([0.0; PANEL]);
        }
    }

    /// Number of rows, padding included.
    #[inline(always)]
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Number of panels.
    #[inline(always)]
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// `[rows]` lanes of panel `index`.
    #[inline(always)]
    pub(super) fn panel(&self, index: usize) -> &[Lane] {
        &self.lanes[index * self.rows..][..self.rows]
    }

    /// `[rows]` lanes of panel `index`, to write to.
    #[inline(always)]
    pub(super) fn panel_mut(&mut self, index: usize) -> &mut [Lane] {
        &mut self.lanes[index * self.rows..][..self.rows]
    }

    /// Where the number at (`row`, `col`) lies in [`flat`](Self::flat).
    #[inline(always)]
    pub(super) fn place(&self, row: usize, col: usize) -> usize {
        (col / PANEL * self.rows + row) * PANEL + col % PANEL
    }

    /// All numbers, panel by panel.
    #[inline(always)]
    pub(super) fn flat(&self) -> &[f32] {
        self.lanes[..self.rows * self.count].as_flattened()
    }

    /// All numbers, panel by panel, to write to.
    #[inline(always)]
    pub(super) fn flat_mut(&mut self) -> &mut [f32] {
        self.lanes[..self.rows * self.count].as_flattened_mut()
    }

    /// Copies the row-major `values`, `[., cols]`, to the columns from `start` on.
    pub(super) fn copy_from(&mut self, values: &[f32], cols: usize, start: usize) {
        for panel in start / PANEL..(start + cols).div_ceil(PANEL) {
            let (columns, place) = span(panel, cols, start);
            let lanes = self.panel_mut(panel).iter_mut();
            for (lane, values) in lanes.zip(values.chunks_exact(cols)) {
                let values = &values[columns.clone()];
                // Whole lanes are one vector each; a call to copy a few bytes costs more than they do.
                match values.first_chunk::<PANEL>() {
                    Some(whole) => *lane = *whole,
                    None => lane[place..place + values.len()].copy_from_slice(values),
                }
            }
        }
    }

    /// `[rows, cols]` the columns from `start` on of the first rows, row-major.
    pub(super) fn columns(&self, rows: usize, cols: usize, start: usize) -> Vec<f32> {
        let mut values = vec![0.0; rows * cols];
        for panel in start / PANEL..(start + cols).div_ceil(PANEL) {
            let (columns, place) = span(panel, cols, start);
            let lanes = self.panel(panel).iter();
            for (lane, values) in lanes.zip(values.chunks_exact_mut(cols)) {
                let values = &mut values[columns.clone()];
                match values.first_chunk_mut::<PANEL>() {
                    Some(whole) => *whole = *lane,
                    None => values.copy_from_slice(&lane[place..place + values.len()]),
                }
            }
        }
        values
    }

    /// Copies the row-major `values`, `[., cols]`, with their columns as rows from `start` on.
    pub(super) fn copy_transposed(&mut self, values: &[f32], cols: usize, start: usize) {
        let rows = self.rows;
        for (block, values) in values.chunks(PANEL * cols).enumerate() {
            let lanes = &mut self.lanes[block * rows + start..][..cols];
            for (col, lane) in lanes.iter_mut().enumerate() {
                for (number, values) in lane.iter_mut().zip(values.chunks_exact(cols)) {
                    *number = values[col];
                }
            }
        }
    }

    /// Gives the memory back.
    pub(super) fn release(self, pool: &Pool) {
        pool.give(self.lanes);
    }
}

/// Of `cols` columns that begin at column `start` of a matrix: which of them lie in panel `panel`, and
/// where in its lanes the first of those is.
fn span(panel: usize, cols: usize, start: usize) -> (Range<usize>, usize) {
    let from = start.max(panel * PANEL);
    let to = (start + cols).min((panel + 1) * PANEL);
    (from - start..to - start, from % PANEL)
}

/// Buffers that are not in use. A pass takes some and gives them back, so that training allocates
/// them once.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<Vec<Vec<Lane>>>);

/// Buffers that are kept; passes over more shards at once than this allocate anew.
const KEPT: usize = 64;

impl Pool {
    fn take(&self) -> Vec<Lane> {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        free.pop().unwrap_or_default()
    }

    fn give(&self, lanes: Vec<Lane>) {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(lanes);
        }
    }
}
