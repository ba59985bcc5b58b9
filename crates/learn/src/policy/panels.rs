//! Matrices in panels of 16 columns, and the store of buffers that they are made from.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut, Range};
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
        let count = cols.div_ceil(PANEL);
        let lanes = pool.take(rows * count);
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

    /// The panels from `panel` on.
    pub(super) fn columns(&self, panel: usize) -> Columns<'_> {
        Columns {
            rows: self.rows,
            lanes: &self.lanes[panel * self.rows..self.count * self.rows],
        }
    }

    /// The panels from `panel` on, to write to.
    pub(super) fn columns_mut(&mut self, panel: usize) -> ColumnsMut<'_> {
        self.split(panel).1
    }

    /// The panels before `panel`, and those from it on, to write to.
    pub(super) fn split(&mut self, panel: usize) -> (Columns<'_>, ColumnsMut<'_>) {
        let (rows, all) = (self.rows, self.rows * self.count);
        let (before, lanes) = self.lanes[..all].split_at_mut(panel * rows);
        let before = Columns {
            rows,
            lanes: before,
        };
        (before, ColumnsMut { rows, lanes })
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

/// Some panels of a matrix.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    rows: usize,
    lanes: &'a [Lane],
}

impl<'a> Columns<'a> {
    /// `[rows]` lanes of panel `index`.
    pub(super) fn panel(&self, index: usize) -> &'a [Lane] {
        &self.lanes[index * self.rows..][..self.rows]
    }
}

/// Some panels of a matrix, to write to.
pub(super) struct ColumnsMut<'a> {
    rows: usize,
    lanes: &'a mut [Lane],
}

impl ColumnsMut<'_> {
    /// `[rows]` lanes of panel `index`, to write to.
    pub(super) fn panel_mut(&mut self, index: usize) -> &mut [Lane] {
        &mut self.lanes[index * self.rows..][..self.rows]
    }
}

/// Panels that go back to their pool.
pub(super) struct Lease<'a> {
    panels: Panels,
    pool: &'a Pool,
}

impl<'a> Lease<'a> {
    pub(super) fn new(panels: Panels, pool: &'a Pool) -> Self {
        Self { panels, pool }
    }
}

impl Deref for Lease<'_> {
    type Target = Panels;

    fn deref(&self) -> &Panels {
        &self.panels
    }
}

impl DerefMut for Lease<'_> {
    fn deref_mut(&mut self) -> &mut Panels {
        &mut self.panels
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        std::mem::take(&mut self.panels).release(self.pool);
    }
}

/// Buffers that are not in use, by size. A pass takes some and gives them back, so that training
/// allocates them once.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<Free>);

#[derive(Debug, Default)]
struct Free {
    by_size: BTreeMap<usize, Vec<Vec<Lane>>>,
    lanes: usize,
}

/// Lanes that are kept, 1 GiB of them; what is given back beyond is freed.
const KEPT: usize = 1 << 24;

impl Pool {
    /// At least `lanes` lanes, and no more than twice as many as that unless they are few.
    fn take(&self, lanes: usize) -> Vec<Lane> {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let most = (2 * lanes).max(64);
        let found = free
            .by_size
            .range(lanes..=most)
            .next()
            .map(|(size, _)| *size);
        if let Some(size) = found
            && let Some(buffers) = free.by_size.get_mut(&size)
            && let Some(buffer) = buffers.pop()
        {
            if buffers.is_empty() {
                free.by_size.remove(&size);
            }
            free.lanes -= size;
            return buffer;
        }
        drop(free);
        // Few sizes, so that buffers fit again.
        let step = (lanes.next_power_of_two() / 8).max(64);
        vec![[0.0; PANEL]; lanes.next_multiple_of(step)]
    }

    fn give(&self, lanes: Vec<Lane>) {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !lanes.is_empty() && free.lanes + lanes.len() <= KEPT {
            free.lanes += lanes.len();
            free.by_size.entry(lanes.len()).or_default().push(lanes);
        }
    }
}
