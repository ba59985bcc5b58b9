//! Molecules in, numpy out.

use anabranch_chem::{
    ChemError, Descriptor, Fingerprint, Molecule, sa_score, scaffold as murcko, tanimoto,
};
use numpy::{PyArray1, PyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rayon::prelude::*;

use crate::arrays::{array, matrix};
use crate::error::{Failure, Result, exception};
use crate::watch::waited;

/// `f` of each molecule, over threads; what cannot be read or has no value is an error that says which,
/// or `None` where that is wanted.
fn each<T: Send>(
    py: Python<'_>,
    smiles: &[String],
    nan: bool,
    f: impl Fn(&Molecule) -> std::result::Result<T, ChemError> + Sync,
) -> Result<Vec<Option<T>>> {
    let all: Vec<std::result::Result<T, ChemError>> = waited(py, || {
        smiles
            .par_iter()
            .map(|text| f(&Molecule::from_smiles(text)?))
            .collect()
    })?;
    let mut out = Vec::with_capacity(all.len());
    for (place, value) in all.into_iter().enumerate() {
        match value {
            Ok(value) => out.push(Some(value)),
            Err(_) if nan => out.push(None),
            Err(error) => {
                let message = format!("smiles[{place}]: {error}");
                return Err(Failure::Python(exception(py, "ChemError", message)));
            }
        }
    }
    Ok(out)
}

fn numbers(values: Vec<Option<f64>>) -> Vec<f64> {
    values
        .into_iter()
        .map(|value| value.unwrap_or(f64::NAN))
        .collect()
}

/// Canonical SMILES, `None` for what is no molecule.
#[pyfunction]
fn canonical(py: Python<'_>, smiles: Vec<String>, nan: bool) -> Result<Vec<Option<String>>> {
    each(py, &smiles, nan, |m| Ok(m.smiles()?.to_owned()))
}

/// Murcko scaffolds as canonical SMILES, `None` for what is no molecule.
#[pyfunction]
fn scaffold(py: Python<'_>, smiles: Vec<String>, nan: bool) -> Result<Vec<Option<String>>> {
    each(py, &smiles, nan, murcko)
}

/// `[n]` of one descriptor, or of the synthetic accessibility where the name is `sa`.
#[pyfunction]
fn descriptor<'py>(
    py: Python<'py>,
    name: &str,
    smiles: Vec<String>,
    nan: bool,
) -> Result<Bound<'py, PyArray1<f64>>> {
    let values = match name {
        "sa" => each(py, &smiles, nan, sa_score)?,
        name => {
            let which = Descriptor::parse(name)?;
            each(py, &smiles, nan, |m| which.of(m))?
        }
    };
    Ok(array(py, numbers(values)))
}

/// Every descriptor by its name, `[n]` each; each molecule is read once.
#[pyfunction]
fn descriptors<'py>(py: Python<'py>, smiles: Vec<String>, nan: bool) -> Result<Bound<'py, PyDict>> {
    let rows = each(py, &smiles, nan, |m| {
        Descriptor::ALL
            .into_iter()
            .map(|which| match which.of(m) {
                Ok(value) => Ok(value),
                // A molecule may be sound and one of its descriptors still not defined.
                Err(ChemError::Undefined { .. }) if nan => Ok(f64::NAN),
                Err(error) => Err(error),
            })
            .collect::<std::result::Result<Vec<f64>, ChemError>>()
    })?;
    let out = PyDict::new(py);
    for (place, which) in Descriptor::ALL.into_iter().enumerate() {
        let values = rows
            .iter()
            .map(|row| row.as_ref().map_or(f64::NAN, |row| row[place]))
            .collect();
        out.set_item(which.name(), array(py, values))?;
    }
    Ok(out)
}

fn prints(
    py: Python<'_>,
    smiles: &[String],
    radius: u32,
    bits: u32,
    nan: bool,
) -> Result<Vec<Option<Fingerprint>>> {
    each(py, smiles, nan, |m| Fingerprint::morgan(m, radius, bits))
}

/// `[n, bits]` Morgan fingerprints as 0 and 1; a row of zeros for what is no molecule.
#[pyfunction]
fn fingerprints<'py>(
    py: Python<'py>,
    smiles: Vec<String>,
    radius: u32,
    bits: u32,
    nan: bool,
) -> Result<Bound<'py, PyArray2<u8>>> {
    let rows = prints(py, &smiles, radius, bits, nan)?;
    let width = bits as usize;
    let mut out = vec![0_u8; rows.len() * width];
    for (row, place) in rows.iter().zip((0..).step_by(width.max(1))) {
        for bit in row.iter().flat_map(Fingerprint::on_bits) {
            out[place + bit as usize] = 1;
        }
    }
    Ok(matrix(py, out, rows.len(), width)?)
}

/// `[n, m]` Tanimoto similarities of Morgan fingerprints; NaN beside what is no molecule.
#[pyfunction]
fn tanimoto_matrix<'py>(
    py: Python<'py>,
    left: Vec<String>,
    right: Option<Vec<String>>,
    radius: u32,
    bits: u32,
    nan: bool,
) -> Result<Bound<'py, PyArray2<f64>>> {
    let a = prints(py, &left, radius, bits, nan)?;
    let b = right
        .map(|right| prints(py, &right, radius, bits, nan))
        .transpose()?;
    let b = b.as_ref().unwrap_or(&a);
    let values: Vec<f64> = waited(py, || {
        a.par_iter()
            .flat_map_iter(|x| {
                b.iter().map(move |y| match (x, y) {
                    (Some(x), Some(y)) => tanimoto(x, y),
                    _ => f64::NAN,
                })
            })
            .collect()
    })?;
    Ok(matrix(py, values, a.len(), b.len())?)
}

/// Adds this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(canonical, module)?)?;
    module.add_function(wrap_pyfunction!(scaffold, module)?)?;
    module.add_function(wrap_pyfunction!(descriptor, module)?)?;
    module.add_function(wrap_pyfunction!(descriptors, module)?)?;
    module.add_function(wrap_pyfunction!(fingerprints, module)?)?;
    module.add_function(wrap_pyfunction!(tanimoto_matrix, module)?)
}
