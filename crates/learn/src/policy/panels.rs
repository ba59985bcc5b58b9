//! Matrices in panels of 16 columns, and the store of buffers that they are made from.
//!
//! What kernels call is always inlined: a call in their loops would send every sum through memory.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut, Range};
use std::sync::{Mutex, PoisonError};

use pulp::{Simd, WithSimd};

use crate::simd::dispatch;

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

    /// `[rows, cols]` of which `filled` rows and columns are about to be written: zeros where that leaves
    /// any, and otherwise stale.
    pub(super) fn blank(rows: usize, cols: usize, filled: (usize, usize), pool: &Pool) -> Self {
        if filled == (rows, cols) && cols.is_multiple_of(PANEL) {
            Self::stale(rows, cols, pool)
        } else {
            Self::zeros(rows, cols, pool)
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

    /// Memory of the matrix, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.rows * self.count * size_of::<Lane>()
    }

    /// `[rows]` lanes of panel `index`.
    #[inline(always)]
    pub(super) fn panel(&self, index: usize) -> &[Lane] {
        &self.lanes[index * self.rows..][..self.rows]
    }

    /// All lanes, panel by panel.
    #[inline(always)]
    pub(super) fn all(&self) -> &[Lane] {
        &self.lanes[..self.rows * self.count]
    }

    /// `[rows]` lanes of panel `index`, to write to.
    #[inline(always)]
    pub(super) fn panel_mut(&mut self, index: usize) -> &mut [Lane] {
        &mut self.lanes[index * self.rows..][..self.rows]
    }

    /// The rows from `first` on.
    pub(super) fn rows_from(&self, first: usize) -> Rows<'_> {
        Rows {
            panels: self,
            first,
        }
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
    pub(super) fn to_rows(&self, rows: usize, cols: usize, start: usize) -> Vec<f32> {
        if (start, cols) == (0, self.count * PANEL) {
            // All of it is written, so nothing is filled with zeros first.
            let mut values = Vec::with_capacity(rows * cols);
            for row in 0..rows {
                for panel in 0..self.count {
                    values.extend_from_slice(&self.lanes[panel * self.rows + row]);
                }
            }
            return values;
        }
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
        dispatch(Transpose {
            values,
            cols,
            start,
            out: self,
        });
    }

    /// Gives the memory back.
    pub(super) fn release(self, pool: &Pool) {
        pool.give(self.lanes);
    }
}

/// [`Panels::copy_transposed`].
struct Transpose<'a> {
    values: &'a [f32],
    cols: usize,
    start: usize,
    out: &'a mut Panels,
}

impl WithSimd for Transpose<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self {
            values,
            cols,
            start,
            out,
        } = self;
        let rows = out.rows;
        for (block, values) in values.chunks(PANEL * cols).enumerate() {
            let lanes = &mut out.lanes[block * rows + start..][..cols];
            let mut sources = [&values[..0]; PANEL];
            for (source, row) in sources.iter_mut().zip(values.chunks_exact(cols)) {
                *source = row;
            }
            if values.len() == PANEL * cols {
                let (squares, rest) = lanes.as_chunks_mut::<PANEL>();
                for (square, lanes) in squares.iter_mut().enumerate() {
                    let from = square * PANEL;
                    let rows = sources.map(|source| first_lane(&source[from..]));
                    *lanes = transposed(rows);
                }
                let from = cols - rest.len();
                for (col, lane) in rest.iter_mut().enumerate() {
                    *lane = sources.map(|source| source[from + col]);
                }
            } else {
                for (col, lane) in lanes.iter_mut().enumerate() {
                    for (number, source) in lane.iter_mut().zip(sources) {
                        if let Some(value) = source.get(col) {
                            *number = *value;
                        }
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn first_lane(values: &[f32]) -> Lane {
    *values.first_chunk().expect("a whole lane")
}

/// Rows as columns, by swapping ever smaller blocks across the diagonal: whole vectors all the way.
#[inline(always)]
fn transposed(mut rows: [Lane; PANEL]) -> [Lane; PANEL] {
    #[inline(always)]
    fn swap<const STEP: usize>(rows: &mut [Lane; PANEL]) {
        for row in 0..PANEL {
            if row & STEP == 0 {
                let (upper, lower) = (rows[row], rows[row + STEP]);
                for col in 0..PANEL {
                    let across = col & STEP != 0;
                    rows[row][col] = if across {
                        lower[col - STEP]
                    } else {
                        upper[col]
                    };
                    rows[row + STEP][col] = if across {
                        lower[col]
                    } else {
                        upper[(col + STEP) % PANEL]
                    };
                }
            }
        }
    }
    swap::<8>(&mut rows);
    swap::<4>(&mut rows);
    swap::<2>(&mut rows);
    swap::<1>(&mut rows);
    rows
}

/// Of `cols` columns that begin at column `start` of a matrix: which of them lie in panel `panel`, and
/// where in its lanes the first of those is.
fn span(panel: usize, cols: usize, start: usize) -> (Range<usize>, usize) {
    let from = start.max(panel * PANEL);
    let to = (start + cols).min((panel + 1) * PANEL);
    (from - start..to - start, from % PANEL)
}

/// The rows of a matrix from one on.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    panels: &'a Panels,
    first: usize,
}

impl<'a> Rows<'a> {
    /// The lanes of panel `index`, that of the first of these rows first.
    #[inline(always)]
    pub(super) fn panel(&self, index: usize) -> &'a [Lane] {
        &self.panels.panel(index)[self.first..]
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
    #[inline(always)]
    pub(super) fn panel(&self, index: usize) -> &'a [Lane] {
        &self.lanes[index * self.rows..][..self.rows]
    }
}

/// Some panels of a matrix, to write to.
pub(super) struct ColumnsMut<'a> {
    rows: usize,
    lanes: &'a mut [Lane],
}

impl<'a> ColumnsMut<'a> {
    /// Number of panels.
    #[inline(always)]
    pub(super) fn count(&self) -> usize {
        self.lanes.len() / self.rows.max(1)
    }

    /// The panels before `panel`, and those from it on.
    pub(super) fn split(self, panel: usize) -> (Self, Self) {
        let rows = self.rows;
        let (before, lanes) = self.lanes.split_at_mut(panel * rows);
        let before = Self {
            rows,
            lanes: before,
        };
        (before, Self { rows, lanes })
    }

    /// `[P, rows]` lanes of the panels from `first` on, to write to.
    #[inline(always)]
    pub(super) fn some_mut<const P: usize>(&mut self, first: usize) -> [&mut [Lane]; P] {
        let mut rest = &mut self.lanes[first * self.rows..];
        std::array::from_fn(|_| rest.split_off_mut(..self.rows).expect("a whole panel"))
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

/// Lanes that are kept, 3 GiB of them; what is given back beyond is freed.
const KEPT: usize = 3 << 24;

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
