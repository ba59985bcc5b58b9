//! One shape for everything that varies in length: trajectories, legal moves, parents, scores.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A list of rows of different lengths, stored as one flat list and the places where rows begin.
///
/// `offsets` has one entry more than there are rows; row `i` is `items[offsets[i]..offsets[i + 1]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ragged<T> {
    items: Vec<T>,
    offsets: Vec<usize>,
}

impl<T> Default for Ragged<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Ragged<T> {
    /// No rows.
    pub fn new() -> Self {
        Self {
            items: Vec::new(),
            offsets: vec![0],
        }
    }

    /// Rows from a flat list and `offsets` (`[rows + 1]`, beginning with 0, never falling, ending with
    /// `items.len()`), or `None` where they do not fit together.
    pub fn from_parts(items: Vec<T>, offsets: Vec<usize>) -> Option<Self> {
        let sound = offsets.first() == Some(&0)
            && offsets.last() == Some(&items.len())
            && offsets.windows(2).all(|pair| pair[0] <= pair[1]);
        sound.then_some(Self { items, offsets })
    }

    /// No rows yet, and room for `rows` of them with `items` items in all.
    pub fn with_capacity(rows: usize, items: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self {
            items: Vec::with_capacity(items),
            offsets,
        }
    }

    /// Appends one row.
    pub fn push_row(&mut self, row: impl IntoIterator<Item = T>) {
        self.items.extend(row);
        self.offsets.push(self.items.len());
    }

    /// Appends a row that `fill` writes at the end of the flat list.
    ///
    /// # Panics
    /// If `fill` shortens the list: earlier rows are not its to touch.
    pub fn push_with(&mut self, fill: impl FnOnce(&mut Vec<T>)) {
        let before = self.items.len();
        fill(&mut self.items);
        assert!(self.items.len() >= before, "a row may only be appended");
        self.offsets.push(self.items.len());
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Row `index`.
    pub fn row(&self, index: usize) -> &[T] {
        &self.items[self.range(index)]
    }

    /// Row `index`, to write to.
    pub fn row_mut(&mut self, index: usize) -> &mut [T] {
        let range = self.range(index);
        &mut self.items[range]
    }

    /// Where row `index` lies in the flat list.
    pub fn range(&self, index: usize) -> Range<usize> {
        self.offsets[index]..self.offsets[index + 1]
    }

    /// The rows in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[T]> {
        self.offsets
            .windows(2)
            .map(|pair| &self.items[pair[0]..pair[1]])
    }

    /// All items of all rows, flat.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// `[rows + 1]` Where the rows begin and the last one ends.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// The same rows with every item replaced.
    pub fn map<U>(&self, f: impl FnMut(&T) -> U) -> Ragged<U> {
        Ragged {
            items: self.items.iter().map(f).collect(),
            offsets: self.offsets.clone(),
        }
    }
}

impl<T> FromIterator<Vec<T>> for Ragged<T> {
    fn from_iter<I: IntoIterator<Item = Vec<T>>>(rows: I) -> Self {
        let mut out = Self::new();
        for row in rows {
            out.push_row(row);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_pushed() {
        let mut ragged = Ragged::new();
        ragged.push_row([1, 2]);
        ragged.push_row([]);
        ragged.push_with(|items| items.push(3));
        assert_eq!(ragged.rows().collect::<Vec<_>>(), [&[1, 2][..], &[], &[3]]);
        assert_eq!(ragged.range(2), 2..3);
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        assert!(Ragged::from_parts(vec![1, 2], vec![0, 1]).is_none());
        assert!(Ragged::from_parts(vec![1, 2], vec![0, 2, 1, 2]).is_none());
        assert!(Ragged::from_parts(vec![1, 2], vec![0, 0, 2]).is_some());
    }
}
