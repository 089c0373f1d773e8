"""Did you mean: the known word nearest to a mistyped one, and how a list of allowed words is shown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType

_LISTED = 16

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
    close = difflib.get_close_matches(key, folded, n=1, cutoff=0.55)
    return folded[close[0]] if close else ""


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
