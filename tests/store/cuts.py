"""Cuts a writer of state off 500 times at random moments, and looks each time whether a whole file is there. Prints what it found."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from edgectl.core.initial import initial_state
from edgectl.model.instant import Instant
from edgectl.model.snapshot import Snapshot, Stamp
from edgectl.store.snapshot import pack, read, replace_whole
from tests.store.recording import unit


def main(path: Path, cuts: int, in_place: bool) -> str:
    """``in_place`` is the wrong way, so that the check can be seen to find it."""
    plan = unit()
    state = initial_state(plan)
    first = Snapshot(plan.unit, plan.digest, "0", Instant(0, 0), Stamp("b", 0, 0), state, {})
    replace_whole(path, pack(first))
    write = Path.write_bytes if in_place else replace_whole
    chance, newest, bad = random.Random(11), 0, 0
    for _ in range(cuts):
        ear, mouth = os.pipe()
        child = os.fork()
        if not child:
            number = newest
            while True:
                number += 1
                write(path, pack(replace(first, state=replace(state, scan=number))))
                os.write(mouth, number.to_bytes(8, "big"))
        os.close(mouth)
        time.sleep(chance.uniform(0.0, 0.006))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        said = os.read(ear, 1 << 16)
        os.close(ear)
        acknowledged = int.from_bytes(said[-8:], "big") if said else newest
        found = read(path, plan.unit, ran_before=True).snapshot
        if found is None or found.state.scan < acknowledged:
            bad += 1
            replace_whole(path, pack(first))
        else:
            newest = found.state.scan
    return f"{bad} of {cuts} cuts left a missing, partial or older file; {newest} states written"


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:] == ["in-place"]))
