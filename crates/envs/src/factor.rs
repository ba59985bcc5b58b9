//! Factor graphs: a sum of energies, each of a few variables, over variables assigned in any order.
//!
//! Deleu et al. 2024 (arXiv 2402.10309) use such energies to compare objectives where all of log Z, the
//! flows and the marginals are known. The environment is [`Slots`]: slot i is variable i.

use anabranch_core::logspace::log_sum_exp;
use anabranch_core::{Reward, RewardError, Seed};
use rand_distr::{Distribution, StandardNormal};

use crate::EnvError;
use crate::counting::{finite, power};
use crate::slots::{Filling, Slots};

/// Most entries of a table that [`Factors::log_z`] makes.
pub const MAX_TABLE: usize = 1 << 24;

/// An energy of some variables.
#[derive(Clone, Debug, PartialEq)]
pub struct Factor {
    /// Different variables, by number.
    pub variables: Vec<usize>,
    /// `[v^k]` energy in nats for every assignment of the k variables; the last one counts fastest.
    pub energies: Vec<f64>,
}

/// log R(x) = minus the sum of all factors of x.
#[derive(Clone, Debug)]
pub struct Factors {
    env: Slots,
    factors: Vec<Factor>,
}

impl Factors {
    /// `variables` variables of `values` values with the energies of `factors`.
    ///
    /// # Errors
    /// Sizes that [`Slots::new`] refuses, and factors that name a variable twice or one that does not
    /// exist, whose table has the wrong length, or that hold an energy that is not finite.
    pub fn new(variables: usize, values: usize, factors: Vec<Factor>) -> Result<Self, EnvError> {
        let env = Slots::new(variables, values)?;
        for (number, factor) in factors.iter().enumerate() {
            for (place, &variable) in factor.variables.iter().enumerate() {
                if variable >= variables || factor.variables[..place].contains(&variable) {
                    return Err(EnvError::out_of_range(
                        "a variable of a factor",
                        format!("{variable} (factor {number})"),
                        format!("below {variables}, and in the factor once"),
                    ));
                }
            }
            let entries = power(values, factor.variables.len());
            if factor.energies.len() != entries {
                return Err(EnvError::out_of_range(
                    "number of energies of a factor",
                    format!("{} (factor {number})", factor.energies.len()),
                    format!("{entries}, {values} values to the power of its variables"),
                ));
            }
            factor
                .energies
                .iter()
                .try_for_each(|&energy| finite("an energy of a factor", energy))?;
        }
        Ok(Self { env, factors })
    }

    /// A chain: `energies[i]` `[v * v]` couples variables i and i + 1.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn chain(values: usize, energies: Vec<Vec<f64>>) -> Result<Self, EnvError> {
        let factor = |(i, energies)| Factor {
            variables: vec![i, i + 1],
            energies,
        };
        let variables = energies.len() + 1;
        let factors = energies.into_iter().enumerate().map(factor).collect();
        Self::new(variables, values, factors)
    }

    /// A chain of `variables` variables whose energies are all drawn from N(0, 1).
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn random_chain(variables: usize, values: usize, seed: Seed) -> Result<Self, EnvError> {
        Slots::new(variables, values)?;
        let mut stream = seed.stream("factor_chain", &[variables as u64, values as u64]);
        let energies = (1..variables).map(|_| {
            let table = (0..values * values).map(|_| StandardNormal.sample(&mut stream));
            table.collect()
        });
        Self::chain(values, energies.collect())
    }

    /// The environment that builds the objects of this reward.
    pub fn env(&self) -> Slots {
        self.env
    }

    /// The factors.
    pub fn factors(&self) -> &[Factor] {
        &self.factors
    }

    /// Energy of an assignment in nats.
    ///
    /// # Errors
    /// [`EnvError::NotComplete`] where a variable has no value.
    pub fn energy(&self, filling: &Filling) -> Result<f64, EnvError> {
        let values = self.env.values();
        let of_factor = |factor: &Factor| {
            let mut entry = 0;
            for &variable in &factor.variables {
                let value = filling.value(variable).map(usize::from);
                entry = entry * values + value.filter(|&value| value < values)?;
            }
            Some(factor.energies[entry])
        };
        let complete = filling.len() == self.env.slots() && filling.is_complete();
        let sum = self.factors.iter().map(of_factor).sum::<Option<f64>>();
        sum.filter(|_| complete)
            .ok_or_else(|| EnvError::NotComplete {
                object: format!("{filling:?}"),
                what: "energy",
            })
    }

    /// log Z in nats, exactly: the variables are summed out in order, each as soon as no later one is
    /// coupled with it.
    ///
    /// # Errors
    /// [`EnvError::TooManyStates`] where a table would have more than [`MAX_TABLE`] entries.
    ///
    /// # Complexity
    /// v to the power of 1 + the most variables at once that have a factor with a later one.
    pub fn log_z(&self) -> Result<f64, EnvError> {
        let values = self.env.values();
        let ends: Vec<Option<usize>> = self
            .factors
            .iter()
            .map(|factor| factor.variables.iter().copied().max())
            .collect();
        // The last variable at which each one is still needed.
        let mut needed: Vec<usize> = (0..self.env.slots()).collect();
        for (factor, end) in self.factors.iter().zip(&ends) {
            for &variable in &factor.variables {
                needed[variable] = needed[variable].max(end.unwrap_or(variable));
            }
        }
        let constant = self.factors.iter().filter(|f| f.variables.is_empty());
        let mut table = vec![-constant.map(|f| f.energies[0]).sum::<f64>()];
        let mut active: Vec<usize> = Vec::new();
        for here in 0..self.env.slots() {
            if table.len().saturating_mul(values) > MAX_TABLE {
                return Err(EnvError::TooManyStates { limit: MAX_TABLE });
            }
            active.push(here);
            table = table
                .iter()
                .flat_map(|&log_weight| std::iter::repeat_n(log_weight, values))
                .collect();
            for (factor, end) in self.factors.iter().zip(&ends) {
                if *end == Some(here) {
                    subtract(&mut table, &active, values, factor);
                }
            }
            while let Some(place) = active.iter().position(|&v| needed[v] <= here) {
                let stride = power(values, active.len() - 1 - place);
                active.remove(place);
                table = summed_out(&table, stride, values);
            }
        }
        Ok(table[0])
    }
}

/// Takes the energies of `factor` off a table `[v^a]` over the variables `active` `[a]`.
fn subtract(table: &mut [f64], active: &[usize], values: usize, factor: &Factor) {
    let strides: Vec<usize> = factor
        .variables
        .iter()
        .map(|variable| {
            let place = active.iter().position(|v| v == variable);
            let place = place.expect("a variable stays until its last factor was taken");
            power(values, active.len() - 1 - place)
        })
        .collect();
    for (entry, log_weight) in table.iter_mut().enumerate() {
        let digits = strides.iter().map(|stride| entry / stride % values);
        *log_weight -= factor.energies[digits.fold(0, |number, digit| number * values + digit)];
    }
}

/// The table without the variable whose neighbouring entries are `stride` apart.
fn summed_out(table: &[f64], stride: usize, values: usize) -> Vec<f64> {
    let mut terms = vec![0.0; values];
    let mut out = Vec::with_capacity(table.len() / values);
    for block in table.chunks_exact(stride * values) {
        for low in 0..stride {
            for (value, term) in terms.iter_mut().enumerate() {
                *term = block[value * stride + low];
            }
            out.push(log_sum_exp(&terms));
        }
    }
    out
}

impl Reward<Filling> for Factors {
    fn log_reward(&self, objects: &[Filling]) -> Result<Vec<f64>, RewardError> {
        let score = |filling: &Filling| {
            let energy = self.energy(filling).map_err(|error| RewardError::Failed {
                object: format!("{filling:?}"),
                reason: error.to_string(),
            })?;
            Ok(-energy)
        };
        objects.iter().map(score).collect()
    }
}

#[cfg(test)]
mod tests {
    use anabranch_core::Enumerable;

    use super::*;

    fn brute_force(factors: &Factors) -> f64 {
        let states = factors.env().states();
        let objects = states.into_iter().filter(Filling::is_complete);
        let rewards: Vec<f64> = objects.map(|x| -factors.energy(&x).unwrap()).collect();
        log_sum_exp(&rewards)
    }

    #[test]
    fn log_z_is_that_of_brute_force() {
        for (variables, values) in [(1, 3), (2, 2), (5, 3), (4, 4)] {
            let chain = Factors::random_chain(variables, values, Seed::new(5)).unwrap();
            let exact = chain.log_z().unwrap();
            assert!((exact - brute_force(&chain)).abs() < 1e-12);
        }
        // A ring with single-variable energies, a triple, a constant and a lone variable.
        let table = |n: usize, scale: f64| (0..n).map(|i| scale * (i as f64).sin()).collect();
        let factor = |variables: &[usize], scale| Factor {
            variables: variables.to_vec(),
            energies: table(3_usize.pow(variables.len() as u32), scale),
        };
        let factors = vec![
            factor(&[0, 1], 1.0),
            factor(&[2, 1], 0.7),
            factor(&[2, 4], -1.3),
            factor(&[4, 0], 2.0),
            factor(&[1], 0.4),
            factor(&[4, 0, 2], 0.9),
            Factor {
                variables: vec![],
                energies: vec![0.25],
            },
        ];
        let graph = Factors::new(5, 3, factors).unwrap();
        assert!((graph.log_z().unwrap() - brute_force(&graph)).abs() < 1e-12);
    }

    /// Without factors log Z = d log v.
    #[test]
    fn log_z_of_nothing() {
        let free = Factors::new(200, 7, vec![]).unwrap();
        assert!((free.log_z().unwrap() - 200.0 * 7_f64.ln()).abs() < 1e-9);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let factor = |variables: &[usize], energies: Vec<f64>| {
            let factor = Factor {
                variables: variables.to_vec(),
                energies,
            };
            Factors::new(3, 2, vec![factor]).map(|_| ())
        };
        assert!(factor(&[0, 3], vec![0.0; 4]).is_err());
        assert!(factor(&[1, 1], vec![0.0; 4]).is_err());
        assert!(factor(&[0, 1], vec![0.0; 3]).is_err());
        assert!(factor(&[0, 1], vec![0.0, 1.0, f64::NAN, 2.0]).is_err());
        let chain = Factors::random_chain(3, 2, Seed::new(0)).unwrap();
        let half = Filling::new(&[Some(0), None, Some(1)]).unwrap();
        assert!(matches!(
            chain.energy(&half),
            Err(EnvError::NotComplete { .. })
        ));
        assert!(chain.log_reward(&[half]).is_err());
        let foreign = Filling::new(&[Some(0), Some(2), Some(1)]).unwrap();
        assert!(chain.energy(&foreign).is_err());
        let all: Vec<usize> = (0..30).collect();
        let pairs = all[1..].iter().map(|&j| Factor {
            variables: vec![0, j],
            energies: vec![0.0; 4],
        });
        assert!(
            Factors::new(30, 2, pairs.collect())
                .unwrap()
                .log_z()
                .is_ok()
        );
        let to_the_last = (0..29).map(|i| Factor {
            variables: vec![i, 29],
            energies: vec![0.0; 4],
        });
        assert!(matches!(
            Factors::new(30, 2, to_the_last.collect()).unwrap().log_z(),
            Err(EnvError::TooManyStates { .. })
        ));
    }
}
