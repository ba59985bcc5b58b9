//! What can go wrong with strands and landscapes.

/// An error with the offending values and the remedy.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RnaError {
    /// A strand without bases.
    #[error("the strand is empty; give at least one of A, C, G, U")]
    Empty,
    /// A letter that is no base of RNA.
    #[error(
        "{letter:?} at position {position} is no base of RNA; write A, C, G, U (or T for U), \
         and resolve ambiguity codes such as N"
    )]
    Letter {
        /// What stands there.
        letter: char,
        /// Where, counted from 1.
        position: usize,
    },
    /// A strand longer than the limit.
    #[error("the strand has {bases} bases, over the limit of {limit}; cut it")]
    TooLong {
        /// Its length.
        bases: usize,
        /// The longest allowed.
        limit: usize,
    },
    /// A strand of another length than the landscape's.
    #[error("the strand has {bases} bases; {name} is about strands of {length}")]
    Length {
        /// Its length.
        bases: usize,
        /// The length of the landscape's strands.
        length: usize,
        /// The landscape.
        name: String,
    },
    /// A landscape that is not in the benchmark.
    #[error(
        "there is no landscape {name:?}; the names are L<length>_RNA<n> and L<length>_RNA<n>+<m> \
         with targets 1 to 4 (L14_RNA1, L50_RNA1+2, ...), and C20_L100_RNA<n>+<m>"
    )]
    NoLandscape {
        /// The name asked for.
        name: String,
    },
    /// A landscape without targets.
    #[error("{name} has no target; give at least one strand")]
    NoTarget {
        /// The landscape.
        name: String,
    },
    /// A target whose perfect partner does not bind, so that there is nothing to measure by.
    #[error(
        "target {index} of {name} has {energy} kcal/mol with its own complement; take a longer one"
    )]
    WeakTarget {
        /// The landscape.
        name: String,
        /// Which target, counted from 0.
        index: usize,
        /// Energy of the target with its complement, kcal/mol.
        energy: f64,
    },
}
