//! The report page. The pages are left in the target's folder for tests/browser/report.mjs.

mod fake;

use std::path::Path;

use anabranch_tasks::report::data::{Card, Curve, ReportData};
use anabranch_tasks::report::{ReportError, render};
use serde_json::json;

/// Renders a page and leaves it, with what the browser must find in it, as report-<name>.{html,json}.
fn page(name: &str, data: &ReportData, expect: &serde_json::Value) -> String {
    let html = render(data).unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(folder.join(format!("report-{name}.html")), &html).unwrap();
    std::fs::write(
        folder.join(format!("report-{name}.json")),
        expect.to_string(),
    )
    .unwrap();
    html
}

/// The page holds nothing that a browser would fetch.
fn self_contained(html: &str) {
    for word in [
        "<script src",
        "<link rel=\"stylesheet",
        "<img",
        "@import",
        "src=",
        "url(",
    ] {
        assert!(!html.contains(word), "{word}");
    }
    let links = html.match_indices("http").map(|(at, _)| &html[at..at + 20]);
    for link in links.filter(|link| link.starts_with("http:") || link.starts_with("https:")) {
        assert!(
            link.starts_with("http://www.w3.org/") || link.starts_with("http://www.rdkit"),
            "{link}"
        );
    }
}

#[test]
fn one_run_shows_everything() {
    let run = fake::molecules("fragments-2026-02-14", 7, 0.85);
    let cards = run.gallery.len();
    let data = ReportData { runs: vec![run] };
    let expect = json!({
        "runs": 1, "cards": cards, "drawings": cards, "curves": 6, "distributions": 6,
        "tiles": 9, "warnings": 1, "minPoints": 100,
        "texts": ["fragments-2026-02-14", "Mean reward is 0.625, 3.1 times the random policy's 0.204."],
    });
    let html = page("one", &data, &expect);
    assert!(html.starts_with("<!doctype html>"));
    assert_eq!(html.matches("<article").count(), cards);
    assert_eq!(html.matches("<figure>").count(), 12);
    assert!(html.contains("output.folder=&quot;runs &amp; more&quot;"));
    assert!(html.contains("Show 4 more"));
    self_contained(&html);
}

#[test]
fn several_runs_are_compared() {
    let runs = vec![
        fake::molecules("product, beta 8", 7, 0.85),
        fake::molecules("sum, beta 8", 8, 0.6),
    ];
    let cards: usize = runs.iter().map(|run| run.gallery.len()).sum();
    let expect = json!({
        "runs": 2, "cards": cards, "drawings": cards, "curves": 6, "distributions": 6,
        "tiles": 18, "warnings": 2, "minPoints": 100, "lines": 2,
        "texts": ["2 runs compared", "0.625 in product, beta 8; 0.500 in sum, beta 8"],
    });
    let html = page("two", &ReportData { runs }, &expect);
    assert!(html.contains("sum, beta 8: 4 of 64,000 rewards"));
    self_contained(&html);
}

#[test]
fn a_task_without_drawings_shows_its_objects_as_text() {
    let data = ReportData {
        runs: vec![fake::bits("bits-1")],
    };
    let expect = json!({
        "runs": 1, "cards": 12, "drawings": 0, "curves": 2, "distributions": 1, "warnings": 0,
        "texts": ["bit sequence"],
    });
    let html = page("bits", &data, &expect);
    assert_eq!(html.matches("class=\"object\"").count(), 12);
}

#[test]
fn what_is_missing_is_said() {
    let data = ReportData {
        runs: vec![fake::empty("new <b>run</b>")],
    };
    let expect = json!({ "runs": 1, "cards": 0, "drawings": 0, "curves": 0, "tiles": 0 });
    let html = page("empty", &data, &expect);
    for text in [
        "no evaluation yet",
        "Nothing was recorded",
        "no samples to show",
        "no numbers",
    ] {
        assert!(html.contains(text), "{text}");
    }
    assert!(html.contains("new &lt;b&gt;run"));
    assert!(!html.contains("<script>alert"));
    assert!(matches!(
        render(&ReportData { runs: vec![] }),
        Err(ReportError::NoRuns)
    ));
}

#[test]
fn odd_numbers_do_not_reach_a_chart() {
    let odd = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN,
        0.0,
        -0.0,
        1e-308,
    ];
    let mut run = fake::molecules("odd", 3, 0.5);
    for first in odd {
        for second in odd {
            run.curves = vec![Curve {
                name: "Odd".into(),
                unit: String::new(),
                steps: vec![u64::MAX, 0, 7],
                values: vec![first, second],
                reference: Some(first),
            }];
            run.distributions.truncate(1);
            run.distributions[0].trained = vec![first, second];
            run.distributions[0].random = vec![second];
            run.gallery = vec![Card {
                svg: None,
                text: "x".into(),
                reward: first,
                properties: vec![],
            }];
            let html = render(&ReportData {
                runs: vec![run.clone()],
            })
            .unwrap();
            let body = html.split("<main").nth(1).unwrap();
            assert!(
                !body.contains("NaN") && !body.contains("\"inf"),
                "{first} {second}"
            );
        }
    }
}

#[test]
fn a_drawing_with_a_script_is_refused() {
    let mut run = fake::bits("x");
    run.gallery[0].svg = Some("<svg><script>1</script></svg>".into());
    let error = render(&ReportData { runs: vec![run] }).unwrap_err();
    assert!(matches!(error, ReportError::Drawing { .. }), "{error}");
}
