"""``edgectl scan`` on one serial line: settings and addresses are tried until somebody is known, and then only that setting.

Nothing here writes to an instrument: Modbus functions 01 to 04, and for text what ``Probe.ask`` and ``Driver.identify`` send.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

from edgectl.app.scan_find import Find, Place
from edgectl.app.scan_step import ANY_MODBUS, Candidate, Setting, Step
from edgectl.config.driver_catalog import load_driver
from edgectl.model.fault import BadReply, InstrumentFault, LinkFault, NoReply, Refused, WrongInstrument
from edgectl.model.plan import LinePlan, Protocol
from edgectl.wire.line import Line, open_line
from edgectl.wire.link import Link

KNOCK = 0x8000
"""The holding register that every unit is asked for: an identification register with some, with all others none, so that nothing is read but a refusal."""
IDENTIFY_S = 0.5
_NOBODY_BEHIND = (10, 11)
"""What a gateway says of a unit that it does not reach."""
_FLUSH_S = 0.03
_GAP_S = 0.03
_SHOWN = 24
_LONGEST = 100
"""Characters of the longest answer to a first question."""
_BREATH_S = 1.0

Reach = Callable[[LinePlan], Link | None]
"""The link of a line; None for the port or connection in its plan."""
Tell = Callable[[Step, float, int], None]
"""Told before each step: the step, the seconds left on this line if nobody else answers, and how many were found."""


def _silent(_step: Step, _left_s: float, _found: int) -> None:
    """Nobody listens."""


class LineScan:
    """One line."""

    def __init__(self, port: str, reach: Reach, tell: Tell = _silent) -> None:
        self.place = Place(port=port)
        self._reach = reach
        self._tell = tell
        self._begun = 0.0
        self._strange = self._noise = ""
        self._same = False

    async def run(self, steps: Sequence[Step], *, thorough: bool = False) -> Place:
        """Ask until the line is known, or there is nothing left to ask. The port is closed however this ends.

        Raises:
            LinkFault: the port cannot be opened, or is gone.
        """
        self._begun = asyncio.get_running_loop().time()
        left, again = list(steps), set[Setting]()
        while left:
            step = left.pop(0)
            self._tell(step, sum(s.cost_s for s in (step, *left)), len(self.place.finds))
            before = self._strange
            if await self._take(step) and not thorough:
                left = [] if step.alone or self._same else self._rest(step, left)
            elif self._strange != before and step.setting not in again:
                again.add(step.setting)  # somebody speaks here and was not ready: once more, after a pause
                await asyncio.sleep(_BREATH_S)
                left = [s for s in steps if s.alone and s.setting == step.setting] + left
        self.place.strange = self._strange or self._noise
        self.place.took_s = asyncio.get_running_loop().time() - self._begun
        return self.place

    def _rest(self, step: Step, left: list[Step]) -> list[Step]:
        """What is left once a setting is known: this question to the other addresses, at this setting."""
        return [
            other
            for other in left
            if (other.setting, other.modbus) == (step.setting, step.modbus)
            and (other.modbus or other.candidates == step.candidates)
        ]

    async def _take(self, step: Step) -> bool:
        """Whether somebody was found."""
        before = len(self.place.finds)
        finds = await (self._sweep(step) if step.modbus else self._call(step))
        if finds and not before:
            self.place.protocol = (Protocol.MODBUS_RTU if step.modbus else Protocol.ASCII).value
            self.place.baud = step.setting.baud
        now = asyncio.get_running_loop().time() - self._begun
        self.place.finds += [replace(find, after_s=round(now, 3)) for find in finds]
        if finds:
            self.place.framing = self._framing(step)
        return bool(finds)

    def _framing(self, step: Step) -> str:
        """What the line needs: two stop bits where one instrument has them."""
        named = {c.probe.framing for c in step.candidates for f in self.place.finds if f.driver == c.driver}
        return "8N2" if "8N2" in named else min(named, default=step.setting.framing)

    @contextlib.asynccontextmanager
    async def _open(self, setting: Setting, protocol: Protocol, timeout_s: float) -> AsyncIterator[Line]:
        plan = setting.plan(self.place.port, protocol, timeout_s)
        line = open_line(plan, self._reach(plan))
        await line.open()
        try:
            yield line
        finally:
            line.close()

    async def _sweep(self, step: Step) -> list[Find]:
        """Modbus: which units say anything, then who they are."""
        heard: dict[str, str] = {}
        async with self._open(step.setting, Protocol.MODBUS_RTU, step.wait_s) as line:
            known = {find.address for find in self.place.finds}
            for address in step.addresses:
                if address not in known and (note := await knock(line, address)) is not None:
                    heard[address] = note
        if not heard:
            return []
        async with self._open(step.setting, Protocol.MODBUS_RTU, IDENTIFY_S) as line:
            found = [
                await identify_unit(line, address, step.candidates, note) for address, note in heard.items()
            ]
        for (address, note), find in zip(heard.items(), found, strict=True):
            if find is None:
                self._noise = f"Modbus address {address} at {step.setting}: {note or 'answered once'}"
        return [find for find in found if find]

    async def _call(self, step: Step) -> list[Find]:
        """Text: who answers as one of the candidates does, then who that is."""
        finds: list[Find] = []
        async with self._open(step.setting, Protocol.ASCII, IDENTIFY_S) as line:
            char_s = 11 / step.setting.baud
            gap_s = _GAP_S + 2 * char_s
            await line.hail(
                b"\r", _FLUSH_S, _LONGEST * char_s, gap_s
            )  # ends what stands in an instrument's buffer
            for address, ask in zip(step.addresses, step.asks, strict=True):
                heard = await line.hail(ask, step.wait_s, _LONGEST * char_s, gap_s)
                likely = [c for c in step.candidates if c.variant and c.variant.answer.search(heard)]
                if likely:
                    find = await self._identify(line, address, likely)
                    if finds and find.identity == finds[0].identity and find.identity.serial_number:
                        self._same = (
                            True  # point to point: one instrument that takes every address for its own
                        )
                        return finds
                    finds.append(find)
                elif heard.strip() and heard.isascii():
                    self._strange = f"{heard[:_SHOWN]!r} at {step.setting}"
        return finds

    async def _identify(self, line: Line, address: str, likely: Sequence[Candidate]) -> Find:
        """Who answers at an address. Where nobody is sure, the first candidate stands with what was wrong."""
        note = ""
        for candidate in (
            *likely,
            *likely,
        ):  # once more: a circuit that was asleep or busy has its mind on something else
            assert candidate.variant is not None
            driver = load_driver(candidate.driver).driver(
                line.ascii(address), address, candidate.variant.options
            )
            try:
                identity = await driver.identify()
            except LinkFault:
                raise
            except InstrumentFault as fault:
                note = note or str(fault)
            else:
                return Find(address, candidate.driver, identity, told=dict(candidate.variant.told))
        return Find(address, likely[0].driver, note=note)


async def knock(line: Line, address: str) -> str | None:
    """None where nobody is; else what is odd about the answer, mostly nothing."""
    try:
        await line.modbus(address).read_holding(KNOCK, 1)
    except LinkFault:
        raise
    except Refused as fault:
        return None if fault.code in _NOBODY_BEHIND else ""
    except BadReply as fault:
        return str(fault)
    except NoReply as fault:
        return None if "did not answer" in str(fault) else str(fault)
    return ""


async def identify_unit(line: Line, address: str, likely: Sequence[Candidate], note: str = "") -> Find | None:
    """Who a Modbus unit is; None if nothing it says can be read: noise, or two units with one address."""
    sane, silences = not note, 0  # a whole frame with a right checksum was heard before
    for candidate in likely:
        if candidate.variant is None or address not in candidate.probe.addresses or silences > 1:
            continue
        driver = load_driver(candidate.driver).driver(
            line.modbus(address), address, candidate.variant.options
        )
        try:
            identity = await driver.identify()
        except LinkFault:
            raise
        except NoReply:
            silences += 1
        except (WrongInstrument, Refused):
            sane = True
        except InstrumentFault as fault:
            note = note or str(fault)
        else:
            sane = True
            if candidate.variant.model.search(identity.model):
                return Find(address, candidate.driver, identity, told=dict(candidate.variant.told))
    return (
        Find(address, ANY_MODBUS, note=note or "Modbus unit that no driver knows by name") if sane else None
    )
