//! What the report of a run shows.

use std::fs;

use anabranch_chem::svg;
use anabranch_core::metric::top_k;
use anabranch_learn::run::{MetricsReader, RunFolder, RunInfo};

use crate::config::Config;
use crate::error::Result;
use crate::evaluate::{Evaluated, Evaluation};
use crate::logo::{ALIKE, Logo, logos};
use crate::report::data::{Card, Curve, Distribution, Number, RunReport};
use crate::sampler::Drawn;
use crate::task::Task;

/// Drawings in the gallery.
const GALLERY: usize = 48;
/// Most points of a curve; more are averaged.
const POINTS: usize = 400;

/// Everything the report of one run shows.
///
/// # Errors
/// Where the metrics cannot be read or a drawing fails.
pub fn run_report<T: Task>(
    task: &T,
    config: &Config,
    run: &RunFolder,
    evaluated: &Evaluated<crate::task::State<T>>,
) -> Result<RunReport> {
    let info = run.info()?;
    let metrics = MetricsReader::read(&run.file("metrics.jsonl"))?;
    let evaluation = &evaluated.evaluation;
    Ok(RunReport {
        name: run.name(),
        task: format!("{:?}", config.task),
        command: quoted(&info.command),
        config: run.config()?,
        facts: [facts(&info, config, run, evaluation), task.facts()].concat(),
        numbers: numbers(evaluation),
        curves: curves(&metrics, evaluation),
        distributions: distributions(task, &evaluated.trained, &evaluated.random),
        logos: logos_of(task, &evaluated.trained),
        gallery: gallery(task, &evaluated.trained)?,
        warnings: warnings(evaluation),
    })
}

/// The command as one would type it in a shell.
fn quoted(command: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./,:@+".contains(c);
    let words = command.iter().map(|word| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn facts(
    info: &RunInfo,
    config: &Config,
    run: &RunFolder,
    evaluation: &Evaluation,
) -> Vec<(String, String)> {
    let mut facts = vec![
        (
            "Version".to_string(),
            format!("{} ({})", info.version, info.commit),
        ),
        ("Seed".into(), config.seed.to_string()),
        ("Steps".into(), evaluation.step.to_string()),
        (
            "Trajectories".into(),
            (evaluation.step * config.batch as u64).to_string(),
        ),
        ("Objective".into(), format!("{:?}", config.objective.name)),
        (
            "Inverse temperature of samples".into(),
            format!("{}", evaluation.beta),
        ),
        ("Machine".into(), info.machine.clone()),
    ];
    if let Some(seconds) = training_seconds(run) {
        facts.push(("Training time".into(), format!("{seconds:.0} s")));
    }
    facts
}

/// Wall-clock seconds over all sessions.
fn training_seconds(run: &RunFolder) -> Option<f64> {
    let text = fs::read_to_string(run.file("timings.jsonl")).ok()?;
    let (mut total, mut last) = (0.0, 0.0);
    for line in text.lines() {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        let seconds = value.get("session_seconds")?.as_f64()?;
        if seconds < last {
            total += last;
        }
        last = seconds;
    }
    Some(total + last)
}

fn numbers(evaluation: &Evaluation) -> Vec<Number> {
    let (trained, random) = (&evaluation.trained, &evaluation.random);
    let mut numbers = Vec::new();
    let mut push = |name: &str, value: String, other: Option<String>, note: String| {
        numbers.push(Number {
            name: name.into(),
            value,
            random: other,
            note,
        });
    };
    let of = format!("{} samples", trained.count);
    push(
        "Mean reward",
        format!("{:.3}", trained.mean_reward),
        Some(format!("{:.3}", random.mean_reward)),
        format!("of {of}, not raised to beta"),
    );
    push(
        "Top-100 reward",
        format!("{:.3}", trained.top_100_reward),
        Some(format!("{:.3}", random.top_100_reward)),
        format!("mean of the 100 best distinct of {of}"),
    );
    if let Some(exact) = &evaluation.exact {
        let states = format!(
            "exact, over {} objects in {} states",
            exact.objects, exact.states
        );
        push(
            "Total variation",
            format!("{:.4}", exact.total_variation),
            None,
            states,
        );
        push(
            "log Z error",
            format!("{:.4}", exact.log_z_error),
            None,
            format!("nats; exact log Z is {:.4}", exact.log_z),
        );
    }
    if let (Some(t), Some(r)) = (&trained.molecules, &random.molecules) {
        push(
            "Modes",
            t.modes.to_string(),
            Some(r.modes.to_string()),
            format!(
                "reward above {:.3}, the random policy's 99th percentile; pairwise Tanimoto below 0.7, \
                 Morgan 2/2048",
                t.mode_reward
            ),
        );
        push(
            "Valid",
            percent(t.valid),
            Some(percent(r.valid)),
            "SMILES read back as the same molecule".into(),
        );
        push(
            "Unique",
            percent(trained.unique),
            Some(percent(random.unique)),
            "by canonical SMILES".into(),
        );
        push(
            "Diversity",
            optional(t.top_100_diversity),
            Some(optional(r.top_100_diversity)),
            "mean pairwise Tanimoto distance of the top 100, Morgan 2/2048".into(),
        );
        push(
            "Scaffolds",
            t.scaffolds.to_string(),
            Some(r.scaffolds.to_string()),
            "distinct Bemis-Murcko scaffolds".into(),
        );
        push(
            "Novel",
            percent(t.novelty),
            Some(percent(r.novelty)),
            "not among approved drugs".into(),
        );
        push(
            "Nearest drug",
            format!("{:.3}", t.nearest_drug),
            Some(format!("{:.3}", r.nearest_drug)),
            "mean largest Tanimoto similarity to an approved drug".into(),
        );
    } else {
        push(
            "Unique",
            percent(trained.unique),
            Some(percent(random.unique)),
            "distinct share of the samples".into(),
        );
        push(
            "High reward",
            trained.high_reward.to_string(),
            Some(random.high_reward.to_string()),
            format!(
                "distinct objects with a reward of at least {:.3}, the random policy's 99th percentile",
                trained.mode_reward
            ),
        );
        push(
            "Diversity",
            optional(trained.text_diversity),
            Some(optional(random.text_diversity)),
            "mean pairwise edit distance of the 100 best, by length".into(),
        );
    }
    if let (Some(t), Some(r)) = (&trained.sequences, &random.sequences) {
        push(
            "Modes",
            t.modes.to_string(),
            Some(r.modes.to_string()),
            format!(
                "of the 1000 best distinct with a reward of at least {:.3}, the random policy's 99th \
                 percentile; pairwise edit distance above {ALIKE} of the length",
                trained.mode_reward
            ),
        );
        if let (Some(of_trained), Some(of_random)) = (&t.novelty, &r.novelty) {
            push(
                "Novel",
                percent(of_trained.novel),
                Some(percent(of_random.novel)),
                "share of the 100 best that are not among the known sequences".into(),
            );
            push(
                "Distance to known",
                format!("{:.3}", of_trained.distance),
                Some(format!("{:.3}", of_random.distance)),
                "mean edit distance of the 100 best to the nearest known sequence, by length"
                    .into(),
            );
        }
    }
    let c = &evaluation.correlation;
    push(
        "Correlation",
        optional(c.spearman),
        None,
        format!(
            "Spearman, log p(x) with log R(x), {} held objects, {} backward trajectories each, mean \
             standard error {} nats; Pearson {}",
            c.objects,
            c.backward,
            optional(c.standard_error),
            optional(c.pearson)
        ),
    );
    push(
        "log Z",
        format!("{:.2}", evaluation.log_z),
        None,
        format!(
            "nats, as the objective knows it; ELBO {:.2}, importance estimate {:.2}",
            c.elbo, c.log_z_importance
        ),
    );
    numbers
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn optional(value: Option<f64>) -> String {
    value.map_or("undefined".into(), |v| format!("{v:.3}"))
}

/// Means over equal stretches, so that a long run's curve stays readable.
fn thinned(steps: Vec<u64>, values: Vec<f64>) -> (Vec<u64>, Vec<f64>) {
    let stride = steps.len().div_ceil(POINTS).max(1);
    let means = values
        .chunks(stride)
        .map(|part| part.iter().sum::<f64>() / part.len() as f64);
    let ends = steps.chunks(stride).filter_map(|part| part.last().copied());
    (ends.collect(), means.collect())
}

fn curves(metrics: &MetricsReader, evaluation: &Evaluation) -> Vec<Curve> {
    let exact = evaluation.exact.as_ref();
    let wanted = [
        (
            "reward",
            "Mean reward of the batch",
            "",
            exact.map(|e| e.target_reward),
        ),
        ("best_reward", "Best reward of the batch", "", None),
        ("loss", "Loss", "nats², log10", None),
        ("log_z", "log Z", "nats", exact.map(|e| e.log_z)),
        ("length", "Trajectory length", "moves", None),
        ("gradient_norm", "Gradient norm", "log10", None),
    ];
    wanted
        .into_iter()
        .map(|(key, name, unit, reference)| {
            let (steps, mut values) = metrics.series(key);
            if unit.contains("log10") {
                values.iter_mut().for_each(|v| *v = v.max(1e-12).log10());
            }
            let (steps, values) = thinned(steps, values);
            Curve {
                name: name.into(),
                unit: unit.into(),
                steps,
                values,
                reference,
            }
        })
        .collect()
}

fn distributions<T: Task>(
    task: &T,
    trained: &[Drawn<crate::task::State<T>>],
    random: &[Drawn<crate::task::State<T>>],
) -> Vec<Distribution> {
    let of = |drawn: &[Drawn<crate::task::State<T>>], column: Option<usize>| -> Vec<f64> {
        drawn
            .iter()
            .map(|d| column.map_or_else(|| d.scored.log_reward.exp(), |c| d.scored.values[c]))
            .collect()
    };
    let mut out = vec![Distribution {
        name: "reward".into(),
        unit: String::new(),
        trained: of(trained, None),
        random: of(random, None),
    }];
    for (index, column) in task.columns().into_iter().enumerate() {
        out.push(Distribution {
            name: column.name,
            unit: column.unit.into(),
            trained: of(trained, Some(index)),
            random: of(random, Some(index)),
        });
    }
    out
}

fn logos_of<T: Task>(task: &T, trained: &[Drawn<crate::task::State<T>>]) -> Vec<Logo> {
    let texts: Vec<&str> = trained.iter().map(|d| d.text.as_str()).collect();
    let rewards: Vec<f64> = trained.iter().map(|d| d.scored.log_reward.exp()).collect();
    task.alphabet()
        .map_or_else(Vec::new, |alphabet| logos(alphabet, &texts, &rewards))
}

fn gallery<T: Task>(task: &T, trained: &[Drawn<crate::task::State<T>>]) -> Result<Vec<Card>> {
    let texts: Vec<&str> = trained.iter().map(|d| d.text.as_str()).collect();
    let rewards: Vec<f64> = trained.iter().map(|d| d.scored.log_reward.exp()).collect();
    let columns = task.columns();
    top_k(&texts, &rewards, GALLERY)?
        .into_iter()
        .map(|index| {
            let drawn = &trained[index];
            let properties = columns
                .iter()
                .zip(&drawn.scored.values)
                .map(|(column, value)| {
                    let digits = if value.fract() == 0.0 { 0 } else { 2 };
                    let text = format!("{value:.digits$} {}", column.unit);
                    (column.name.clone(), text.trim_end().to_string())
                });
            Ok(Card {
                svg: drawn
                    .molecule
                    .as_ref()
                    .map(|m| svg(m, 280, 200))
                    .transpose()?,
                text: drawn.text.clone(),
                reward: rewards[index],
                properties: properties.collect(),
            })
        })
        .collect()
}

/// What a reader must not miss.
fn warnings(evaluation: &Evaluation) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(exact) = &evaluation.exact
        && exact.total_variation > 0.2
    {
        out.push(format!(
            "The sampler is far from its target: exact total variation {:.3}. A mean reward near the \
             target's does not show that; train longer, or replay objects if modes are missing.",
            exact.total_variation
        ));
    }
    let c = &evaluation.correlation;
    if c.spearman.is_none_or(|s| s < 0.5) {
        out.push(format!(
            "log p(x) hardly follows log R(x) yet (Spearman {}); do not read the samples as drawn in \
             proportion to the reward.",
            optional(c.spearman)
        ));
    }
    out
}
