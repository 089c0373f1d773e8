"""An experiment on a running unit, through its control socket: asked for, watched, and stopped with Ctrl-C. It ends by itself if nobody watches."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from edgectl.app.control_socket import ask, user
from edgectl.app.place import Place
from edgectl.core.text import span
from edgectl.model.codec import from_plain, load_plan
from edgectl.model.experiment import Experiment, Stage
from edgectl.model.plan import Plan

_LOOK_S = 1.0
_SAY_EVERY_S = 15.0


class NotGranted(Exception):
    """The unit does not begin the experiment; the text says why."""


def running_plan(place: Place) -> Plan:
    """The plan that the unit runs.

    Raises:
        Unreachable: no control process answers.
        OSError, ValueError: its plan cannot be read.
    """
    digest = str(ask(place.socket, {"do": "status"})["plan"])
    return load_plan((place.plans / f"{digest}.json").read_bytes())


def last_experiment(place: Place, loop: str) -> Experiment | None:
    """What the unit keeps of the latest experiment on ``loop``; None if there is none."""
    found = ask(place.socket, {"do": "experiment", "loop": loop})["experiment"]
    return None if found is None else from_plain(Experiment, found)


def run_experiment(
    place: Place, loop: str, method: str, reason: str, say: Callable[[str], None]
) -> Experiment:
    """The experiment on ``loop``, ended one way or the other. Ctrl-C stops it.

    Raises:
        NotGranted: it did not begin.
        Unreachable: no control process answers, or none any more.
    """
    _request(place, loop, method, reason)
    say(f"experiment on {loop}: {method}; Ctrl-C stops it, and so does anything that speaks against it")
    told = 0.0
    try:
        while True:
            time.sleep(_LOOK_S)
            found = ask(place.socket, {"do": "status"})["experiments"].get(loop)
            if found is None or found["stage"] == Stage.OVER.value:
                break
            if time.monotonic() - told >= _SAY_EVERY_S:
                told = time.monotonic()
                say(_progress(found))
    except KeyboardInterrupt:
        _request(place, loop, "stop", "Ctrl-C")
    state = last_experiment(place, loop)
    if state is None:
        raise NotGranted(f"the unit knows nothing of an experiment on {loop}: it was started again meanwhile")
    say(f"{state.ended}, after {span(state.elapsed_s)} and {state.swings} swings")
    return state


def _progress(found: dict[str, Any]) -> str:
    left = span(max(0.0, found["longest_s"] - found["elapsed_s"]))
    return f"{found['stage']}, {found['swings']} swings in {span(found['elapsed_s'])}, at most {left} to go"


def _request(place: Place, loop: str, value: str, reason: str) -> None:
    question = {
        "do": "request",
        "id": secrets.token_hex(8),
        "ask": "tune",
        "target": loop,
        "value": value,
        "actor": user(),
        "reason": reason,
    }
    answer = ask(place.socket, question)
    if not answer.get("accepted"):
        raise NotGranted(str(answer.get("reason") or answer.get("error")))
