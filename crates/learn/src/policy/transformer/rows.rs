//! Sums of chosen rows: features, neighbours, the rows that a head reads, and the way back from each.

use pulp::Simd;

use super::vector::Vector;
use crate::policy::kernels::by_lane;
use crate::policy::panels::{BLOCK, Columns, ColumnsMut, Panels};

/// For each row of a result the rows of a table that are summed, each with its weight. Padded to whole
/// blocks of rows.
#[derive(Clone, Debug)]
pub(super) struct Lists {
    offsets: Vec<u32>,
    items: Vec<(u32, f32)>,
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            offsets: vec![0],
            items: Vec::new(),
        }
    }
}

/// `count` rows in whole blocks, one at least.
pub(super) fn padded_rows(count: usize) -> usize {
    count.max(1).next_multiple_of(BLOCK)
}

impl Lists {
    /// Appends a row.
    pub(super) fn push(&mut self, row: impl IntoIterator<Item = (u32, f32)>) {
        self.items.extend(row);
        self.offsets.push(self.items.len() as u32);
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Pads to `rows` rows.
    pub(super) fn pad(&mut self, rows: usize) {
        self.offsets.resize(rows + 1, self.items.len() as u32);
    }

    /// The same pairs listed by the `rows` rows of the table, each list in order.
    pub(super) fn reversed(&self, rows: usize) -> Self {
        let mut offsets = vec![0_u32; rows + 1];
        for &(item, _) in &self.items {
            offsets[item as usize + 1] += 1;
        }
        for row in 0..rows {
            offsets[row + 1] += offsets[row];
        }
        let mut next = offsets.clone();
        let mut items = vec![(0, 0.0); self.items.len()];
        for row in 0..self.len() {
            for &(item, weight) in self.row(row) {
                let place = &mut next[item as usize];
                items[*place as usize] = (row as u32, weight);
                *place += 1;
            }
        }
        Self { offsets, items }
    }

    /// Rows of the table that are named, each as often as it is.
    pub(super) fn named(&self) -> impl Iterator<Item = u32> {
        self.items.iter().map(|(item, _)| *item)
    }

    /// Gives every row of the table that is named its number in `numbers`.
    pub(super) fn renumber(&mut self, numbers: &[u32]) {
        for (item, _) in &mut self.items {
            *item = numbers[*item as usize];
        }
    }

    /// The pairs of `row`.
    #[inline(always)]
    pub(super) fn row(&self, row: usize) -> &[(u32, f32)] {
        &self.items[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }
}

/// `out = base + sums of listed rows` in `count` panels; rows of `out` past the lists are left alone.
pub(super) struct Collect<'a> {
    pub(super) lists: &'a Lists,
    /// The rows that are summed.
    pub(super) table: Columns<'a>,
    pub(super) base: Base,
    pub(super) out: ColumnsMut<'a>,
    /// Number of panels.
    pub(super) count: usize,
}

/// What sums begin with.
#[derive(Clone, Copy)]
pub(super) enum Base {
    Zero,
    /// What the result holds.
    Result,
}

/// Panels that are summed at once, so that lists are gone through less often.
const PANELS: usize = 4;

impl Collect<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(mut self, simd: S) {
        let whole = self.count - self.count % PANELS;
        for first in (0..whole).step_by(PANELS) {
            self.panels::<S, V, PANELS>(simd, first);
        }
        for panel in whole..self.count {
            self.panels::<S, V, 1>(simd, panel);
        }
    }

    /// `P` panels from `first` on.
    #[inline(always)]
    fn panels<S: Simd, const V: usize, const P: usize>(&mut self, simd: S, first: usize) {
        let tables: [_; P] = std::array::from_fn(|p| self.table.panel(first + p));
        let outs = self.out.some_mut::<P>(first);
        for row in 0..self.lists.len().min(outs[0].len()) {
            let items = self.lists.row(row);
            let mut sums = [Vector::<S, V>::splat(simd, 0.0); P];
            if let Base::Result = self.base {
                if items.is_empty() {
                    continue;
                }
                for p in 0..P {
                    sums[p] = Vector::load(simd, &outs[p][row]);
                }
            }
            for &(item, weight) in items {
                let weight = Vector::splat(simd, weight);
                for p in 0..P {
                    let lane = Vector::load(simd, &tables[p][item as usize]);
                    sums[p] = sums[p].plus(weight, lane);
                }
            }
            for p in 0..P {
                sums[p].store(&mut outs[p][row]);
            }
        }
    }
}

by_lane!(Collect);

/// `out += sums of the rows of grad`; `out` is `[1, columns]`.
pub(super) struct AddColumns<'a> {
    pub(super) grad: &'a Panels,
    pub(super) out: &'a mut Panels,
}

impl AddColumns<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        for panel in 0..self.out.count() {
            let out = &mut self.out.panel_mut(panel)[0];
            let mut sums = [Vector::<S, V>::splat(simd, 0.0); BLOCK];
            let (blocks, _) = self.grad.panel(panel).as_chunks::<BLOCK>();
            for block in blocks {
                for (sum, lane) in sums.iter_mut().zip(block) {
                    *sum = sum.add(Vector::<S, V>::load(simd, lane));
                }
            }
            let mut total = Vector::<S, V>::load(simd, out);
            for sum in sums {
                total = total.add(sum);
            }
            total.store(out);
        }
    }
}

by_lane!(AddColumns);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_turn_round_and_back() {
        let mut lists = Lists::default();
        lists.push([(2, 1.0), (0, 0.5)]);
        lists.push([]);
        lists.push([(2, -1.0)]);
        lists.pad(4);
        assert_eq!(lists.len(), 4);
        let reversed = lists.reversed(3);
        assert_eq!(reversed.row(0), [(0, 0.5)]);
        assert!(reversed.row(1).is_empty());
        assert_eq!(reversed.row(2), [(0, 1.0), (2, -1.0)]);
        assert_eq!(reversed.reversed(4).row(0), [(0, 0.5), (2, 1.0)]);
    }
}
