//! `anabranch-bench`: one workload of this library, measured on demand. `cargo xtask bench` runs it.

use std::io::{stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use anabranch_bench::{Context, Name, peak, products, protocol};
use anyhow::Result;
use clap::Parser;

/// As in the program `gfn`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures one workload: warms up, prints {"ready":true,...}, then answers each line `go <seconds>` of
/// standard input with {"units":N,"seconds":S,...} and goes on from there at the next one.
///
/// `cargo xtask bench --peers` and `--scaling` start it; by hand, try
/// `echo go 5 | anabranch-bench hypergrid-4x8-b16`.
#[derive(Parser)]
#[command(name = "anabranch-bench", version)]
struct Args {
    /// What to measure: hypergrid-4x8-b16, tfbind8-b16, ising-6-b16, fragments-b64, exact-4x8,
    /// molecules-qed, ...; or `peak`, which prints GFLOP/s on 1 to --threads threads and ends, or
    /// `products`, which prints rows, inputs, outputs and GFLOP/s of the peak and of products on one thread
    workload: String,
    /// Threads to use
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    threads: u16,
    /// Seconds of warming up
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// Learning rates of 0: steps do all of their work and trajectories stay as they were
    #[arg(long)]
    frozen: bool,
    /// A file of one SMILES a line, for molecules-*
    #[arg(long)]
    molecules: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(args: Args) -> Result<()> {
    let threads = usize::from(args.threads);
    if args.workload == "peak" {
        for threads in 1..=threads {
            println!("{threads} {:.1}", peak::gflops(threads, 1.0));
        }
        return Ok(());
    }
    if args.workload == "products" {
        for speed in products::speeds() {
            let (rows, inputs, outputs) = speed.size;
            let (peak, multiply, outer) = (speed.peak, speed.multiply, speed.outer);
            println!("{rows} {inputs} {outputs} {peak:.1} {multiply:.1} {outer:.1}");
        }
        return Ok(());
    }
    let name: Name = args.workload.parse()?;
    let context = Context {
        molecules: args.molecules,
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    // Inside the pool, as in `gfn`: from outside each parallel piece would wake a thread and wait for it.
    pool.install(|| {
        let mut workload = name.workload(&context)?;
        // A policy that learns is measured before it has learnt much.
        let mut warm_up = (args.warm_up, protocol::WARM_UP);
        if args.frozen {
            workload.freeze();
            warm_up.1 = u64::MAX;
        }
        protocol::serve(&mut *workload, warm_up, stdin().lock(), stdout().lock())
    })
}
