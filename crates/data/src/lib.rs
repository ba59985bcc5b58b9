//! Data: the sets that a user downloads, and files of their own.
//!
//! What is here: [`Manifest`], the list of public data sets with origin, licence and SHA-256;
//! [`fetch()`], which obtains them; [`verify`], which checks what is there; and [`load`], which reads
//! tables of objects from SMILES, CSV, SDF, Parquet and FASTA.
//!
//! What is not here: where a task looks for its files
//! ([`data_file`](anabranch_core::data::data_file)), and what it makes of them.
//!
//! ```
//! use anabranch_data::Manifest;
//!
//! let manifest = Manifest::built_in()?;
//! let set = manifest.set("tfbind8")?;
//! assert_eq!(set.files[0].path, "tfbind8/six6_ref_r1.csv.gz");
//! assert!(manifest.set("tfbind9").unwrap_err().to_string().contains("did you mean tfbind8"));
//! # Ok::<(), anabranch_data::DataError>(())
//! ```

mod content;
mod error;
pub mod fetch;
pub mod load;
mod manifest;
mod place;

pub use content::{Content, verify};
pub use error::DataError;
pub use fetch::fetch;
pub use manifest::{Archive, Convert, File, Manifest, Origin, Set, Source};
pub use place::{Presence, folder_to_fetch_into, presence};
