"""Every driver says and understands, byte for byte, what the manuals quote."""

from __future__ import annotations

import pytest

from edgectl.model.fault import InstrumentFault
from edgectl.model.instrument import Identity
from edgectl.model.measurement import Reading
from edgectl.model.quality import DeviceStatus
from tests.drivers.conversation import Outcome, driver_names, module_of, options_of, play, transcripts
from tests.drivers.transcript import Section, Transcript

TRANSCRIPTS = transcripts()
SECTIONS = [(transcript, section) for transcript in TRANSCRIPTS for section in transcript.sections]
STATUSES = sorted((status.value for status in DeviceStatus), key=len, reverse=True)


def test_every_driver_has_its_frames() -> None:
    assert tuple(transcript.name for transcript in TRANSCRIPTS) == driver_names()


@pytest.mark.parametrize(
    ("transcript", "section"),
    SECTIONS,
    ids=[f"{transcript.name}: {section.name}" for transcript, section in SECTIONS],
)
def test_frames_of_the_manual_give_what_the_manual_says(transcript: Transcript, section: Section) -> None:
    outcome, link = play(transcript, section, section.exchanges)
    expect(section, outcome)
    assert not link.expected, f"never said: {link.expected[0].request!r}"


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda transcript: str(transcript.name))
def test_every_operation_of_a_driver_has_frames(transcript: Transcript) -> None:
    """No poll group, identity or preparation goes without an example, and no kind of output."""
    module, options = module_of(transcript), options_of(transcript)
    read = {section.arguments[0] for section in transcript.of("read") if not section.fault}
    written = {section.arguments[0] for section in transcript.of("write") if not section.fault}
    assert read == {poll.name for poll in module.polls(options)}
    writable = {channel.name for channel in module.channels(options) if channel.writable}
    assert written <= writable
    assert bool(written) == bool(writable)
    assert transcript.of("identify")
    assert transcript.of("prepare")


def expect(section: Section, outcome: Outcome) -> None:
    """Compare with what the frames file says."""
    if section.fault:
        kind, _, text = section.fault.partition(" ")
        assert isinstance(outcome, InstrumentFault), f"{outcome!r}, expected {kind}"
        assert type(outcome).__name__ == kind, repr(outcome)
        assert text in str(outcome)
        return
    if isinstance(outcome, InstrumentFault):
        raise AssertionError(repr(outcome)) from outcome
    match outcome:
        case Identity():
            fields = (outcome.maker, outcome.model, outcome.serial_number, outcome.firmware)
            assert fields == tuple(part.strip() for part in section.results[0].split("|"))
        case tuple():
            assert len(outcome) == len(section.results)
            for reading, line in zip(outcome, section.results, strict=True):
                expect_reading(reading, line)
        case float():
            assert outcome == pytest.approx(float(section.results[0]))
        case _:
            assert section.results == ()


def expect_reading(reading: Reading, line: str) -> None:
    channel, value, rest = line.split(" ", 2)
    status = next(status for status in STATUSES if rest.startswith(status))
    assert reading.channel == channel
    if value == "none":
        assert reading.value is None
    else:
        assert reading.value is not None
        assert reading.value == pytest.approx(float(value), rel=1e-6, nan_ok=True)
    assert reading.status.value == status, reading.detail
    assert rest.removeprefix(status).strip() in reading.detail
