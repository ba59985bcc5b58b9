"""Runs on disk."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import anabranch as ab
from anabranch import _native
from anabranch.progress import Progress


def test_training_leaves_a_folder_that_can_be_loaded(trained: ab.Run) -> None:
    assert (trained.path / "report.html").is_file()
    again = ab.load(str(trained.path))
    assert again.config == trained.config
    assert again.config["steps"] == 30
    assert again.config["env"] == {**again.config["env"], "side": 4, "dims": 2}


def test_samples_are_texts_with_columns(trained: ab.Run, tmp_path: Path) -> None:
    samples = trained.sample(12, seed=1)
    assert len(samples) == 12 and len(set(samples)) == 12
    assert samples[0] == list(samples)[0] == samples.objects[0]
    assert samples.reward.dtype == np.float64 and samples.reward.shape == (12,)
    np.testing.assert_allclose(np.exp(samples.log_reward), samples.reward)
    assert samples[2:5].objects == samples.objects[2:5]
    np.testing.assert_array_equal(samples[2:5].reward, samples.reward[2:5])
    assert list(samples.to_dict())[0] == samples.object
    with pytest.raises(AttributeError, match="no molecules"):
        _ = samples.smiles
    with pytest.raises(KeyError, match="no column"):
        samples.column("qed")
    path = samples.to_csv(tmp_path / "cells.csv")
    assert len(path.read_text().splitlines()) == 13
    with pytest.raises(ab.FileError, match="exists already"):
        samples.to_csv(path)
    samples.to_csv(path, overwrite=True)
    assert samples.to_parquet(tmp_path / "cells.parquet").stat().st_size > 100
    with pytest.raises(ab.FileError, match="holds molecules"):
        samples.to_sdf(tmp_path / "cells.sdf")
    with pytest.raises(ValueError, match="does not end with .csv"):
        samples.to_csv(tmp_path / "cells.txt")


def test_the_same_seed_draws_the_same(trained: ab.Run) -> None:
    one, two, other = (trained.sample(50, seed=s, distinct=False).objects for s in (3, 3, 4))
    assert one == two != other


def test_pandas_gets_every_column(trained: ab.Run) -> None:
    pd = pytest.importorskip("pandas")
    frame = trained.sample(5).to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns[1:3]) == ["reward", "log_reward"] and len(frame) == 5


def test_without_pandas_the_remedy_is_named(trained: ab.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        trained.sample(2).to_pandas()


def test_molecules_are_smiles(molecules: ab.Run, tmp_path: Path) -> None:
    samples = molecules.sample(5)
    assert ab.chem.valid(samples.smiles).all()
    assert {"qed", "sa"} <= set(samples.columns)
    np.testing.assert_allclose(ab.chem.qed(samples.smiles), samples.column("qed"), atol=1e-9)
    assert samples.to_sdf(tmp_path / "five.sdf").read_text().count("$$$$") == 5


def test_evaluation_and_metrics(trained: ab.Run) -> None:
    figures = trained.evaluate(samples=100, held=16)
    assert figures["step"] == 30
    assert 0 < figures["exact"]["total_variation"] < 1
    metrics = trained.metrics()
    assert metrics["step"].tolist() == list(range(1, 31))
    assert np.isfinite(metrics["loss"]).all()


def test_reports(trained: ab.Run, tmp_path: Path) -> None:
    page = trained.report(tmp_path / "one.html", samples=50)
    assert "<html" in page.read_text()
    assert "<html" in ab.report([trained, trained.path], tmp_path / "two.html", samples=50).read_text()


def test_resuming_gives_the_same_bytes_as_never_stopping(trained: ab.Run, tmp_path: Path) -> None:
    settings = dict(trained.config)
    short = ab.train(
        "hypergrid",
        steps=10,
        seed=7,
        folder=tmp_path,
        batch=8,
        progress=False,
        close=False,
        env={"side": settings["env"]["side"], "dims": 2},
        policy={"width": 16},
        output={"samples": 10, "checkpoint_every": 10},
    )
    short.resume(steps=30, progress=False)
    assert short.config["steps"] == 30
    one, two = (run.path / "metrics.jsonl" for run in (trained, short))
    assert one.read_bytes() == two.read_bytes()
    with pytest.raises(ab.ConfigError, match="seed"):
        short.resume(seed=8, **{"no.such": 1})
    with pytest.raises(ValueError, match="cannot change within a run"):
        short.resume(**{"env.side": 8})


def test_settings_are_refused_with_their_message() -> None:
    with pytest.raises(ab.ConfigError, match="batchh"):
        ab.config("hypergrid", batchh=3)
    with pytest.raises(ValueError, match="hypergrid"):
        ab.config("hypergird")
    with pytest.raises(TypeError, match="cannot be a setting"):
        ab.config("hypergrid", batch=object())  # type: ignore[arg-type]
    assert ab.config("hypergrid", env={"side": 5})["env"]["side"] == 5
    assert ab.config("fragments", reward={"beta": {"uniform": [1, 32]}})["reward"]["beta"] == {
        "uniform": [1.0, 32.0]
    }


def test_a_missing_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ab.AnabranchError):
        ab.load(tmp_path / "nothing")


def test_every_exception_is_one_of_ours() -> None:
    for name in ab.errors.__all__:
        assert issubclass(getattr(ab, name), ab.AnabranchError)
    assert issubclass(ab.ConfigError, ValueError)


def _endless(folder: Path) -> ab.Run:
    return ab.train(
        "hypergrid",
        steps=1_000_000,
        seed=1,
        folder=folder,
        progress=False,
        policy={"width": 16},
        output={"checkpoint_every": 1_000_000},
    )


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path, ctrl_c: Callable[[float], None]) -> None:
    ctrl_c(1.0)
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt, match="everything is saved: go on with"):
        _endless(tmp_path)
    assert time.monotonic() - begun < 30
    (folder,) = tmp_path.iterdir()
    assert list((folder / "checkpoints").iterdir())
    done = len(ab.load(folder).metrics()["step"])
    assert done > 0
    ab.load(folder).resume(steps=done + 1, progress=False)
    assert len(ab.load(folder).metrics()["step"]) == done + 1


def test_other_threads_run_while_training(tmp_path: Path) -> None:
    count = 0
    done = threading.Event()

    def work() -> None:
        nonlocal count
        while not done.wait(0.001):
            count += 1

    other = threading.Thread(target=work)
    other.start()
    try:
        ab.train("hypergrid", steps=150, seed=2, folder=tmp_path, progress=False, close=False)
    finally:
        done.set()
        other.join()
    assert count > 10


def test_an_exception_of_the_progress_stops_and_saves(trained: ab.Run, tmp_path: Path) -> None:
    path = _native.create("hypergrid", ["steps=100000", f"output.folder={str(tmp_path)!r}"], None, None, [])

    def look(*_: object) -> None:
        raise RuntimeError("the display is gone")

    with pytest.raises(RuntimeError, match="the display is gone"):
        _native.train(path, None, None, look, None)
    assert list((path / "checkpoints").iterdir())


def test_a_fork_can_train(tmp_path: Path) -> None:
    """Threads do not survive a fork, so none may be kept between calls."""
    code = (
        "import os, sys, anabranch as ab\n"
        "ab.chem.qed(['CCO'] * 100)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    ab.chem.qed(['CCO'] * 100)\n"
        "    os._exit(0)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_of_a_terminal_renews_its_line() -> None:
    stream = _Terminal()
    bar = Progress(stream=stream)
    assert bar.shown
    bar(1, 10, 16, 2.0, 0.5, 1.0)
    bar(10, 10, 160, 1.0, 0.7, 1.5)
    bar.close()
    first, last = stream.getvalue().rstrip("\n").split("\r")[1:]
    assert "1/10 steps" in first and "10/10 steps" in last and "#" * 30 in last
    assert "reward 0.700" in last and "160 trajectories" in last


def test_nothing_is_shown_where_nobody_looks() -> None:
    assert not Progress(stream=io.StringIO()).shown
    assert not Progress(False, stream=_Terminal()).shown
