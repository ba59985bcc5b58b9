//! A report that looks like a real one, made from nothing but arithmetic.

use anabranch_chem::{Descriptor, Molecule, svg};
use anabranch_tasks::config::{Config, TaskName, to_toml};
use anabranch_tasks::report::data::{Card, Curve, Distribution, Number, RunReport};

/// Drugs and drug-like molecules, for their drawings.
const SMILES: [&str; 28] = [
    "CC(=O)Nc1ccc(O)cc1",
    "CC(C)Cc1ccc(C(C)C(=O)O)cc1",
    "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21",
    "COc1ccc2[nH]c(S(=O)Cc3ncc(C)c(OC)c3C)nc2c1",
    "O=C(O)Cc1ccccc1Nc1c(Cl)cccc1Cl",
    "CNCCC(Oc1ccc(C(F)(F)F)cc1)c1ccccc1",
    "Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(N)(=O)=O)cc2)cc1",
    "COc1cc2c(cc1OC)CCN(C(=O)c1ccco1)C2",
    "O=C(Nc1ccc(F)cc1)N1CCC(c2c[nH]c3ccccc23)CC1",
    "Cc1nc(-c2ccc(OCc3ccccc3)cc2)no1",
    "CC(C)NCC(O)COc1cccc2ccccc12",
    "Clc1ccc(C(c2ccccc2)N2CCNCC2)cc1",
    "CCN(CC)CCNC(=O)c1ccc(N)cc1",
    "O=C1NC(=O)C(c2ccccc2)(c2ccccc2)N1",
    "NC(=O)c1cnn(-c2ccccc2)c1-c1ccncc1",
    "COc1ccccc1N1CCN(CCCCN2C(=O)c3ccccc3C2=O)CC1",
    "Cc1ccccc1C(=O)NCC1CCN(c2ccncn2)CC1",
    "CS(=O)(=O)c1ccc(C2=C(c3ccccc3)C(=O)OC2)cc1",
    "O=C(c1ccc2c(c1)OCO2)N1CCN(Cc2ccccc2)CC1",
    "CC1CN(c2nc3ccccc3s2)CCO1",
    "Fc1ccc(-c2nc(-c3ccncc3)c[nH]2)cc1",
    "CN(C)CCc1c[nH]c2ccc(CS(=O)(=O)N3CCCC3)cc12",
    "CC(C)(C)NCC(O)c1ccc(O)c(CO)c1",
    "O=C(NC1CC1)c1ccc(-n2cccn2)nc1",
    "CCOC(=O)C1=C(C)NC(C)=C(C(=O)OC)C1c1cccc(Cl)c1Cl",
    "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
    "OC(=O)c1ccccc1O",
    "C1CCN(CC1)CCCOc1ccc(cc1)-c1ccccc1",
];

/// xorshift64*; the same numbers every time.
pub struct Dice(pub u64);

impl Dice {
    fn even(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self, mean: f64, deviation: f64) -> f64 {
        let sum: f64 = (0..12).map(|_| self.even()).sum();
        mean + (sum - 6.0) * deviation
    }

    fn many(&mut self, count: usize, mean: f64, deviation: f64) -> Vec<f64> {
        (0..count).map(|_| self.normal(mean, deviation)).collect()
    }
}

fn curve(name: &str, unit: &str, reference: Option<f64>, value: impl FnMut(u64) -> f64) -> Curve {
    let steps: Vec<u64> = (1..=2000).collect();
    Curve {
        name: name.into(),
        unit: unit.into(),
        values: steps.iter().copied().map(value).collect(),
        steps,
        reference,
    }
}

fn number(name: &str, value: &str, random: Option<&str>, note: &str) -> Number {
    Number {
        name: name.into(),
        value: value.into(),
        random: random.map(str::to_owned),
        note: note.into(),
    }
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.into(), value.into())
}

/// A run on molecules; `skill` from 0 to 1 moves its numbers.
pub fn molecules(name: &str, seed: u64, skill: f64) -> RunReport {
    let mut dice = Dice(seed);
    let config = Config::default_for(TaskName::Fragments);
    let rise = |step: u64| 1.0 - (-(step as f64) / 420.0).exp();
    let curves = vec![
        curve("Loss", "nats²", None, |s| {
            60.0 * (-(s as f64) / 300.0).exp() + dice.normal(1.5, 0.4).abs() + 0.2
        }),
        curve("Mean reward", "", None, |s| {
            dice.normal(0.21 + skill * 0.5 * rise(s), 0.03)
        }),
        curve("log Z", "nats", Some(31.4), |s| {
            dice.normal(31.2 * rise(s), 0.15)
        }),
        curve("Unique fraction", "", None, |_| {
            (1.0 - dice.even() * 0.04).min(1.0)
        }),
        curve("Fragments per molecule", "", None, |s| {
            dice.normal(7.9 - 3.2 * rise(s), 0.3)
        }),
        curve("Gradient norm", "", None, |s| {
            80.0 / (1.0 + s as f64 / 50.0) * (0.5 + dice.even())
        }),
    ];
    let clamp = |values: Vec<f64>, low: f64, high: f64| {
        values
            .into_iter()
            .map(|v| v.clamp(low, high))
            .collect::<Vec<_>>()
    };
    let whole = |values: Vec<f64>| values.into_iter().map(|v| v.round().max(0.0)).collect();
    let distribution = |name: &str, unit: &str, trained, random| Distribution {
        name: name.into(),
        unit: unit.into(),
        trained,
        random,
    };
    let distributions = vec![
        distribution(
            "Reward",
            "",
            clamp(dice.many(1000, 0.2 + 0.5 * skill, 0.11), 0.0, 1.0),
            clamp(dice.many(1000, 0.2, 0.1), 0.0, 1.0),
        ),
        distribution(
            "QED",
            "",
            clamp(dice.many(1000, 0.74, 0.1), 0.0, 0.95),
            clamp(dice.many(1000, 0.41, 0.15), 0.0, 0.95),
        ),
        distribution(
            "SA score",
            "1 easy, 10 hard",
            dice.many(1000, 2.6, 0.4),
            dice.many(1000, 4.0, 0.6),
        ),
        distribution(
            "Molecular weight",
            "Da",
            dice.many(1000, 371.0, 50.0),
            dice.many(1000, 520.0, 105.0),
        ),
        distribution(
            "logP",
            "",
            dice.many(1000, 3.1, 0.9),
            dice.many(1000, 4.2, 1.9),
        ),
        distribution(
            "Rings",
            "",
            whole(dice.many(1000, 3.0, 0.7)),
            whole(dice.many(1000, 4.4, 1.4)),
        ),
    ];
    let mean = format!("{:.3}", 0.2 + 0.5 * skill);
    RunReport {
        name: name.into(),
        task: "fragments".into(),
        command: format!(
            "gfn train fragments seed={seed} steps=2000 output.folder=\"runs & more\""
        ),
        config: to_toml(&config),
        facts: vec![
            pair("Version", "0.1.0"),
            pair("Commit", "3f9c2e7"),
            pair("Seed", &seed.to_string()),
            pair("Machine", "2 cores, x86_64 Linux"),
            pair("Steps", "2,000"),
            pair("Trajectories", "64,000"),
            pair("Time", "2 min 48 s"),
            pair("Started", "2026-02-14 09:31 UTC"),
        ],
        numbers: vec![
            number(
                "Mean reward",
                &mean,
                Some("0.204"),
                "Over 1,000 samples, not raised to beta.",
            ),
            number(
                "Top-100 mean reward",
                "0.871",
                Some("0.478"),
                "The best 100 distinct of 1,000 samples.",
            ),
            number(
                "Modes",
                "312",
                Some("9"),
                "Reward above the random policy's 99th percentile, Tanimoto below 0.7.",
            ),
            number(
                "Unique",
                "99.6 %",
                Some("99.9 %"),
                "Distinct canonical SMILES of 1,000 samples.",
            ),
            number(
                "Validity",
                "100 %",
                Some("100 %"),
                "Samples that are molecules.",
            ),
            number(
                "Correlation",
                "0.93 ± 0.02",
                None,
                "Spearman, log p(x) with log R(x), 128 molecules.",
            ),
            number(
                "log Z",
                "31.18",
                None,
                "In nats, learned; importance-sampled bound 31.02.",
            ),
            number(
                "Diversity",
                "0.842",
                Some("0.861"),
                "Mean Tanimoto distance of the top 100, Morgan 2/2048.",
            ),
            number(
                "Scaffolds",
                "641",
                Some("870"),
                "Distinct Murcko scaffolds of 1,000 samples.",
            ),
        ],
        curves,
        distributions,
        logos: Vec::new(),
        gallery: gallery(),
        warnings: vec!["4 of 64,000 rewards were at the floor; their order is not learned.".into()],
    }
}

fn gallery() -> Vec<Card> {
    let of = |molecule: &Molecule, descriptor: Descriptor, decimals: usize| {
        let value = descriptor.of(molecule).unwrap_or(f64::NAN);
        (descriptor.name().to_owned(), format!("{value:.decimals$}"))
    };
    let cards = SMILES.into_iter().enumerate().filter_map(|(i, smiles)| {
        let molecule = Molecule::from_smiles(smiles).ok()?;
        Some(Card {
            svg: svg(&molecule, 300, 250).ok(),
            text: molecule.smiles().ok()?.to_owned(),
            reward: 0.912 - 0.006 * i as f64,
            properties: vec![
                of(&molecule, Descriptor::Qed, 3),
                of(&molecule, Descriptor::Sa, 2),
                of(&molecule, Descriptor::Mw, 1),
                of(&molecule, Descriptor::LogP, 2),
            ],
        })
    });
    cards.collect()
}

/// A run on bit strings: no drawings, few curves.
pub fn bits(name: &str) -> RunReport {
    let mut dice = Dice(5);
    let mut run = molecules(name, 5, 0.4);
    run.task = "bit_sequence".into();
    run.warnings.clear();
    run.curves.truncate(2);
    run.distributions.truncate(1);
    run.gallery = (0..12)
        .map(|i| Card {
            svg: None,
            text: (0..120)
                .map(|_| if dice.even() < 0.5 { '0' } else { '1' })
                .collect(),
            reward: 0.98 - 0.01 * f64::from(i),
            properties: vec![pair("distance", &i.to_string())],
        })
        .collect();
    run
}

/// A run that has nothing yet but its name, and text that would break a careless page.
pub fn empty(name: &str) -> RunReport {
    let nan = Curve {
        name: "Loss".into(),
        unit: String::new(),
        steps: vec![1, 2],
        values: vec![f64::NAN, f64::INFINITY],
        reference: Some(f64::NAN),
    };
    RunReport {
        name: name.into(),
        task: "hypergrid".into(),
        command: "gfn train hypergrid <script>alert(1)</script> \"&\"".into(),
        config: String::new(),
        facts: Vec::new(),
        numbers: Vec::new(),
        curves: vec![nan],
        distributions: Vec::new(),
        logos: Vec::new(),
        gallery: Vec::new(),
        warnings: Vec::new(),
    }
}
