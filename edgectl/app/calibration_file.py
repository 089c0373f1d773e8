"""``calibration.json`` in the state folder of a unit: every calibration there was, latest first, and a way back to them when the saved state is lost.

What is in force is part of the core's state. This file is written by ``edgectl calibrate`` after the core has accepted, and read when control starts without a memory.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from edgectl.core.calibration import kept
from edgectl.core.restart import Begun
from edgectl.model.calibration import Calibration, CalibrationState
from edgectl.model.codec import from_plain, to_plain
from edgectl.model.event import Event
from edgectl.model.instant import Instant
from edgectl.model.plan import Plan
from edgectl.store.snapshot import replace_whole

_KEEP = 200  # of one tag or actuator
_IN_STATE = 5


def read_calibrations(path: Path) -> dict[str, tuple[Calibration | None, ...]]:
    """Every calibration by tag or actuator, that in force first; nothing where there is no such file.

    Raises:
        ValueError: the file cannot be read; the text says what to do.
    """
    try:
        data = json.loads(path.read_bytes())
        return {
            str(name): tuple(None if row is None else from_plain(Calibration, row) for row in rows)
            for name, rows in data.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read ({error}): move it away, or put a copy back") from None


def write_calibrations(path: Path, states: Mapping[str, CalibrationState]) -> None:
    """Bring the file up to what is in force; what it had before stays behind it.

    Raises:
        OSError, ValueError: it cannot be read or written.
    """
    known = read_calibrations(path)
    for name, state in states.items():
        if state.current is None and not state.earlier:
            continue
        fresh = (state.current, *state.earlier)
        old = tuple(row for row in known.get(name, ()) if row is not None and row not in fresh)
        known[name] = (*fresh, *old)[:_KEEP]
    replace_whole(path, json.dumps(to_plain(known), indent=1).encode() + b"\n")


def remembered(begun: Begun, path: Path, plan: Plan, now: Instant) -> Begun:
    """A start whose memory has no calibrations takes those of the file: a probe must not be believed uncorrected because a disk forgot."""
    if begun.state.calibrations:
        return begun
    events = list(begun.events)

    def tell(kind: str, subject: str, before: str, after: str, reason: str) -> None:
        events.append(Event(now, kind, subject, before, after, "restart", reason))

    try:
        rows = {name: found for name, found in read_calibrations(path).items() if found}
    except ValueError as error:
        tell("calibration", plan.unit, "recorded", "not known", str(error))
        return Begun(begun.state, tuple(events))
    states = {name: CalibrationState(found[0], found[1 : 1 + _IN_STATE]) for name, found in rows.items()}
    for name in states:
        tell("calibration", name, "not in the saved state", "from the record", str(path.name))
    states = kept(plan, states, tell)
    return Begun(replace(begun.state, calibrations=states), tuple(events))
