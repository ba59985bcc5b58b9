//! Anabranch for Python: the module `anabranch._native`, on which the package in `python/` stands.
//!
//! Everything that takes a while runs on threads of its own with the interpreter's lock released; see
//! `watch`. What a user sees (defaults, documentation, progress) is written in Python.

mod arrays;
mod call;
mod chem;
mod custom;
mod env;
mod error;
mod objectives;
mod policy;
mod run;
mod scoring;
mod watch;

use pyo3::prelude::*;

/// glibc returns every large buffer to the system at once; networks ask for the same sizes again in
/// the next step, and this allocator keeps them. Python's own objects do not pass through it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The native half of the package.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("commit", env!("GFN_COMMIT"))?;
    run::register(module)?;
    objectives::register(module)?;
    chem::register(module)?;
    env::register(module)?;
    custom::register(module)
}
