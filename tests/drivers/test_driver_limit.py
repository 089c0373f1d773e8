"""Nothing outside an instrument's range reaches its line, and a renewed output is confirmed again."""

from __future__ import annotations

import math
from typing import Any

import pytest

from edgectl.clock import virtual_run
from edgectl.drivers import (
    alicat_mfc,
    eurotherm_3200,
    ismatec_reglo_icc,
    waveshare_analog_output,
    waveshare_relay,
)
from edgectl.model.fault import InstrumentFault, Refused
from edgectl.model.instrument import Channel
from tests.drivers.conversation import module_of, options_of, prepared_bench, transcripts
from tests.drivers.transcript import Exchange, Transcript, crc16

TRANSCRIPTS = transcripts()
WRITABLE = [
    (transcript, channel)
    for transcript in TRANSCRIPTS
    for channel in module_of(transcript).channels(options_of(transcript))
    if channel.writable
]


def sent_by(transcript: Transcript, channel: str, value: float) -> bytes:
    """What reaches the line when a write is refused."""

    async def main() -> bytes:
        bench = await prepared_bench(transcript)
        with pytest.raises(InstrumentFault):
            await bench.driver.write(channel, value)
        return bench.link.sent

    return bytes(virtual_run(main()))


@pytest.mark.parametrize(
    ("transcript", "channel"),
    WRITABLE,
    ids=[f"{transcript.name}: {channel.name}" for transcript, channel in WRITABLE],
)
def test_a_value_out_of_range_is_not_sent(transcript: Transcript, channel: Channel) -> None:
    beyond = [math.nan, math.inf, -math.inf, channel.high * 1.001 + 0.001, channel.low - 0.001]
    for value in (*beyond, *([0.5] if channel.discrete else [])):
        assert sent_by(transcript, channel.name, value) == b"", f"{value} was sent"


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda transcript: str(transcript.name))
def test_what_cannot_be_written_is_not_written(transcript: Transcript) -> None:
    names = [c.name for c in module_of(transcript).channels(options_of(transcript)) if not c.writable]
    for name in (*names, "nothing"):
        assert sent_by(transcript, name, 1.0) == b""


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda transcript: str(transcript.name))
def test_channels_and_polls_fit_together(transcript: Transcript) -> None:
    """Every channel that can be read is in a poll, once, and safe values are in range."""
    module, options = module_of(transcript), options_of(transcript)
    channels = module.channels(options)
    polled = [name for poll in module.polls(options) for name in poll.channels]
    assert sorted(polled) == sorted(channel.name for channel in channels if channel.readable)
    for channel in channels:
        assert channel.low < channel.high
        assert channel.safe is None or channel.low <= channel.safe <= channel.high
        assert not channel.discrete or (channel.low, channel.high) == (0, 1)


def alicat() -> Transcript:
    return next(transcript for transcript in TRANSCRIPTS if transcript.name == "alicat_mfc")


@pytest.mark.parametrize(
    ("standing", "after"),
    [
        (b"A +250.00 +250.00 12 SCCM\r", b"ALS 250\rALS\r"),
        (b"A +100.00 +100.00 12 SCCM\r", b"ALS 250\rALS\rALS 250\r"),
    ],
)
def test_a_renewed_gas_set_point_is_written_only_if_somebody_changed_it(
    standing: bytes, after: bytes
) -> None:
    """Each write may wear the memory of the controller; a query does not."""
    reply = b"A +250.00 +250.00 12 SCCM\r"

    async def main() -> tuple[float, bytes]:
        bench = await prepared_bench(alicat())
        written = Exchange(b"ALS 250\r").answered(reply)
        bench.link.expected = [written, Exchange(b"ALS\r").answered(standing), written]
        await bench.driver.write("setpoint", 250.0)
        return await bench.driver.write("setpoint", 250.0), bench.link.sent

    confirmed, sent = virtual_run(main())
    assert confirmed == 250.0
    assert sent == after


def test_a_write_that_was_not_answered_is_written_again_and_not_taken_for_done() -> None:
    async def main() -> bytes:
        bench = await prepared_bench(alicat())
        silent = Exchange(b"ALS 250\r")
        bench.link.expected = [silent, silent]
        for _ in range(2):
            with pytest.raises(InstrumentFault):
                await bench.driver.write("setpoint", 250.0)
        return bench.link.sent

    assert virtual_run(main()) == b"ALS 250\rALS 250\r"


def test_a10_going_back_to_a_gas_set_point_is_sent_when_the_write_between_was_not_answered() -> None:
    """It may have been obeyed: the value confirmed before is no longer known to stand, so it is written and not asked for."""
    stopped = Exchange(b"ALS 0\r").answered(b"A +0.00 +0.00 12 SCCM\r")

    async def main() -> bytes:
        bench = await prepared_bench(alicat())
        bench.link.expected = [stopped, Exchange(b"ALS 250\r"), stopped]
        await bench.driver.write("setpoint", 0.0)
        with pytest.raises(InstrumentFault):
            await bench.driver.write("setpoint", 250.0)
        await bench.driver.write("setpoint", 0.0)
        return bench.link.sent

    assert virtual_run(main()) == b"ALS 0\rALS 250\rALS 0\r"


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: alicat_mfc.Options(full_scale=0), "full_scale"),
        (lambda: alicat_mfc.Options(full_scale=math.nan), "full_scale"),
        (lambda: ismatec_reglo_icc.Options(flow_high=1, flow_low=2), "flow_low"),
        (lambda: ismatec_reglo_icc.Options(flow_high=math.nan), "flow_low"),
        (lambda: eurotherm_3200.Options(safe_c=80, low_c=5, high_c=60), "safe_c"),
        (lambda: eurotherm_3200.Options(safe_c=30, low_c=5, high_c=60, decimals=3), "decimals"),
        (lambda: waveshare_relay.Options(hold_s=1), "hold_s"),
        (lambda: waveshare_relay.Options(hold_s=4000), "hold_s"),
        (lambda: waveshare_analog_output.Output("a", 9, "", 0, 1, 0), "terminal"),
        (lambda: waveshare_analog_output.Output("a", 1, "", 0, 1, 2), "safe"),
        (lambda: waveshare_analog_output.Output("a", 1, "", 0, 0, 0), "safe"),
        (lambda: waveshare_analog_output.Output("a", 1, "", 0, 1, 0, zero_ma=2), "zero_ma"),
        (
            lambda: waveshare_analog_output.Options(
                2 * (waveshare_analog_output.Output("a", 1, "", 0, 1, 0),)
            ),
            "twice",
        ),
        (lambda: alicat_mfc.Driver(None, "AA", alicat_mfc.Options(1)), "unit ID"),  # type: ignore[arg-type]
        (lambda: ismatec_reglo_icc.Driver(None, "9", ismatec_reglo_icc.Options(1)), "channel"),  # type: ignore[arg-type]
    ],
)
def test_impossible_options_are_refused_by_name(make: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        make()


def test_a_held_relay_tells_its_dead_mans_time() -> None:
    watchdog = waveshare_relay.watchdog(waveshare_relay.Options(hold_s=10))
    assert watchdog is not None
    assert watchdog.timeout_s == 10
    assert waveshare_relay.watchdog(waveshare_relay.Options()) is None


def test_a_busy_instrument_is_not_called_the_wrong_one() -> None:
    """Modbus 06 at first contact: it is there and wants a moment; to call it wrong would stop the unit."""
    transcript = next(t for t in TRANSCRIPTS if t.name == "waveshare_relay")
    busy = bytes.fromhex("018306")

    async def main() -> None:
        bench = await prepared_bench(transcript)
        request = transcript.of("identify")[0].exchanges[0]
        bench.link.expected = [request.answered(busy + crc16(busy))]
        with pytest.raises(Refused) as refusal:
            await bench.driver.identify()
        assert refusal.value.busy

    virtual_run(main())
