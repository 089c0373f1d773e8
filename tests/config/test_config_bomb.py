"""Files made to hurt are refused quickly and cheaply (C09)."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest

from tests.config.unit_folder import SAFETY, compiled

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
BOMBS = {
    "alias bomb": LAUGHS,
    "2000 brackets": "unit: " + "[" * 2000 + "\n",
    "2000 braces": "unit: " + "{a: " * 2000 + "\n",
    "500 levels": "".join(" " * i + "a:\n" for i in range(500)),
    "complex keys": "? " * 60_000 + "\n",
    "endless list": "unit: [" + "1," * 60_000 + "]\n",
    "endless keys": "".join(f"k{i}: 1\n" for i in range(12_000)),
    "one long word": "unit: " + "x" * 125_000 + "\n",
    "one long line of words": "unit: " + "x " * 60_000 + "\n",
    "one long key": "x" * 125_000 + ": 1\n",
    "escapes": 'unit: "' + "\\n" * 60_000 + '"\n',
    "comments": "#\n" * 60_000,
    "block text": "description: |\n" + " x\n" * 40_000,
    "words over many lines": "unit: " + "x\n " * 40_000 + "\n",
    "strange characters": "unit: " + "\u200b" * 40_000 + "\n",
    "too large": "# " + "x" * 10_000_000 + "\n",
    "long number": "period: " + "9" * 100_000 + " s\n",
    "long range": "limits: {a: " + "9." * 50_000 + "}\n",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_refused_within_a_second(text: str, tmp_path: Path) -> None:
    begun = time.process_time()
    found = compiled(tmp_path / "u", unit=text)
    assert time.process_time() - begun < 1.0
    assert found.plan is None
    assert found.errors
    assert all(len(line) < 1000 for problem in found.problems for line in problem.render().splitlines())


@pytest.mark.parametrize(
    "name", ["alias bomb", "endless list", "endless keys", "too large", "strange characters"]
)
def test_a_bomb_takes_less_than_50_megabytes(name: str, tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        compiled(tmp_path / "u", unit=BOMBS[name])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - 2 * len(BOMBS[name]) < 50e6  # writing the file is the test's own doing


def test_a_file_that_is_too_large_says_so(tmp_path: Path) -> None:
    (problem,) = compiled(tmp_path / "u", unit=BOMBS["too large"]).problems
    assert "larger than 128 KiB" in problem.message


def test_a_language_object_is_not_made(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    safety = (
        SAFETY.replace("description", "x") + f"  ? !!python/object/apply:os.system ['touch {mark}']\n  : 1\n"
    )
    found = compiled(tmp_path / "u", safety=safety)
    assert any("is a YAML tag" in problem.message for problem in found.problems)
    assert not mark.exists()
