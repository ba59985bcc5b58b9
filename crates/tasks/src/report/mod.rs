//! The report page: one HTML file that needs nothing from outside.
//!
//! [`render`] turns the numbers of [`data`] into a page; charts and the page's layout are made here,
//! drawings come with the data.

mod axis;
mod chart;
pub mod data;
mod figures;
mod glyph;
mod logo;
mod number;
mod view;

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Value};
use thiserror::Error;

use data::ReportData;

/// Why there is no page.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A report needs a run.
    #[error("there is no run to report on: give at least one run folder")]
    NoRuns,
    /// A drawing that is no plain SVG is not put into a page.
    #[error("the drawing of {text:?} is refused: {reason}")]
    Drawing {
        /// The object.
        text: String,
        /// Why.
        reason: &'static str,
    },
    /// The template is broken.
    #[error("the report's template failed: {0}")]
    Template(#[from] minijinja::Error),
}

/// The page of one run, or of several beside each other, as self-contained HTML.
///
/// Missing curves, distributions and drawings are said in words; numbers that are not finite are left
/// out of charts.
///
/// # Errors
/// [`ReportError::NoRuns`] for no runs, [`ReportError::Drawing`] for a drawing with scripts or links.
pub fn render(data: &ReportData) -> Result<String, ReportError> {
    let page = serde_json::to_value(view::Page::of(data)?).expect("plain data with string keys");
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()?;
    environment.set_syntax(syntax);
    // The name's ending turns escaping on.
    environment.add_template("page.html", include_str!("page.html"))?;
    Ok(environment
        .get_template("page.html")?
        .render(in_template(page))?)
}

/// JSON as the template engine's own values.
fn in_template(json: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::from(()),
        Json::Bool(flag) => flag.into(),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64().unwrap_or(f64::NAN).into(),
        },
        Json::String(text) => text.into(),
        Json::Array(items) => items
            .into_iter()
            .map(in_template)
            .collect::<Vec<_>>()
            .into(),
        Json::Object(table) => table
            .into_iter()
            .map(|(key, value)| (key, in_template(value)))
            .collect::<BTreeMap<_, _>>()
            .into(),
    }
}
