//! Matrices in panels of 16 columns, and the store of buffers that they are made from.

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

    /// Number of rows, padding included.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Number of panels.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// `[rows]` lanes of panel `index`.
    pub(super) fn panel(&self, index: usize) -> &[Lane] {
        &self.lanes[index * self.rows..][..self.rows]
    }

    /// `[rows]` lanes of panel `index`, to write to.
    pub(super) fn panel_mut(&mut self, index: usize) -> &mut [Lane] {
        &mut self.lanes[index * self.rows..][..self.rows]
    }

    /// Where the number at (`row`, `col`) lies in [`flat`](Self::flat).
    pub(super) fn place(&self, row: usize, col: usize) -> usize {
        (col / PANEL * self.rows + row) * PANEL + col % PANEL
    }

    /// All numbers, panel by panel.
    pub(super) fn flat(&self) -> &[f32] {
        self.lanes[..self.rows * self.count].as_flattened()
    }

    /// All numbers, panel by panel, to write to.
    pub(super) fn flat_mut(&mut self) -> &mut [f32] {
        self.lanes[..self.rows * self.count].as_flattened_mut()
    }

    /// Copies the row-major `values`, `[., cols]`, to the columns from `start` on.
    pub(super) fn copy_from(&mut self, values: &[f32], cols: usize, start: usize) {
        for (row, values) in values.chunks_exact(cols).enumerate() {
            for (place, run) in self.runs(row, cols, start) {
                let n = run.len();
                self.flat_mut()[place..place + n].copy_from_slice(&values[run]);
            }
        }
    }

    /// Copies the columns from `start` on to the row-major `values`, `[., cols]`.
    pub(super) fn copy_to(&self, values: &mut [f32], cols: usize, start: usize) {
        for (row, values) in values.chunks_exact_mut(cols).enumerate() {
            for (place, run) in self.runs(row, cols, start) {
                let n = run.len();
                values[run].copy_from_slice(&self.flat()[place..place + n]);
            }
        }
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

    /// For each panel that row `row` of `cols` columns from `start` on goes over: the place of its
    /// first number, and which of the columns are there.
    fn runs(
        &self,
        row: usize,
        cols: usize,
        start: usize,
    ) -> impl Iterator<Item = (usize, Range<usize>)> + use<> {
        let rows = self.rows;
        (start / PANEL..(start + cols).div_ceil(PANEL)).map(move |panel| {
            let from = start.max(panel * PANEL);
            let to = (start + cols).min((panel + 1) * PANEL);
            let place = (panel * rows + row) * PANEL + from % PANEL;
            (place, from - start..to - start)
        })
    }

    /// Gives the memory back.
    pub(super) fn release(self, pool: &Pool) {
        pool.give(self.lanes);
    }
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
