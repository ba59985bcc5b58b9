//! Tables of objects out of files: SMILES, CSV and its kin, SDF, Parquet, FASTA.
//!
//! [`Rows`] reads one row after another, [`Table`] all of them; each row knows its line. Text files may
//! be compressed with gzip, begin with a byte order mark and end lines as on Windows.
//!
//! | format | columns | lines |
//! |---|---|---|
//! | SMILES | `smiles`, `name` | SMILES, then by blanks or a tab the rest of the line; empty lines and `#` at the begin of a line are skipped |
//! | CSV | those of the first line | fields between `,`, `;`, tab or `\|`, whichever the first line has most of; quotes as in RFC 4180 |
//! | SDF | `smiles`, `title`, then every data item | records up to `$$$$`; V2000 and V3000 |
//! | Parquet | those of the schema | rows, counted from 1 |
//! | FASTA | `id`, `description`, `sequence` | sequences over several lines are joined and raised to upper case; `;` begins a comment |
//!
//! ```
//! use anabranch_data::load::{Options, Table};
//!
//! let folder = std::env::temp_dir().join("anabranch-doc-load");
//! std::fs::create_dir_all(&folder)?;
//! let file = folder.join("mine.csv");
//! std::fs::write(&file, "smiles;activity\nCCO;6.5\nc1ccccc1;7\n")?;
//! let table = Table::read(&file, &Options::default())?;
//! assert_eq!(table.texts(None)?, ["CCO", "c1ccccc1"]);
//! assert_eq!(table.numbers("activity")?, [6.5, 7.0]);
//! let error = table.numbers("smiles").unwrap_err().to_string();
//! assert!(error.contains("line 2") && error.contains("CCO"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod delimited;
mod error;
mod fasta;
mod format;
mod lines;
mod parquet;
mod sdf;
mod smiles;
mod table;
mod text;

pub use error::LoadError;
pub use format::{Format, Options};
pub use table::{Row, Rows, Table};

/// Longest line, in bytes.
pub const MAX_LINE: usize = 1 << 20;

/// Longest record (a row of CSV, a molecule of SDF, a sequence of FASTA), in bytes.
pub const MAX_RECORD: usize = 16 << 20;

/// Most columns.
pub const MAX_COLUMNS: usize = 10_000;
