"""docs/your-own-score.md, as far as it is Python with this package."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

import anabranch as ab

PAGE = Path(__file__).parents[3] / "docs" / "your-own-score.md"


def test_the_function_of_the_page_trains(tmp_path: Path) -> None:
    scripts = re.findall(r"^```python file=(\S+)\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    own = {name: text for name, text in scripts if "import anabranch" in text}
    assert list(own) == ["mine.py"]
    (tmp_path / "mine.py").write_text(own["mine.py"])
    subprocess.run([sys.executable, "mine.py"], cwd=tmp_path, check=True, timeout=600)
    assert "<html" in (tmp_path / "function.html").read_text()
    folder = tmp_path / "runs" / "function"
    rewards = np.loadtxt(folder / "samples.csv", delimiter=",", skiprows=1, usecols=1, comments=None)
    assert rewards.mean() > 0.6
    assert ab.load(folder).config["steps"] == 300
