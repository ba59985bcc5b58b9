//! Sums of rows that graphs link: what message passing does beside products of matrices.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::policy::kernels::{Finish, SLOPE};
use crate::policy::panels::{BLOCK, Lane, Panels};

/// For each row of a result the rows of a table that are summed. Padded to whole blocks of rows.
#[derive(Debug)]
pub(super) struct Links {
    offsets: Vec<u32>,
    items: Vec<u32>,
}

impl Default for Links {
    fn default() -> Self {
        Self {
            offsets: vec![0],
            items: Vec::new(),
        }
    }
}

impl Links {
    /// Appends a row.
    pub(super) fn push(&mut self, row: impl IntoIterator<Item = u32>) {
        self.items.extend(row);
        self.offsets.push(self.items.len() as u32);
    }

    /// Pads to whole blocks of rows, one at least.
    pub(super) fn padded(mut self) -> Self {
        let rows = padded_rows(self.rows());
        self.offsets.resize(rows + 1, self.items.len() as u32);
        self
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The same links from the `rows` rows of the table, each list in order.
    pub(super) fn reversed(&self, rows: usize) -> Self {
        let mut offsets = vec![0_u32; rows + 1];
        for &item in &self.items {
            offsets[item as usize + 1] += 1;
        }
        for row in 0..rows {
            offsets[row + 1] += offsets[row];
        }
        let mut next = offsets.clone();
        let mut items = vec![0; self.items.len()];
        for row in 0..self.rows() {
            for &item in self.row(row) {
                let place = &mut next[item as usize];
                items[*place as usize] = row as u32;
                *place += 1;
            }
        }
        Self { offsets, items }
    }

    #[inline(always)]
    fn row(&self, row: usize) -> &[u32] {
        &self.items[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }
}

/// `count` rows in whole blocks, one at least.
pub(super) fn padded_rows(count: usize) -> usize {
    count.max(1).next_multiple_of(BLOCK)
}

/// Linked rows of some panels of a table.
pub(super) struct Term<'a> {
    pub(super) links: &'a Links,
    pub(super) table: &'a Panels,
    /// The first panel of the table that is read.
    pub(super) panel: usize,
}

/// `out = finish(bias + bases + sums of linked rows)` in some panels of `out`.
pub(super) struct Blend<'a> {
    /// `[1, columns]`
    pub(super) bias: Option<&'a Panels>,
    /// Summands row for row, with the first panel that is read.
    pub(super) bases: &'a [(&'a Panels, usize)],
    pub(super) terms: &'a [Term<'a>],
    pub(super) finish: Finish<'a>,
    pub(super) out: &'a mut Panels,
    /// The panels that are written.
    pub(super) panels: Range<usize>,
}

/// Plain loops over a lane: the compiler turns them into the vectors that `dispatch` has chosen.
#[inline(always)]
fn add(sum: &mut Lane, lane: &Lane) {
    for (s, l) in sum.iter_mut().zip(lane) {
        *s += l;
    }
}

/// `x` where `by` is above zero, `SLOPE * x` elsewhere.
#[inline(always)]
fn leaky(x: &mut Lane, by: &Lane) {
    for (x, by) in x.iter_mut().zip(by) {
        *x = if *by > 0.0 { *x } else { SLOPE * *x };
    }
}

impl WithSimd for Blend<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (index, panel) in self.panels.enumerate() {
            let first = self.bias.map_or([0.0; _], |bias| bias.panel(index)[0]);
            let mask = match self.finish {
                Finish::Mask(results) => Some(results.panel(index)),
                _ => None,
            };
            for (row, out) in self.out.panel_mut(panel).iter_mut().enumerate() {
                let mut sum = first;
                for (base, start) in self.bases {
                    add(&mut sum, &base.panel(start + index)[row]);
                }
                for term in self.terms {
                    let table = term.table.panel(term.panel + index);
                    for &item in term.links.row(row) {
                        add(&mut sum, &table[item as usize]);
                    }
                }
                match (self.finish, mask) {
                    (Finish::Activate, _) => {
                        let by = sum;
                        leaky(&mut sum, &by);
                    }
                    (_, Some(results)) => leaky(&mut sum, &results[row]),
                    _ => {}
                }
                *out = sum;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_turn_round_and_back() {
        let mut links = Links::default();
        links.push([2, 0]);
        links.push([]);
        links.push([2]);
        let links = links.padded();
        assert_eq!(links.rows(), BLOCK);
        let reversed = links.reversed(3);
        assert_eq!(reversed.row(0), [0]);
        assert_eq!(reversed.row(1), [0_u32; 0]);
        assert_eq!(reversed.row(2), [0, 2]);
        assert_eq!(reversed.reversed(BLOCK).row(0), [0, 2]);
    }
}
