"""What we write, read back by those whom it is for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import anabranch as ab


def test_pandas_and_polars_read_parquet(molecules: ab.Run, tmp_path: Path) -> None:
    pd: Any = pytest.importorskip("pandas")
    pl: Any = pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    samples = molecules.sample(7)
    path = samples.to_parquet(tmp_path / "seven.parquet")
    for frame in (pd.read_parquet(path), pl.read_parquet(path)):
        assert list(frame["smiles"]) == samples.smiles
        for title in samples.columns:
            np.testing.assert_array_equal(np.asarray(frame[title]), samples.column(title))


def test_rdkit_reads_sdf_with_its_scores(molecules: ab.Run, tmp_path: Path) -> None:
    chem: Any = pytest.importorskip("rdkit.Chem")
    samples = molecules.sample(7)
    path = samples.to_sdf(tmp_path / "seven.sdf")
    with chem.SDMolSupplier(str(path)) as supplier:
        read = list(supplier)
    assert len(read) == 7 and all(molecule is not None for molecule in read)
    for place, molecule in enumerate(read):
        assert ab.chem.canonical([chem.MolToSmiles(molecule)]) == ab.chem.canonical([samples[place]])
        properties = molecule.GetPropsAsDict()
        for title in samples.columns:
            assert float(properties[title]) == pytest.approx(samples.column(title)[place], rel=1e-9)


def test_tensorboard_reads_events(trained: ab.Run) -> None:
    events: Any = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    accumulator = events.EventAccumulator(str(trained.path))
    accumulator.Reload()
    tags = accumulator.Tags()["scalars"]
    metrics = trained.metrics()
    (tag,) = [tag for tag in tags if tag.rsplit("/", 1)[-1] == "loss"]
    read = accumulator.Scalars(tag)
    assert [event.step for event in read] == [10, 20, 30]
    at = [event.step - 1 for event in read]
    np.testing.assert_allclose([event.value for event in read], metrics["loss"][at], rtol=1e-6)


def test_safetensors_reads_the_weights(trained: ab.Run) -> None:
    safetensors: Any = pytest.importorskip("safetensors.numpy")
    newest = max((trained.path / "checkpoints").iterdir(), key=lambda folder: int(folder.name))
    weights = safetensors.load_file(newest / "model.safetensors")
    assert weights and all(np.isfinite(array).all() for array in weights.values())


def test_onnxruntime_runs_an_exported_policy(trained: ab.Run, tmp_path: Path) -> None:
    ort: Any = pytest.importorskip("onnxruntime")
    path = trained.to_onnx(tmp_path / "policy.onnx", examples=20)
    with np.load(path.with_suffix(".npz")) as examples:
        session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        inputs = {given.name: examples[given.name] for given in session.get_inputs()}
        for output, found in zip(session.get_outputs(), session.run(None, inputs), strict=True):
            if f"expected_{output.name}" in examples:
                expected = examples[f"expected_{output.name}"]
                known = np.isfinite(expected)
                np.testing.assert_allclose(found[known], expected[known], atol=1e-5)
    with pytest.raises(ab.FileError, match="overwrite"):
        trained.to_onnx(path)
