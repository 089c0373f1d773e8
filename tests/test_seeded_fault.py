"""Mistakes of the kind that hurt, put into a copy of the product one at a time: each must turn the tests red.

Run it alone to see which test finds which mistake:  ./dev test tests/test_seeded_fault.py -v -s
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]


class Mistake(NamedTuple):
    """``old`` stands exactly once in ``file`` and becomes ``new``; ``judge`` is the test, or the file of tests, that must notice."""

    file: str
    old: str
    new: str
    judge: str


CHAIN = "tests/chain/test_chain_fault.py"
MISTAKES = {
    "word order": Mistake(
        "edgectl/wire/word.py", "_LAST_WORD_FIRST = (Order.CDAB, Order.DCBA)", "_LAST_WORD_FIRST = (Order.ABCD, Order.BADC)",
        f"{CHAIN}::test_nothing_is_wrong_with_the_undisturbed_unit",
    ),
    "scale": Mistake(
        "edgectl/drivers/eurotherm_3200.py", "raw / 10**decimals", "raw / 10 ** (decimals + 1)", f"{CHAIN}::test_a_frozen_value_is_found_out"
    ),
    "address off by one": Mistake(
        "edgectl/wire/arc.py", "PMC1, PMC6 = 2090, 2410", "PMC1, PMC6 = 2091, 2411", f"{CHAIN}::test_a_frozen_value_is_found_out"
    ),
    "sign": Mistake(
        "edgectl/wire/word.py", 'Kind.INT16: struct.Struct(">h")', 'Kind.INT16: struct.Struct(">H")', "tests/drivers/test_driver_frames.py"
    ),
    "sign of a loop": Mistake("edgectl/core/pid.py", "        gain=plan.gain,", "        gain=-plan.gain,", "tests/core/test_core_cascade.py"),
    "dead checksum": Mistake(
        "edgectl/wire/frame.py", 'return FramerRTU.compute_CRC(frame[:-2]) == int.from_bytes(frame[-2:], "big")', "return len(frame) > 2",
        "tests/wire/test_wire_frame.py",
    ),
    "stale as fresh": Mistake(
        "edgectl/core/judge.py", "if age_ns > gate.stale_ns:", "if age_ns > gate.stale_ns << 20:", "tests/core/test_core_judge.py"
    ),
    "swallowed interlock": Mistake(
        "edgectl/core/interlock.py", "        value = held_at(output, locks)\n", "        held_at(output, locks)\n", f"{CHAIN}::test_an_overheated_vessel_loses_its_heater_within_tsafe_of_the_reading"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_seeded_mistake_turns_the_tests_red(name: str, tmp_path: Path) -> None:
    mistake = MISTAKES[name]
    # With its bytecode, which knows its source by time and size; but not with what another process is just writing of it.
    for folder in ("edgectl", "hil", "tests", "configs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.pyc.*"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    victim = tmp_path / mistake.file
    text = victim.read_text()
    assert text.count(mistake.old) == 1, f"{mistake.file} has changed; seed the mistake anew"
    victim.write_text(text.replace(mistake.old, mistake.new))
    said = _judged(tmp_path, mistake.judge)
    print(f"\n{name}: {said}")
    assert said.startswith("FAILED "), f"{mistake.judge} did not notice: {said}"


def _judged(root: Path, judge: str) -> str:
    """The first failing test of ``judge`` in the copy, or the last line pytest said."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "--no-header",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:warnings",
        judge,
    ]
    done = subprocess.run(
        command,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    return next((line for line in lines if line.startswith("FAILED ")), (lines or [done.stderr])[-1])
