//! Sums of chosen rows: features, neighbours, the rows that a head reads, and the way back from each.

#![allow(
    clippy::needless_range_loop,
    reason = "counted loops keep sums in registers; iterators over them go through memory"
)]

use pulp::Simd;

use super::vector::Vector;
use crate::policy::kernels::by_lane;
use crate::policy::panels::{BLOCK, Columns, ColumnsMut};

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

/// `out = base + sums of listed rows` of `N` tables, in `count` panels; rows of `out` past the lists are left
/// alone.
pub(super) struct Collect<'a, const N: usize> {
    /// Lists that are equally long, and the rows that are summed.
    pub(super) sources: [(&'a Lists, Columns<'a>); N],
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

impl<const N: usize> Collect<'_, N> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(mut self, simd: S) {
        // As many panels at once as the registers hold: how long a list is, a processor guesses wrong.
        let mut first = 0;
        while first < self.count {
            first += match self.count - first {
                left if left.is_multiple_of(6) => self.panels::<S, V, 6>(simd, first),
                4.. => self.panels::<S, V, 4>(simd, first),
                _ => self.panels::<S, V, 1>(simd, first),
            };
        }
    }

    /// `P` panels from `first` on; returns `P`.
    #[inline(always)]
    fn panels<S: Simd, const V: usize, const P: usize>(&mut self, simd: S, first: usize) -> usize {
        let mut tables = [[&[][..]; P]; N];
        let mut rows = usize::MAX;
        for (n, (lists, table)) in self.sources.iter().enumerate() {
            rows = rows.min(lists.len());
            for p in 0..P {
                tables[n][p] = table.panel(first + p);
            }
        }
        let outs = self.out.some_mut::<P>(first);
        for row in 0..rows.min(outs[0].len()) {
            let mut sums = [Vector::<S, V>::splat(simd, 0.0); P];
            if let Base::Result = self.base {
                if self
                    .sources
                    .iter()
                    .all(|(lists, _)| lists.row(row).is_empty())
                {
                    continue;
                }
                for p in 0..P {
                    sums[p] = Vector::load(simd, &outs[p][row]);
                }
            }
            for n in 0..N {
                for &(item, weight) in self.sources[n].0.row(row) {
                    let weight = Vector::splat(simd, weight);
                    for p in 0..P {
                        let lane = Vector::load(simd, &tables[n][p][item as usize]);
                        sums[p] = sums[p].plus(weight, lane);
                    }
                }
            }
            for p in 0..P {
                sums[p].store(&mut outs[p][row]);
            }
        }
        P
    }
}

by_lane!(Collect with N);

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
