"""Warns before certificates end: the own one, and those that brokers show."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog

from edgectl.uplink.certificate import end_of_file

WARN_DAYS = (30, 7, 1)
LOOK_S = 60.0  # a renewed file counts after so long

_DAY_S = 86_400
_NS = 1_000_000_000


class Expiry:
    """What is known of the ends of certificates.

    The log is told of each of ``WARN_DAYS`` before an end, and of the end, once; of a certificate that comes in the place of one that was warned of, too.
    ``note`` is given all warnings that stand, as one text; it changes only when a threshold is passed, so that whoever records it records it once.

    ``file`` is the own certificate (empty: none); it is read again at every look.
    """

    def __init__(self, file: str, utc_ns: Callable[[], int], note: Callable[[str], None]) -> None:
        self._file, self._utc_ns, self._note = file, utc_ns, note
        self._own = f"own certificate {Path(file).name}"
        self._ends: dict[str, int] = {}
        self._passed: dict[str, tuple[int, int]] = {}  # the end, and how many thresholds of it were told
        self._unread = ""
        self._log = structlog.get_logger("uplink")

    @property
    def days(self) -> int | None:
        """Whole days that the own certificate still has, negative after its end; None without one."""
        end_s = self._ends.get(self._own)
        return None if end_s is None else math.floor((end_s - self._now_s()) / _DAY_S)

    def met(self, place: str, end_s: int | None) -> None:
        """A broker showed a certificate (or none)."""
        whose = f"certificate of {place}"
        if end_s is None:
            self._ends.pop(whose, None)
        else:
            self._ends[whose] = end_s
        self.look()

    async def run(self) -> None:
        """Look for as long as the process lives."""
        while True:
            wait_s = self.look()
            await asyncio.sleep(wait_s)

    def look(self) -> float:
        """Tell what has changed; returns after how long to look again (s)."""
        unread = self._read()
        if unread and unread != self._unread:
            self._log.warning("certificate", state=unread)
        self._unread = unread
        now_s = self._now_s()
        standing = [text for whose, end_s in self._ends.items() if (text := self._judge(whose, end_s, now_s))]
        self._note("; ".join(filter(None, (unread, *standing))))
        ahead = [end_s - days * _DAY_S - now_s for end_s in self._ends.values() for days in (*WARN_DAYS, 0)]
        return min([LOOK_S, *(wait_s for wait_s in ahead if wait_s > 0)])

    def _read(self) -> str:
        """Take in the own certificate; why it cannot be read."""
        if not self._file:
            return ""
        try:
            self._ends[self._own] = end_of_file(self._file)
        except ValueError as error:
            self._ends.pop(self._own, None)
            return f"own certificate cannot be read: {error}"
        return ""

    def _judge(self, whose: str, end_s: int, now_s: float) -> str:
        """The warning that stands about one certificate; the log hears it when it is new."""
        passed = sum(end_s - now_s <= days * _DAY_S for days in (*WARN_DAYS, 0))
        before_end_s, before = self._passed.get(whose, (end_s, 0))
        if before_end_s != end_s:
            self._log.info("certificate", state=f"{whose} was renewed: it ends on {_day(end_s)}")
            before = 0
        text = _warning(whose, end_s, passed)
        if passed > before:
            self._log.warning("certificate", state=text)
        # a clock that is set back takes nothing back: the same threshold is not told twice
        self._passed[whose] = (end_s, max(passed, before))
        return text

    def _now_s(self) -> float:
        return self._utc_ns() / _NS


def _warning(whose: str, end_s: int, passed: int) -> str:
    if not passed:
        return ""
    if passed > len(WARN_DAYS):
        return f"{whose} ended on {_day(end_s)}: the next connection will be refused; renew it"
    days = WARN_DAYS[passed - 1]
    return f"{whose} ends on {_day(end_s)}, in less than {days} day{'s' * (days > 1)}: renew it"


def _day(end_s: int) -> str:
    return f"{datetime.fromtimestamp(end_s, UTC):%Y-%m-%d %H:%M} UTC"
