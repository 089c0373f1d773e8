"""Commands that are damaged, senseless or too large, by the thousand: B10.

None of them is an order that changes anything: the good ones that are damaged ask for what there is, and the bytes of their values are
left alone. So whatever moves has moved wrongly.
"""

from __future__ import annotations

import json
import math
import random
from typing import TYPE_CHECKING, Any

from hil.campaign.far import order
from hil.host.encode import encode
from hil.host.payload import BOOLEAN, DOUBLE, FIELD_OF, FLOAT, INT32, INT64, STRING, Metric, Payload
from hil.host.tap import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hil.host.payload import Raw

HOST = "sparkplug"  # one host in both dialects, so that nothing is refused for its owner's sake
_NUMBERS = (math.nan, math.inf, -math.inf, 1e308, -1e308, 1e6, -1e6, -5.0, 5e-324)
_WORDS = ("", "MANUAL", "auto", "x" * 300, "\x00", "None", "{}")
_NAMES = ("Loops/TIC-999/Setpoint", "loops/tic-101/setpoint", "", "/", "Tags/TT-101", "Setpoint", "n" * 500)
_JSON_VALUES: tuple[Any, ...] = (
    math.nan,
    math.inf,
    1e308,
    -1e6,
    "7.2",
    None,
    True,
    [],
    {},
    10**400,
    "\ud800",
)
_JSON_WORDS: tuple[Any, ...] = ("", "x" * 300, "\ud800", "\x00", 5, None, True, [], {"a": 1}, "+/#", "a/b")


class Fuzz:
    """Makes payloads; `targets` are the loops and the set points they have."""

    def __init__(self, seed: int, targets: Mapping[str, float]) -> None:
        self._chance = random.Random(seed)
        self._targets = dict(targets)

    def sparkplug(self) -> bytes:
        """A payload for DCMD or NCMD."""
        kinds: tuple[Callable[[], bytes], ...] = (
            self._bytes_changed,
            self._cut,
            self._nonsense,
            self._partly,
            self._noise,
        )
        return self._chance.choices(kinds, (3, 4, 6, 3, 1))[0]()

    def json(self) -> bytes:
        """A payload for the topic of JSON commands."""
        kinds: tuple[Callable[[], bytes], ...] = (
            self._text_changed,
            self._text_cut,
            self._fields_changed,
            self._noise,
        )
        return self._chance.choices(kinds, (4, 3, 6, 1))[0]()

    def _same(self) -> Metric:
        """An order for what there is already."""
        loop, value = self._chance.choice(sorted(self._targets.items()))
        return self._chance.choice(
            (_metric(f"Loops/{loop}/Setpoint", value, DOUBLE), _metric(f"Loops/{loop}/Mode", "AUTO", STRING))
        )

    def _bytes_changed(self) -> bytes:
        """One to three bytes before the value, which stands at the end."""
        raw = bytearray(encode(Payload(now_ms(), (self._same(),))))
        for _ in range(self._chance.randint(1, 3)):
            raw[self._chance.randrange(len(raw) - 8)] = self._chance.randrange(256)
        return bytes(raw)

    def _cut(self) -> bytes:
        raw = encode(Payload(now_ms(), (self._same(), self._same())))
        return raw[: self._chance.randrange(len(raw))]

    def _nonsense(self) -> bytes:
        """Well-formed, and not to be carried out."""
        return encode(
            Payload(self._stamp(), tuple(self._bad() for _ in range(self._chance.choice((1, 1, 2)))))
        )

    def _partly(self) -> bytes:
        """Orders that would change something, and behind them what spoils the whole."""
        loop, value = self._chance.choice(sorted(self._targets.items()))
        good = (
            _metric(f"Loops/{loop}/Setpoint", 1.01 * value, DOUBLE),
            _metric(f"Loops/{loop}/Mode", "MAN", STRING),
        )
        many = self._chance.choice((1, 1, 1, 30, 10_000 if self._chance.random() < 0.05 else 25))
        stamp = now_ms()
        bad = Metric(self._chance.choice(_NAMES), None, stamp, DOUBLE, at=FIELD_OF[DOUBLE], raw=value)
        return encode(Payload(stamp, (*good, *(bad for _ in range(many)))))

    def _bad(self) -> Metric:
        """One metric with one thing wrong."""
        loop = self._chance.choice(sorted(self._targets))
        pick = self._chance.choice
        return pick(
            (
                _metric(f"Loops/{loop}/Setpoint", pick(_NUMBERS), DOUBLE),
                _metric(f"Loops/{loop}/Setpoint", pick((1e38, -1e38, 1e6, -1e6, -5.0)), FLOAT),
                _metric(f"Loops/{loop}/Setpoint", pick(_WORDS), STRING),
                _metric(f"Loops/{loop}/Setpoint", (1 << 63) + 1, INT64),
                _metric(f"Loops/{loop}/Output", 10.0, DOUBLE),  # not in MAN
                _metric(f"Loops/{loop}/Mode", pick(_WORDS), STRING),
                _metric(f"Loops/{loop}/Mode", 1, INT32),
                _metric(f"Actuators/P-102/{pick(('Value', 'Mode'))}", pick(_WORDS), STRING),
                _metric("Actuators/P-102/Value", pick(_NUMBERS[:8]), DOUBLE),
                _metric(f"Unit Control/{pick(('Hold', 'Resume'))}", False, BOOLEAN),
                _metric(f"Unit Control/{pick(('Hold', 'Reset'))}", 1, INT32),
                _metric("Unit/Authority", pick(("remote", "maintenance", "", "LOCAL")), STRING),
                _metric("Node Control/Rebirth", False, BOOLEAN),
                Metric(pick(_NAMES), timestamp=now_ms(), at=FIELD_OF[DOUBLE], raw=1.0),
                Metric(None, pick((0, 1, 5, 1 << 40)), now_ms(), DOUBLE, at=FIELD_OF[DOUBLE], raw=1.0),
                Metric(f"Loops/{loop}/Setpoint", timestamp=now_ms(), datatype=DOUBLE, null=True),
                Metric(f"Loops/{loop}/Setpoint", timestamp=pick((0, 1, 1 << 63)), at=FIELD_OF[DOUBLE], raw=11.0),
            )
        )  # fmt: skip

    def _stamp(self) -> int | None:
        return self._chance.choice((now_ms(), now_ms(), now_ms(), None, 0, (1 << 64) - 1))

    def _noise(self) -> bytes:
        """Nothing, anything, and too much."""
        size = self._chance.choices((0, self._chance.randrange(1, 300), 5000, 70_000), (4, 12, 3, 1))[0]
        return self._chance.randbytes(size)

    def _order(self) -> dict[str, Any]:
        loop, value = self._chance.choice(sorted(self._targets.items()))
        ask, asked = self._chance.choice((("setpoint", value), ("mode", "AUTO")))
        return order(ask, loop, asked, host=HOST)

    def _text_changed(self) -> bytes:
        """One to three bytes before the value, which stands at the end."""
        raw = bytearray(json.dumps(self._order()).encode())
        for _ in range(self._chance.randint(1, 3)):
            raw[self._chance.randrange(raw.rindex(b'"value"'))] = self._chance.randrange(256)
        return bytes(raw)

    def _text_cut(self) -> bytes:
        raw = json.dumps(self._order()).encode()
        return raw[: self._chance.randrange(len(raw))]

    def _fields_changed(self) -> bytes:
        """One field gone, added, or of another kind."""
        found, pick = self._order(), self._chance.choice
        what = pick(("gone", "more", "value", "word", "word", "time", "nested", "ask"))
        if what == "gone":
            del found[pick(sorted(found))]
        elif what == "more":
            found[pick(("Value", "extra", "\ud800", ""))] = 1
        elif what == "value":
            found |= {"ask": "setpoint", "value": pick(_JSON_VALUES)}
        elif what == "word":
            found[pick(("id", "host", "actor", "target", "reason", "ask"))] = pick(_JSON_WORDS)
        elif what == "time":
            found["time"] = pick(("", "now", 0, "2026-01-01T00:00:00", "9999-12-31T23:59:59-12:00", None))
        elif what == "ask":
            found["ask"] = pick(("batch", "shelve", "retire", "SETPOINT", "reset", "output"))
        else:
            return b"[" * pick((10, 2000)) + json.dumps(found).encode()
        return json.dumps(found).encode()


def _metric(name: str, value: Raw, datatype: int) -> Metric:
    return Metric(name, timestamp=now_ms(), datatype=datatype, at=FIELD_OF[datatype], raw=value)
