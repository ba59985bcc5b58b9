"""python check_onnx.py policy.onnx: what onnxruntime computes against policy.npz."""

import json, sys
import numpy as np, onnxruntime as ort

worst = 0.0
for path in sys.argv[1:]:
    about = json.load(open(path.replace(".onnx", ".json")))
    examples = np.load(path.replace(".onnx", ".npz"))
    names = [output["name"] for output in about["outputs"]]
    inputs = {port["name"]: examples[port["name"]] for port in about["inputs"]}
    for name, values in zip(names, ort.InferenceSession(path).run(names, inputs)):
        expected = examples["expected_" + name]
        edges = ~np.isnan(expected)  # the others stand for no action of these states
        error = (np.abs(values - expected) / np.maximum(1, np.abs(expected)))[edges].max(initial=0)
        print(f"{path} {name}: {edges.sum()} numbers, largest difference {error:.1e}")
        worst = max(worst, float(error))
sys.exit(worst >= 1e-5)
