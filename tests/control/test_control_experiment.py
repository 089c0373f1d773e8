"""What an experiment recorded can be asked for over the control socket."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from edgectl.control.control_socket import ControlSocket
from edgectl.control.intake import Intake
from edgectl.model.codec import from_plain, to_plain
from edgectl.model.experiment import Experiment, Method, Point, Side

RECORD = Experiment(
    Method.RELAY, Side.UP, "anna", 50.0, 40.0, points=(Point(1.0, 40.0, 50.1), Point(2.0, 45.0, 50.2))
)


def _asked(question: dict[str, Any]) -> dict[str, Any]:
    known = {"PIC-1": to_plain(RECORD)}
    socket = ControlSocket(Path("x"), Intake(), dict, experiment=known.get)
    answer = asyncio.run(socket._answer(json.dumps(question).encode(), "client 1"))
    back: dict[str, Any] = json.loads(json.dumps(answer))
    return back


def test_the_record_of_an_experiment_comes_over_the_socket_to_the_bit() -> None:
    answer = _asked({"do": "experiment", "id": 7, "loop": "PIC-1"})
    assert answer["id"] == 7
    assert from_plain(Experiment, answer["experiment"]) == RECORD


def test_of_a_loop_without_an_experiment_there_is_none() -> None:
    assert _asked({"do": "experiment", "loop": "PIC-2"})["experiment"] is None
    assert _asked({"do": "experiment"})["experiment"] is None


def test_an_unknown_question_names_those_that_are_known() -> None:
    assert "experiment" in _asked({"do": "experiments"})["error"]
