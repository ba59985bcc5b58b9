//! What is compared with whom.

/// Another program, by the script that drives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// As in the table.
    pub name: &'static str,
    /// In `bench/peers`.
    pub script: &'static str,
    /// Its section of `bench/peers/requirements.txt`.
    pub environment: &'static str,
}

const GFNX: Peer = Peer {
    name: "gfnx",
    script: "gfnx_peer.py",
    environment: "jax",
};
const TORCHGFN: Peer = Peer {
    name: "torchgfn",
    script: "torchgfn_peer.py",
    environment: "torch",
};
const PYTORCH: Peer = Peer {
    name: "PyTorch",
    script: "fragments_peer.py",
    environment: "torch",
};
/// The real one, where ANABRANCH_GFLOWNET says that it is.
const RECURSION: Peer = Peer {
    name: "Recursion's gflownet",
    script: "recursion_peer.py",
    environment: "torch",
};
const RDKIT: Peer = Peer {
    name: "RDKit",
    script: "rdkit_peer.py",
    environment: "torch",
};

/// One row of measurements.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// As bench/src/workload/name.rs and the scripts read it.
    pub name: &'static str,
    /// What is counted.
    pub unit: &'static str,
    /// Who does the same.
    pub peers: &'static [Peer],
    /// Units of a turn at most. A trajectory grows as a policy learns, and so does the cost of a step:
    /// this keeps a fast program from being measured further into its training than a slow one.
    pub most: Option<u64>,
}

const fn steps(name: &'static str, peers: &'static [Peer], most: u64) -> Workload {
    Workload {
        name,
        unit: "steps",
        peers,
        most: Some(most),
    }
}

const fn molecules(name: &'static str) -> Workload {
    Workload {
        name,
        unit: "molecules",
        peers: &[RDKIT],
        most: None,
    }
}

const BOTH: &[Peer] = &[GFNX, TORCHGFN];

/// Every row, in the order of the table.
pub const WORKLOADS: &[Workload] = &[
    steps("hypergrid-2x20-b16", BOTH, 100),
    steps("hypergrid-2x20-b256", BOTH, 12),
    steps("hypergrid-4x8-b16", BOTH, 100),
    steps("hypergrid-4x8-b256", BOTH, 12),
    steps("hypergrid-8x10-b16", BOTH, 100),
    steps("hypergrid-8x10-b256", BOTH, 12),
    steps("bitseq-120x8-b16", &[GFNX], 50),
    steps("tfbind8-b16", &[GFNX], 2_000),
    steps("ising-6-b16", BOTH, 100),
    steps("fragments-b64", &[PYTORCH, RECURSION], 10),
    Workload {
        name: "exact-4x8",
        unit: "evaluations",
        peers: BOTH,
        most: None,
    },
    molecules("molecules-parse"),
    molecules("molecules-qed"),
    molecules("molecules-sa"),
    molecules("molecules-morgan"),
];
