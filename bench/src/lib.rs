//! Workloads of the benchmarks: what is measured, by itself and beside other programs.
//!
//! A [`Workload`] has a name that says all about it ([`Name`]) and does one unit at a time, a training
//! step for instance. The program `anabranch-bench` measures one of them by the [`protocol`] that the
//! scripts in `bench/peers` speak too; `cargo xtask bench` drives both.
//!
//! Nothing is judged here: no test asks for a speed.
//!
//! ```
//! use anabranch_bench::{Context, Name};
//!
//! let name: Name = "hypergrid-2x8-b16".parse()?;
//! let mut workload = name.workload(&Context::default())?;
//! let done = workload.unit()?;
//! assert_eq!((done.units, done.trajectories), (1, 16));
//! # Ok::<(), anyhow::Error>(())
//! ```

pub mod memory;
pub mod peak;
pub mod products;
pub mod protocol;
pub mod training;
pub mod workload;

pub use training::Training;
pub use workload::{Context, Done, Name, Workload};
