//! Between numpy's arrays and plain vectors.

use anabranch_core::Ragged;
use numpy::{
    AllowTypeChange, Element, PyArray1, PyArray2, PyArrayLike1, PyArrayMethods, PyReadonlyArray1,
};
use pyo3::prelude::*;

use crate::error::{Failure, Result};

/// A vector of numbers, of whatever type they come in.
pub type Numbers<'py> = PyArrayLike1<'py, f64, AllowTypeChange>;

/// Whole numbers.
pub type Whole<'py> = PyArrayLike1<'py, i64, AllowTypeChange>;

/// A copy of `array`, contiguous or not.
pub fn vector<T: Element + Copy>(array: &PyReadonlyArray1<'_, T>) -> Vec<T> {
    array.as_array().iter().copied().collect()
}

/// `[n]` numbers out of whatever Python has; none where it is no array of one dimension.
pub fn numbers(values: &Bound<'_, PyAny>) -> Option<Vec<f64>> {
    // A number alone may be made of an array [1], so older numpys let rows of one pass for numbers.
    let dimensions = values.getattr("ndim").and_then(|n| n.extract::<usize>());
    if dimensions.is_ok_and(|n| n != 1) {
        return None;
    }
    let values: Numbers<'_> = values.extract().ok()?;
    Some(vector(&values))
}

/// A new numpy array `[n]`.
pub fn array<T: Element>(py: Python<'_>, values: Vec<T>) -> Bound<'_, PyArray1<T>> {
    PyArray1::from_vec(py, values)
}

/// A new numpy array `[rows, columns]`.
///
/// # Errors
/// Where the sizes do not fit; Python's memory.
pub fn matrix<T: Element>(
    py: Python<'_>,
    values: Vec<T>,
    rows: usize,
    columns: usize,
) -> PyResult<Bound<'_, PyArray2<T>>> {
    PyArray1::from_vec(py, values).reshape([rows, columns])
}

/// `offsets` as places in an array of `items` entries.
///
/// # Errors
/// `ValueError` where they do not begin with 0, fall, or do not end with `items`.
pub fn offsets(name: &str, offsets: &Whole<'_>, items: usize) -> Result<Vec<usize>> {
    let given = vector(offsets);
    let places: Option<Vec<usize>> = given.iter().map(|&o| usize::try_from(o).ok()).collect();
    places
        .filter(|places| Ragged::from_parts(vec![(); items], places.clone()).is_some())
        .ok_or_else(|| {
            Failure::value(format!(
                "{name} must begin with 0, never fall and end with {items}, the number of entries; \
                 they are {} numbers, the first {:?} and the last {:?}",
                given.len(),
                given.first(),
                given.last()
            ))
        })
}

/// Rows from a flat array and the places where they begin.
///
/// # Errors
/// As [`offsets`].
pub fn ragged(name: &str, items: &Numbers<'_>, at: &Whole<'_>) -> Result<Ragged<f64>> {
    let items = vector(items);
    let at = offsets(name, at, items.len())?;
    Ragged::from_parts(items, at)
        .ok_or_else(|| Failure::value(format!("{name} do not fit their array")))
}
