"""The nouns of an experiment on a loop: what is declared, what is asked, and what is remembered while it runs."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple


class Method(enum.Enum):
    """How the plant is excited: many small swings that turn soon, or few large ones."""

    RELAY = "relay"
    STEP = "step"


class Side(enum.Enum):
    """Which way the output may leave the one that holds; a split range is examined one side at a time."""

    BOTH = "both"
    DOWN = "down"
    UP = "up"


class Stage(enum.Enum):
    """LISTENING: the loop regulates, and its noise is measured. SWINGING: the experiment has the output. OVER: the loop has it again."""

    LISTENING = "listening"
    SWINGING = "swinging"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class TunePlan:
    """The declared limits of experiments on a loop.

    The output leaves the one that holds by at most ``amplitude`` (output unit), the value its set point by at most ``within`` (tag unit), for at most
    ``longest_s``. ``unit`` is that of the output.
    """

    amplitude: float
    within: float
    longest_s: float
    unit: str = ""


class Point(NamedTuple):
    """Means over some scans from ``t_s`` on: the output that was achieved after, and the value that was measured before it (0 s: the start)."""

    t_s: float
    output: float
    value: float


class Tally(NamedTuple):
    """What listening heard: samples, their sum, the squares of the steps between them, the least step that was not 0, and the output; ``early`` is its sum in the first half."""

    samples: int = 0
    total: float = 0.0
    squares: float = 0.0
    grain: float = 0.0
    last: float = 0.0
    last_ns: int = 0
    scans: int = 0
    output: float = 0.0
    least: float = 0.0
    most: float = 0.0
    early_scans: int = 0
    early: float = 0.0


_UNHEARD = Tally()
_EMPTY = Point(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Experiment:
    """Memory of one experiment.

    ``base`` is the output that holds, to which the loop returns; the output stays in ``low``..``high`` around it. ``center`` is where the value turns, with
    ``hysteresis``. ``share`` of the range is used, ``up`` says which end of it is asked for since ``held_s``, ``peak`` how far the value went
    meanwhile, ``hard`` that the whole range is used to bring it back,
    ``least`` and ``best`` how far against and along it the value has been, and ``best_s`` when that was. ``points`` each stand for ``every`` scans, ``pending`` is the sum of the ``count`` newest. ``alarms`` stood at the start. ``ended`` says how it ended,
    ``complete`` whether it went through; ``over_s`` ago. ``began_s`` is when it began to swing.
    """

    method: Method
    side: Side
    actor: str
    setpoint: float
    base: float
    alarms: tuple[str, ...] = ()
    stage: Stage = Stage.LISTENING
    elapsed_s: float = 0.0
    heard: Tally = _UNHEARD
    noise: float = 0.0
    center: float = 0.0
    hysteresis: float = 0.0
    low: float = 0.0
    high: float = 0.0
    share: float = 0.25
    up: bool = False
    held_s: float = 0.0
    peak: float = 0.0
    swings: int = 0
    every: int = 1
    points: tuple[Point, ...] = ()
    pending: Point = _EMPTY
    count: int = 0
    ended: str = ""
    complete: bool = False
    over_s: float = 0.0
    began_s: float = 0.0
    hard: bool = False
    least: float = 0.0
    best: float = 0.0
    best_s: float = 0.0
