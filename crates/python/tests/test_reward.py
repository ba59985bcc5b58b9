"""Functions that score."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import anabranch as ab
from anabranch.reward import named


def _train(folder: Path, reward: Any, steps: int = 6, **settings: Any) -> ab.Run:
    """Strings over two letters, of one to four letters: 30 objects."""
    return ab.train(
        "sequences",
        reward=reward,
        steps=steps,
        seed=7,
        folder=folder,
        batch=8,
        progress=False,
        policy={"width": 16},
        output={"samples": 10, "checkpoint_every": 2},
        **{"env": {"alphabet": "AB", "min_length": 1, "max_length": 4}, **settings},
    )


def test_a_function_scores_and_no_object_is_asked_twice(tmp_path: Path) -> None:
    asked: list[str] = []

    def count(texts: list[str]) -> list[float]:
        asked.extend(texts)
        return [1.0 + text.count("A") for text in texts]

    run = _train(tmp_path, count)
    assert len(asked) == len(set(asked)) > 5
    assert (run.path / "report.html").is_file() and (run.path / "scores.sqlite").is_file()
    samples = run.sample(10, seed=3)
    np.testing.assert_allclose(samples.reward, [1.0 + text.count("A") for text in samples])
    np.testing.assert_allclose(samples.column("score"), samples.reward)
    again = ab.load(run.path, reward=count)
    assert again.sample(10, seed=3).objects == samples.objects
    again.resume(steps=12, progress=False).evaluate(samples=20, held=8)
    assert len(asked) == len(set(asked)) <= 30


def test_the_folder_alone_wants_its_function(tmp_path: Path, trained: ab.Run) -> None:
    run = _train(tmp_path, lambda texts: [1.0] * len(texts), close=False)
    with pytest.raises(ValueError, match="give it: anabranch.load"):
        ab.load(run.path).sample(3)
    with pytest.raises(ValueError, match="leave reward out"):
        ab.load(trained.path, reward=lambda texts: [1.0] * len(texts)).sample(3)
    with pytest.raises(ab.ConfigError, match="reward.command is given beside a function"):
        _train(tmp_path, lambda texts: [1.0] * len(texts), **{"reward.command": ["awk"]})
    with pytest.raises(TypeError, match="give a function"):
        _train(tmp_path, 3)


def test_columns_with_what_is_wanted_of_them(tmp_path: Path) -> None:
    def two(texts: list[str]) -> dict[str, Any]:
        return {"energy": [-float(len(t)) for t in texts], "share": np.array([t.count("A") / 4 for t in texts])}

    run = _train(
        tmp_path,
        two,
        oracle={"columns": ["energy", "share"]},
        **{"reward.energy": {"direction": "lower", "low": -4.0, "high": 0.0}, "reward.share": 0.0},
    )
    samples = run.sample(8)
    np.testing.assert_allclose(samples.reward, [len(text) / 4 for text in samples])
    np.testing.assert_allclose(samples.column("share"), [text.count("A") / 4 for text in samples])


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (lambda texts: [1.0], ValueError, "1 for . objects"),
        (lambda texts: [1.0] * (len(texts) + 1), ValueError, "for . objects"),
        (lambda texts: 1.0, TypeError, "list or an array of . numbers.*returned float"),
        (lambda texts: "a" * len(texts), TypeError, "returned str"),
        (lambda texts: None, TypeError, "returned NoneType"),
        (lambda texts: ["x"] * len(texts), TypeError, "entry 0 is 'x', not a number"),
        (lambda texts: {}, ValueError, "without columns"),
        (lambda texts: {"score": [1.0]}, ValueError, 'column "score" are 1 for'),
        (lambda texts: {"affinity": [1.0] * len(texts)}, ValueError, "oracle.columns, score"),
        (lambda texts: [-1.0] * len(texts), ab.AnabranchError, "reward.score"),
    ],
)
def test_wrong_answers_are_explained(
    tmp_path: Path, answer: Callable[[list[str]], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        _train(tmp_path, answer)


def test_objects_without_a_score_have_their_fates(tmp_path: Path) -> None:
    def some(texts: list[str]) -> list[float | None]:
        answers = {"A": None, "B": float("nan"), "AB": float("inf")}
        return [answers.get(text, 1.0) for text in texts]

    run = _train(tmp_path, some, steps=20)
    page = (run.path / "report.html").read_text()
    assert "null 1" in page and "nan 1" in page and "infinity 1" in page


class MyError(Exception):
    pass


def test_what_the_function_raises_is_raised_with_its_traceback(tmp_path: Path) -> None:
    calls = 0

    def fails(texts: list[str]) -> list[float]:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise MyError(f"no licence for {texts[0]}")
        return [1.0 for _ in texts]

    with pytest.raises(MyError, match="no licence for") as caught:
        _train(tmp_path, fails, steps=40, env={"alphabet": "ABCD", "min_length": 6, "max_length": 6})
    assert any(entry.name == "fails" for entry in caught.traceback)
    if sys.version_info >= (3, 11):
        assert any("raised by the reward function" in note for note in caught.value.__notes__)
    (folder,) = tmp_path.iterdir()
    run = ab.load(folder, reward=fails).resume(progress=False)
    assert run.metrics()["step"][-1] == 40


def test_ctrl_c_in_the_middle_of_scoring_saves(tmp_path: Path, ctrl_c: Callable[[float], None]) -> None:
    asked: list[str] = []

    def slow(texts: list[str]) -> list[float]:
        for text in texts:
            time.sleep(0.01)
            asked.append(text)
        return [1.0 for _ in texts]

    ctrl_c(1.5)
    with pytest.raises(KeyboardInterrupt, match=r"reward=\.\.\.\)\.resume"):
        _train(tmp_path, slow, steps=100_000, env={"alphabet": "ABCDEFGH", "min_length": 9, "max_length": 9})
    (folder,) = tmp_path.iterdir()
    run = ab.load(folder, reward=slow)
    done = len(run.metrics()["step"])
    run.resume(steps=done + 2, progress=False)
    assert len(asked) == len(set(asked)) > 50


def test_the_callback_hears_every_step(tmp_path: Path) -> None:
    heard: list[dict[str, float]] = []
    run = _train(
        tmp_path,
        None,
        callback=heard.append,
        close=False,
        env={"alphabet": "rna", "min_length": 14, "max_length": 14},
        **{"reward.built_in": "rna:L14_RNA1"},
    )
    assert [step["step"] for step in heard] == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose([step["loss"] for step in heard], run.metrics()["loss"])

    def gone(_: dict[str, float]) -> None:
        raise RuntimeError("the server is gone")

    with pytest.raises(RuntimeError, match="the server is gone"):
        _train(tmp_path, lambda texts: [1.0] * len(texts), steps=100_000, callback=gone)


def test_a_mapping_is_settings(tmp_path: Path) -> None:
    run = ab.train(
        "hypergrid",
        reward={"beta": 2.0},
        steps=1,
        folder=tmp_path,
        progress=False,
        close=False,
        env={"side": 4, "dims": 2},
    )
    assert run.config["reward"]["beta"] == 2.0


def test_a_name_changes_with_the_code_alone() -> None:
    def make(source: str) -> Callable[[list[str]], Any]:
        space: dict[str, Any] = {}
        exec(source, space)
        function: Callable[[list[str]], Any] = space["f"]
        return function

    one = make("def f(texts):\n    return [len(t) for t in texts]")
    same = make("\n\n\ndef f(texts):\n    # a remark\n    return [len(t) for t in texts]")
    other = make("def f(texts):\n    return [len(t) + 1 for t in texts]")
    names = [answer[1] for answer in (named(one), named(same), named(other)) if answer]
    assert names[0] == names[1] != names[2]
    assert named(None) is None
