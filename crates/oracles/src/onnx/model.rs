//! A model that was read and can be run.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{Framework, TypedRunnableModel};
use tract_onnx::tract_hir::internal::*;

use super::file::{self, Input};
use super::tree_operator;

/// A model from `[N, F]` features to `[N, K]` values.
pub(super) struct Model {
    plan: Arc<TypedRunnableModel>,
    double: bool,
    /// Whether it takes one row at a time.
    single: bool,
    features: usize,
    /// K.
    pub(super) values: usize,
    /// The output that is the score.
    pub(super) output: String,
}

/// A model's file that was read and looked through.
pub(super) struct Read {
    model: ModelProto,
    pub(super) input: Input,
    pub(super) output: String,
}

fn onnx() -> tract_onnx::Onnx {
    let mut onnx = tract_onnx::onnx().with_ignore_value_info(true);
    tree_operator::register(&mut onnx);
    onnx
}

impl Read {
    /// Looks through the bytes of a file; `output` names the score, empty for the first of numbers.
    pub(super) fn new(bytes: &[u8], output: &str) -> Result<Self, String> {
        if bytes.is_empty() {
            return Err("is empty; reward.onnx is an ONNX file".into());
        }
        let onnx = onnx();
        let mut bytes = bytes;
        let mut model = guarded(|| onnx.proto_model_for_read(&mut bytes))
            .map_err(|problem| format!("is no ONNX file, or a damaged one: {problem}"))?;
        let Some(graph) = model.graph.as_ref().filter(|graph| !graph.node.is_empty()) else {
            return Err("is no ONNX file, or a damaged one: there is no graph in it".into());
        };
        let input = file::input(graph)?;
        let output = file::output(graph, output)?;
        file::prune(&mut model, &output, &onnx)?;
        Ok(Self {
            model,
            input,
            output,
        })
    }

    /// Makes it run on rows of `features` features.
    pub(super) fn ready(self, features: usize) -> Result<Model, String> {
        let single = match self.input.rows {
            None => None,
            Some(1) => Some(true),
            Some(rows) => {
                return Err(format!(
                    "takes {rows} molecules at a time; export it with a dynamic first dimension, or 1"
                ));
            }
        };
        // Some models hold rows to the number that they were converted with: those get one at a time.
        match single {
            Some(single) => self.build(features, single),
            None => self
                .build(features, false)
                .or_else(|problem| self.build(features, true).map_err(|_| problem)),
        }
    }

    fn build(&self, features: usize, single: bool) -> Result<Model, String> {
        let double = self.input.double;
        let plan = guarded(|| {
            let mut model = onnx().parse(&self.model, None)?;
            ensure!(model.unresolved_inputs.is_empty(), "names are missing");
            let model = &mut model.model;
            let rows = match single {
                true => 1.to_dim(),
                false => model.symbols.new_with_prefix("molecules").to_dim(),
            };
            let kind = match double {
                true => f64::datum_type(),
                false => f32::datum_type(),
            };
            let shape: TVec<TDim> = tvec!(rows, features.to_dim());
            model.set_input_fact(0, InferenceFact::dt_shape(kind, shape))?;
            std::mem::take(model).into_optimized()?.into_runnable()
        })
        .map_err(|problem| format!("cannot be run: {problem}"))?;
        let mut model = Model {
            plan,
            double,
            single,
            features,
            values: 0,
            output: self.output.clone(),
        };
        // Two tries with nothing in them show what comes out.
        let one = model.shape_of(1)?;
        model.values = one;
        if !single && model.shape_of(2)? != one {
            return Err("gives another number of values for two molecules than for one".into());
        }
        Ok(model)
    }
}

impl Model {
    /// Values for each of `rows` rows.
    fn shape_of(&self, rows: usize) -> Result<usize, String> {
        let values = self
            .run_once(&vec![0.0; rows * self.features], rows)
            .map_err(|problem| format!("cannot be run: {problem}"))?;
        let output = &self.output;
        if values.is_empty() || !values.len().is_multiple_of(rows) {
            return Err(format!(
                "gives {} values for {rows} molecules (its output {output:?}); it must give as many for each",
                values.len()
            ));
        }
        Ok(values.len() / rows)
    }

    /// `[N, K]` values of `[N, F]` features.
    pub(super) fn run(&self, features: &[f64], rows: usize) -> Result<Vec<f64>, String> {
        let values = if self.single {
            let mut all = Vec::with_capacity(rows * self.values);
            for row in features.chunks(self.features) {
                all.extend(self.run_once(row, 1)?);
            }
            all
        } else {
            self.run_once(features, rows)?
        };
        match values.len() == rows * self.values {
            true => Ok(values),
            false => Err(format!(
                "it gave {} values for {rows} molecules",
                values.len()
            )),
        }
    }

    fn run_once(&self, features: &[f64], rows: usize) -> Result<Vec<f64>, String> {
        guarded(|| {
            let shape = [rows, self.features];
            let input = match self.double {
                true => Tensor::from_shape(&shape, features)?,
                false => {
                    let single: Vec<f32> = features.iter().map(|value| *value as f32).collect();
                    Tensor::from_shape(&shape, &single)?
                }
            };
            let outputs = self.plan.run(tvec!(input.into_tvalue()))?;
            let output = outputs.first().context("there is no output")?;
            let shape = output.shape();
            ensure!(
                shape.first() == Some(&rows) || (rows == 1 && shape.is_empty()),
                "the output {:?} is {shape:?} for {rows} molecules; its first dimension must be theirs",
                self.output
            );
            let values = output.cast_to::<f64>()?;
            let values = values.to_plain_array_view::<f64>()?;
            Ok(values.iter().copied().collect())
        })
    }
}

/// What `work` gives; a panic of the library is its error.
fn guarded<T>(work: impl FnOnce() -> TractResult<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(causes(&error)),
        Err(panic) => Err(said(panic.as_ref())),
    }
}

/// The causes of an error on one line, the outermost first.
fn causes(error: &TractError) -> String {
    let text = format!("{error:#}").replace('\n', " ");
    crate::oracle::excerpt(&text, 500)
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    crate::oracle::excerpt(text.unwrap_or("it panicked"), 500)
}
