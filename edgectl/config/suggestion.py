"""Did you mean: the known word nearest to a mistyped one, and how a list of allowed words is shown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType

_LISTED = 16
_SLIPS = 0.4  # share of the letters that may be wrong in a word that is still recognised

# Words of other programs and of control textbooks, and what they are called here.
SYNONYMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "kp": ("gain",),
        "p": ("gain",),
        "ti": ("integral",),
        "ki": ("integral",),
        "i": ("integral",),
        "td": ("derivative",),
        "kd": ("derivative",),
        "d": ("derivative",),
        "sp": ("setpoint",),
        "target": ("setpoint", "tag"),
        "pv": ("tag",),
        "input": ("tag", "channel"),
        "sensor": ("tag", "channel"),
        "output": ("drives",),
        "op": ("drives",),
        "limits": ("range",),
        "min": ("range", "setpoint_range"),
        "max": ("range", "setpoint_range"),
        "baudrate": ("baud",),
        "parity": ("framing",),
        "bytesize": ("framing",),
        "stopbits": ("framing",),
        "device": ("port", "driver"),
        "slave": ("address",),
        "unit_id": ("address",),
        "id": ("address",),
        "bus": ("line",),
        "ip": ("host",),
        "type": ("driver", "protocol"),
        "interval": ("poll", "period"),
        "deadband": ("dead_band", "report"),
        "failsafe": ("safe",),
        "default": ("normal", "safe"),
        "desc": ("description",),
        "name": ("description", "unit"),
        "high": ("above",),
        "low": ("below",),
    }
)


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that ``word`` most probably stands for, or an empty string."""
    folded = {name.casefold().replace("-", "_"): name for name in known}
    key = word.casefold().replace("-", "_").replace(" ", "_")
    if key in folded:
        return folded[key]
    for meant in SYNONYMS.get(key, ()):
        if meant in folded:
            return folded[meant]
    near = [name for name in folded if _slips(key, name) <= max(1, _SLIPS * max(len(key), len(name)))]
    if not near:
        return ""
    likeness = difflib.SequenceMatcher(b=key)

    def rank(name: str) -> tuple[int, float]:
        likeness.set_seq1(name)
        return _slips(key, name), -likeness.ratio()

    return folded[min(near, key=rank)]


def _slips(typed: str, meant: str) -> int:
    """How many slips of a finger lie between two words: letters added, left out, wrong, or two swapped."""
    before: list[int] = []
    row = list(range(len(meant) + 1))
    for i, letter in enumerate(typed, start=1):
        above, row = row, [i]
        for j, wanted in enumerate(meant, start=1):
            cost = min(above[j] + 1, row[-1] + 1, above[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == meant[j - 2] and typed[i - 2] == wanted:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before = above
    return row[-1]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint for people, empty when nothing is near."""
    found = nearest(word, known)
    return f"did you mean '{found}'?" if found else ""


def listed(words: Iterable[str]) -> str:
    """Allowed words for people: all of a short list, the first ones of a long one."""
    names = sorted(words)
    if not names:
        return "none"
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
