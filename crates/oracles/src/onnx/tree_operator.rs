//! The ensembles of trees as operators of the library that runs models.

use tract_onnx::Onnx;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::attributes::Attributes;
use super::trees::Trees;

/// Puts the operators in the place of the library's own.
pub(super) fn register(onnx: &mut Onnx) {
    onnx.op_register.insert("TreeEnsembleRegressor", regressor);
    onnx.op_register
        .insert("TreeEnsembleClassifier", classifier);
}

type Built = (Box<dyn InferenceOp>, Vec<String>);

fn regressor(_: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    built(node, false)
}

fn classifier(_: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    built(node, true)
}

fn built(node: &NodeProto, classifier: bool) -> TractResult<Built> {
    let trees = Trees::read(&Attributes(node), classifier)
        .map_err(|problem| format_err!("the trees of {:?}: it {problem}", node.name))?;
    let operator = Ensemble {
        trees: Arc::new(trees),
    };
    Ok((expand(operator), Vec::new()))
}

/// `[N, F]` to `[N, values]`, f32 as ONNX-ML has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ensemble {
    trees: Arc<Trees>,
}

impl Expansion for Ensemble {
    fn name(&self) -> StaticName {
        "TreeEnsemble".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].datum_type, f32::datum_type())?;
        s.equals(&inputs[0].rank, 2)?;
        s.equals(&outputs[0].rank, 2)?;
        s.equals(&outputs[0].shape[0], &inputs[0].shape[0])?;
        s.equals(&outputs[0].shape[1], self.trees.values.to_dim())?;
        Ok(())
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.clone(), inputs)
    }
}

impl Op for Ensemble {
    fn name(&self) -> StaticName {
        "TreeEnsemble".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Ensemble {
    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let features = input.cast_to::<f64>()?;
        let features = features.to_plain_array_view::<f64>()?;
        let (rows, width) = match features.shape() {
            [rows, width] => (*rows, *width),
            other => bail!("trees take rows of features, not {other:?}"),
        };
        ensure!(
            width >= self.trees.features,
            "the trees look at {} features, and there are {width}",
            self.trees.features
        );
        let features = features.as_standard_layout();
        let flat = features.as_slice().context("rows in order")?;
        let values = self.trees.values;
        let mut out = vec![0.0_f32; rows * values];
        let mut row = vec![0.0; values];
        for (features, out) in flat.chunks(width).zip(out.chunks_mut(values)) {
            self.trees.evaluate(features, &mut row);
            for (out, value) in out.iter_mut().zip(&row) {
                *out = *value as f32;
            }
        }
        Ok(tvec!(
            Tensor::from_shape(&[rows, values], &out)?.into_tvalue()
        ))
    }

    op_out_of_plan!();
}

impl TypedOp for Ensemble {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let rows = inputs[0]
            .shape
            .first()
            .context("trees take rows of features")?;
        Ok(tvec!(f32::fact(&[
            rows.clone(),
            self.trees.values.to_dim()
        ])))
    }

    as_op!();
}
