//! A new environment: bags of at most `capacity` marbles in three colours.

use anabranch_core::{CoreError, Discrete, Enumerable, Environment, Seed, conformance};

struct Bag {
    capacity: u8,
}

impl Environment for Bag {
    type State = [u8; 3]; // How many marbles there are of each colour.
    type Action = usize; // The colour of the next marble.

    fn source(&self) -> [u8; 3] {
        [0; 3]
    }
    fn can_stop(&self, bag: &[u8; 3]) -> bool {
        bag.iter().sum::<u8>() > 0
    }
    fn step(&self, bag: &mut [u8; 3], colour: usize) {
        bag[colour] += 1;
    }
    fn undo(&self, bag: &mut [u8; 3], colour: usize) {
        bag[colour] -= 1;
    }
}

impl Discrete for Bag {
    fn actions(&self, bag: &[u8; 3], out: &mut Vec<usize>) {
        if bag.iter().sum::<u8>() < self.capacity {
            out.extend(0..3);
        }
    }
    fn parents(&self, bag: &[u8; 3], out: &mut Vec<usize>) {
        out.extend((0..3).filter(|&colour| bag[colour] > 0));
    }
}

impl Enumerable for Bag {
    fn states(&self) -> Vec<[u8; 3]> {
        let n = self.capacity + 1;
        let all = (0..n * n * n).map(|i| [i % n, i / n % n, i / n / n]);
        all.filter(|bag| bag.iter().sum::<u8>() < n).collect()
    }
    fn index(&self, bag: &[u8; 3]) -> usize {
        self.states().iter().position(|s| s == bag).expect("a bag")
    }
}

fn main() -> Result<(), CoreError> {
    let log_reward = |bag: &[u8; 3]| f64::from(bag[0]);
    let laws = conformance::check_laws(&Bag { capacity: 4 }, Seed::new(0), 100, log_reward)?;
    println!("{laws}");
    Ok(())
}
