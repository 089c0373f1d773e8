"""Whatever happens to a reply, no driver takes it for a value: every driver is driven through the same faults.

A fault in a reply must end in an ``InstrumentFault`` of the right kind, or in readings that are marked as failed; never in another exception and
never in a number nobody measured.
"""

from __future__ import annotations

import ast
import asyncio
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from edgectl.clock import virtual_run
from edgectl.model.fault import BadReply, InstrumentFault, NoReply, Refused
from edgectl.model.instrument import Identity
from edgectl.model.measurement import Reading
from tests.drivers.conversation import (
    TIMEOUT_S,
    Outcome,
    module_of,
    options_of,
    play,
    prepared_bench,
    transcripts,
)
from tests.drivers.test_driver_frames import expect
from tests.drivers.transcript import Exchange, Section, Transcript, crc16

TRANSCRIPTS = transcripts()
EXCEPTIONS = (1, 2, 3, 4, 6, 0x0B)
NOT_NUMBERS = (b"nan", b"inf", b"-inf", b"1e400", b"--.--", b"NaN")
NO_FLOATS = ("7FC00000", "00007FC0", "FFFFFFFF", "7F800000", "00007F80", "FF800000", "0000FF80", "7FBFFFFF")

GARBAGE = (b"\x00" * 40, b"\xff" * 40, b"U" * 40, b"\r\n" * 20, b"\r", b"7" * 40 + b"\r\n", b"[]{}\r\n\r")


@dataclass(frozen=True)
class Case:
    """One exchange of one good operation, whose reply will be spoilt."""

    transcript: Transcript
    section: Section
    index: int

    @property
    def exchange(self) -> Exchange:
        return self.section.exchanges[self.index]

    @property
    def reply(self) -> bytes:
        return self.exchange.answer

    def __str__(self) -> str:
        return f"{self.transcript.name}: {self.section.name}: {self.index + 1}"


def cases(*verbs: str, among: tuple[Transcript, ...] = TRANSCRIPTS) -> list[Case]:
    """Each answered exchange of each operation that a section without a title shows. What is obeyed in silence has no reply to spoil."""
    return [
        Case(transcript, section, index)
        for transcript in among
        for section in transcript.of(*verbs)
        if not section.fault and section.title == ""
        for index, exchange in enumerate(section.exchanges)
        if exchange.reply
    ]


def answered(case: Case, data: bytes) -> Outcome:
    """What comes out when one reply is replaced; whatever is asked in addition stays unanswered."""
    exchanges = list(case.section.exchanges)
    exchanges[case.index] = case.exchange.answered(data)
    outcome, _ = play(case.transcript, case.section, exchanges, lenient=True)
    return outcome


def values(outcome: Outcome) -> list[float]:
    """The numbers that come out as such."""
    match outcome:
        case tuple() if outcome and isinstance(outcome[0], Reading):
            return [reading.value for reading in outcome if reading.value is not None]
        case float():
            return [outcome]
        case _:
            return []


ASKED = cases("read", "write")
asked = pytest.mark.parametrize("case", ASKED, ids=str)
ANY = cases("identify", "prepare", "read", "write")


@pytest.mark.parametrize("case", ANY, ids=str)
def test_silence_is_no_reply(case: Case) -> None:
    outcome = answered(case, b"")
    if settles(case.exchange.request):
        return  # nobody waits for these; a mute instrument shows in the next exchange
    assert isinstance(outcome, NoReply), repr(outcome)


def settles(request: bytes) -> bool:
    """Whether nothing is said in reply: the bytes that wake and silence an EZO circuit."""
    return request in (b"\r", b"C,0\r")


@asked
def test_a_reply_cut_anywhere_is_no_value(case: Case) -> None:
    reply = case.reply
    for length in range(len(reply)):
        outcome = answered(case, reply[:length])
        assert isinstance(outcome, NoReply | BadReply), f"{reply[:length]!r} gave {outcome!r}"


CONTACT = cases("identify", "prepare")


@pytest.mark.parametrize("case", CONTACT, ids=str)
def test_a_cut_table_is_never_taken_for_another(case: Case) -> None:
    """Tables have no end mark, so a cut between two lines may pass unseen; at worst the serial number is missing then."""
    reply = case.reply
    whole = answered(case, reply)
    for length in range(len(reply)):
        outcome = answered(case, reply[:length])
        anonymous = isinstance(outcome, Identity) and not outcome.serial_number
        assert isinstance(outcome, InstrumentFault) or anonymous or outcome == whole, repr(outcome)


@asked
def test_a_flipped_bit_is_no_value(case: Case) -> None:
    """Modbus: in every bit of the frame, checksum included. ASCII has no checksum: there every bit that makes a byte no ASCII."""
    reply = case.reply
    for position in range(len(reply)):
        for bit in range(8) if case.transcript.modbus else (7,):
            flipped = bytearray(reply)
            flipped[position] ^= 1 << bit
            outcome = answered(case, bytes(flipped))
            assert isinstance(outcome, NoReply | BadReply), f"{bytes(flipped).hex(' ')} gave {outcome!r}"


@asked
def test_garbage_is_no_value(case: Case) -> None:
    for garbage in GARBAGE:
        outcome = answered(case, garbage)
        assert isinstance(outcome, NoReply | BadReply), f"{garbage!r} gave {outcome!r}"


@asked
def test_the_reply_to_another_request_is_no_value(case: Case) -> None:
    """An instrument that is one reply behind answers with what another request of the same driver was answered."""
    others = {e.answer for s in case.transcript.sections if not s.fault for e in s.exchanges}
    request = case.exchange.request
    if case.transcript.modbus:
        same = {a for a in others if a[1:3] == case.reply[1:3]}  # the line tells them apart by time
    else:
        same = {
            e.answer
            for s in case.transcript.sections
            for e in s.exchanges
            if kind_of(e.request) == kind_of(request)
        }
        if case.transcript.head.get("replies") == "unmarked":  # the line tells them apart by time
            same |= {other for other in others if shape_of(other) == shape_of(case.reply)}
    for other in others - same - {b""}:
        outcome = answered(case, other)
        assert isinstance(outcome, InstrumentFault), f"{other!r} for {request!r} gave {outcome!r}"


def kind_of(request: bytes) -> bytes:
    """ASCII requests that differ in numbers alone are answered alike."""
    return re.sub(rb"[\d.+-]+", b"", request)


def shape_of(reply: bytes) -> bytes:
    """A reply without its figures."""
    return re.sub(rb"-?\d+", b"0", reply.strip(b"\x11\x13"))


def can_refuse(case: Case) -> bool:
    """Whether the instrument has a word for no; each frames file of an ASCII instrument must say so."""
    return case.transcript.modbus or case.transcript.head["refusal"] != "none"


@pytest.mark.parametrize("case", [case for case in ASKED if can_refuse(case)], ids=str)
def test_a_refusal_is_told_as_such(case: Case) -> None:
    if not case.transcript.modbus:
        outcome = answered(case, ast.literal_eval(f"b{case.transcript.head['refusal']}"))
        assert isinstance(outcome, Refused), repr(outcome)
        assert outcome.code is None
        return
    request = case.exchange.request
    for code in EXCEPTIONS:
        frame = bytes([request[0], request[1] | 0x80, code])
        outcome = answered(case, frame + crc16(frame))
        assert isinstance(outcome, Refused), repr(outcome)
        assert outcome.code == code
        assert outcome.busy == (code == 6)


@asked
def test_what_is_not_a_number_never_becomes_one(case: Case) -> None:
    """It may be passed on as it came, for the core to reject."""
    channels = {
        channel.name: channel for channel in module_of(case.transcript).channels(options_of(case.transcript))
    }
    for reply in not_numbers(case):
        outcome = answered(case, reply)
        assert not isinstance(outcome, float) or math.isfinite(outcome), f"{reply!r} gave {outcome!r}"
        if isinstance(outcome, tuple) and case.section.verb == "read":
            for reading in outcome:
                assert isinstance(reading, Reading)
                channel = channels[reading.channel]
                value = reading.value
                assert value is None or not math.isfinite(value) or channel.low <= value <= channel.high


def not_numbers(case: Case) -> Iterator[bytes]:
    """The reply with one number, or all of them, replaced by what is none."""
    reply = case.reply
    if not case.transcript.modbus:
        for text in NOT_NUMBERS:
            yield re.sub(rb"[+-]?\d[\dE.+-]*", text, reply)
            yield re.sub(rb"[+-]?\d[\dE.+-]*", text, reply, count=1)
    elif reply[1] in (3, 4):
        for at in range(3, len(reply) - 5, 2):
            for pattern in NO_FLOATS:
                frame = reply[:at] + bytes.fromhex(pattern) + reply[at + 4 : -2]
                yield frame + crc16(frame)


@asked
def test_the_reply_of_another_instrument_is_no_value(case: Case) -> None:
    for frame in foreign(case):
        outcome = answered(case, frame)
        assert isinstance(outcome, NoReply | BadReply), f"{frame!r} gave {outcome!r}"


def foreign(case: Case) -> Iterator[bytes]:
    """The same reply from other addresses, where the protocol has any."""
    reply = case.reply
    if case.transcript.modbus:
        for address in (0, reply[0] + 1, 247):
            frame = bytes([address]) + reply[1:-2]
            yield frame + crc16(frame)
    elif "foreign" in case.transcript.head:
        own, other = case.transcript.head["foreign"].encode().split()
        assert reply.startswith(own)
        yield other + reply[1:]


@asked
def test_a_late_reply_is_not_the_next_ones(case: Case) -> None:
    """A reply with other numbers, that comes when its request has been given up, is not the answer to the same request asked again."""
    late = other_numbers(case)
    patience_s = 1.7 if not case.transcript.modbus else TIMEOUT_S

    async def main() -> tuple[Outcome, Outcome]:
        bench = await prepared_bench(case.transcript, lenient=True)
        exchange = case.exchange
        bench.link.expected = [
            *case.section.exchanges[: case.index],
            exchange.answered(late, patience_s + 0.3),
        ]
        first = await bench.perform(case.section)
        await asyncio.sleep(0.1)
        bench.link.expected = list(case.section.exchanges)
        return first, await bench.perform(case.section)

    first, second = virtual_run(main())
    assert isinstance(first, NoReply), repr(first)
    expect(case.section, second)


def other_numbers(case: Case) -> bytes:
    """A whole reply of the same shape that says something else."""
    reply = case.reply
    if not case.transcript.modbus:
        return re.sub(rb"\d", b"1", reply).replace(b"+", b"-") if re.search(rb"\d", reply) else reply
    if reply[1] in (5, 6, 15, 16):
        return reply
    frame = reply[:3] + bytes(len(reply) - 5)
    return frame + crc16(frame)


def test_the_faults_reach_every_driver() -> None:
    """No driver is spared because nothing of its frames file is used."""
    assert {case.transcript.name for case in ASKED} == {transcript.name for transcript in TRANSCRIPTS}
