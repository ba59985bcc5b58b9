//! What can go wrong with a molecule, and what to do about it.

use thiserror::Error;

/// An error of this crate. Every variant carries the offending value and says the remedy.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ChemError {
    /// The SMILES text is empty or only white space.
    #[error("empty SMILES: give at least one atom, for example \"C\"")]
    EmptySmiles,
    /// The SMILES text is longer than [`MAX_SMILES_BYTES`](crate::MAX_SMILES_BYTES).
    #[error(
        "SMILES of {bytes} bytes is over the limit of {limit}: this tool is for small molecules, \
         split or drop the record"
    )]
    TooLong {
        /// Length of the text in bytes.
        bytes: usize,
        /// Longest text accepted, in bytes.
        limit: usize,
    },
    /// The molecule has more heavy atoms than [`MAX_HEAVY_ATOMS`](crate::MAX_HEAVY_ATOMS).
    #[error(
        "molecule with {atoms} heavy atoms is over the limit of {limit} (the cost of canonical \
         SMILES grows as the cube of the size): split or drop it"
    )]
    TooManyAtoms {
        /// Heavy atoms counted.
        atoms: usize,
        /// Most heavy atoms accepted.
        limit: usize,
    },
    /// A control character other than tab or a line end stands in the SMILES text.
    #[error("control character 0x{byte:02x} at byte {position} of a SMILES: remove it")]
    ControlCharacter {
        /// The character's code.
        byte: u8,
        /// Its place in the text, in bytes from 0.
        position: usize,
    },
    /// A character outside ASCII stands in the SMILES text (names after a space may hold any).
    #[error(
        "character {character:?} at byte {position} is not part of SMILES: the text was probably \
         decoded with the wrong encoding or copied with a stray symbol, remove it"
    )]
    NotAscii {
        /// The offending character.
        character: char,
        /// Its place in the text, in bytes from 0.
        position: usize,
    },
    /// A record of a MOL or SD file is not one, or the molecule it describes breaks the rules of valence.
    #[error("cannot read the MOL block of {title:?}: {reason}; check the record with its source")]
    MolBlock {
        /// Its title line.
        title: String,
        /// What is wrong.
        reason: String,
    },
    /// The text is not a SMILES, or the molecule it describes breaks the rules of valence.
    #[error("cannot read SMILES {smiles:?}: {reason}; check the text with its source")]
    Smiles {
        /// The text as given.
        smiles: String,
        /// What the engine found.
        reason: String,
    },
    /// The text is not a SMARTS.
    #[error(
        "cannot read SMARTS {smarts:?}: {reason}; check it, for example with a drawing program"
    )]
    Smarts {
        /// The text as given.
        smarts: String,
        /// What the engine found.
        reason: String,
    },
    /// The engine could not compute something for a molecule it had accepted.
    #[error("{operation} failed for {molecule:?}: {reason}; drop the molecule and report it")]
    Engine {
        /// What was asked for.
        operation: &'static str,
        /// The molecule, as far as it could be written down.
        molecule: String,
        /// What the engine said.
        reason: String,
    },
    /// The engine panicked; the panic was contained.
    #[error(
        "{operation} hit a defect of the chemistry engine on {molecule:?} ({reason}): drop the \
         molecule and report it"
    )]
    Panicked {
        /// What was asked for.
        operation: &'static str,
        /// The molecule or text it happened on.
        molecule: String,
        /// The panic message.
        reason: String,
    },
    /// No descriptor has this name.
    #[error("unknown descriptor {name:?}: choose one of {known}")]
    UnknownDescriptor {
        /// The name as given.
        name: String,
        /// All known names, comma separated.
        known: String,
    },
    /// A descriptor is not defined for this molecule.
    #[error("{descriptor} is not defined for {molecule:?}: {reason}")]
    Undefined {
        /// The descriptor's name.
        descriptor: &'static str,
        /// The molecule.
        molecule: String,
        /// Why it has no value.
        reason: &'static str,
    },
    /// A vocabulary was given no fragments.
    #[error("a vocabulary needs at least one fragment")]
    EmptyVocabulary,
    /// A fragment's SMILES cannot be used.
    #[error("fragment {fragment} ({smiles:?}) is unusable: {source}")]
    BadFragment {
        /// The fragment's place in the vocabulary, from 0.
        fragment: usize,
        /// Its SMILES.
        smiles: String,
        /// Why.
        #[source]
        source: Box<ChemError>,
    },
    /// A stem names an atom the fragment does not have.
    #[error(
        "fragment {fragment} ({smiles:?}) has {atoms} atoms, but a stem names atom {stem}: atoms \
         are counted from 0 in the order they are written"
    )]
    StemAtomOutOfRange {
        /// The fragment's place in the vocabulary, from 0.
        fragment: usize,
        /// Its SMILES.
        smiles: String,
        /// The atom index asked for.
        stem: usize,
        /// Atoms the fragment has.
        atoms: usize,
    },
    /// A fragment has no stem or more than [`MAX_STEMS`](crate::MAX_STEMS).
    #[error("fragment {fragment} ({smiles:?}) has {stems} stems: give 1 to {limit}")]
    StemCount {
        /// The fragment's place in the vocabulary, from 0.
        fragment: usize,
        /// Its SMILES.
        smiles: String,
        /// Stems given.
        stems: usize,
        /// Most stems accepted.
        limit: usize,
    },
    /// An assembly without fragments.
    #[error("nothing to assemble: give at least one node")]
    EmptyAssembly,
    /// A node names a fragment the vocabulary does not have.
    #[error("node {node} asks for fragment {fragment}, but the vocabulary has {size}")]
    FragmentOutOfRange {
        /// The node, from 0.
        node: usize,
        /// The fragment asked for.
        fragment: usize,
        /// Fragments in the vocabulary.
        size: usize,
    },
    /// An edge names a node that is not there, or joins a node with itself.
    #[error("edge {edge} joins nodes {a} and {b}: give two different nodes below {nodes}")]
    BadEdge {
        /// The edge, from 0.
        edge: usize,
        /// Its first node.
        a: usize,
        /// Its second node.
        b: usize,
        /// Nodes in the assembly.
        nodes: usize,
    },
    /// An edge names a stem its fragment does not have.
    #[error("edge {edge} uses stem {stem} of node {node}, which has {stems} stems")]
    StemOutOfRange {
        /// The edge, from 0.
        edge: usize,
        /// The node.
        node: usize,
        /// The stem asked for.
        stem: usize,
        /// Stems the node's fragment has.
        stems: usize,
    },
    /// Two edges use the same stem of the same node.
    #[error("edge {edge} uses stem {stem} of node {node} a second time: a stem joins once")]
    StemTaken {
        /// The edge, from 0.
        edge: usize,
        /// The node.
        node: usize,
        /// The stem asked for.
        stem: usize,
    },
    /// The edges do not join all nodes into one molecule.
    #[error("{nodes} fragments fall into {pieces} pieces: add edges until they are one")]
    Disconnected {
        /// Nodes in the assembly.
        nodes: usize,
        /// Connected pieces they form.
        pieces: usize,
    },
    /// The joined fragments are no possible molecule, for example by an atom with too many bonds.
    #[error("fragments {nodes:?} joined by {edges:?} are not a molecule: {reason}")]
    BadAssembly {
        /// Fragment of each node.
        nodes: Vec<usize>,
        /// Edges as given.
        edges: Vec<(usize, usize, usize, usize)>,
        /// What the engine said.
        reason: String,
    },
}
