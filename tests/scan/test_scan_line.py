"""``edgectl scan`` on a line: it finds every emulated instrument at every setting and address in time, and no emulator ever logs a write."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from edgectl.app.scan_find import Find
from edgectl.app.scan_step import Step, candidates, steps
from edgectl.config.driver_catalog import driver_names
from edgectl.model.plan import Protocol
from edgectl.model.probe import Probe
from edgectl.wire.frame import seal
from hil.uart import Uart, heard
from tests.scan.wires import DRIVER, MODBUS, TABLE, Wires

KIND = {driver: kind for kind, driver in DRIVER.items()}
LIMIT_S = 60.0
SLOW_S = 130.0
"""A line on which every address is above 32 and the rate is 2400 or 1200 baud, or letters and nodes beyond the likely ones."""


def probes() -> list[tuple[str, Probe]]:
    """Each driver with each of its probes, once."""
    return list(dict.fromkeys((c.driver, c.probe) for c in candidates()))


CASES = [(driver, probe.framing, baud, probe) for driver, probe in probes() for baud in probe.bauds]


def eight(probe: Probe, rng: random.Random) -> list[str]:
    """Eight addresses, the first likely."""
    if len(probe.addresses) == 1:
        return ["1"]
    first = rng.choice(probe.addresses[: probe.likely])
    others = [address for address in probe.addresses if address not in {first, "128"}]
    return [first, *rng.sample(others, 7)] if first != "128" else [first]


def untouched(wires: Wires, t_s: float) -> dict[str, float]:
    """What the actuators of the same instruments do at that time when nobody has said a word."""
    wires.rig.advance(t_s)
    return wires.rig.outputs()


def check_safe(wires: Wires, twin: Wires, took_s: float) -> None:
    assert wires.writes() == []
    wires.rig.advance(took_s)
    assert wires.rig.outputs() == untouched(twin, took_s)


@pytest.mark.parametrize(("driver", "framing", "baud", "probe"), CASES, ids=lambda value: str(value)[:24])
def test_a_line_of_eight_at_unknown_baud_and_address_is_found_within_a_minute(
    driver: str, framing: str, baud: int, probe: Probe
) -> None:
    rng = random.Random(f"{driver}{baud}{framing}")
    instruments = [(KIND[driver], address) for address in eight(probe, rng)]
    wires, twin = (Wires.of(baud, framing, *instruments) for _ in range(2))
    place = wires.scan()
    expected = {"" if probe.addresses == ("",) else address for _, address in instruments}
    assert {find.address for find in place.finds} == expected
    assert {find.driver for find in place.finds} == {driver}
    assert (place.baud, place.framing) == (baud, framing)
    assert max(find.after_s for find in place.finds) <= LIMIT_S
    check_safe(wires, twin, place.took_s)


@pytest.mark.parametrize(("driver", "probe"), probes(), ids=lambda value: str(value)[:24])
def test_every_address_of_every_driver_is_found(driver: str, probe: Probe) -> None:
    """All of them at once on one line, at the factory rate."""
    every = [address or "1" for address in probe.addresses if address != "128"]
    wires = Wires.of(probe.bauds[0], probe.framing, *((KIND[driver], address) for address in every))
    place = wires.scan()
    assert [find.address or "1" for find in place.finds] == every
    assert {find.driver for find in place.finds} == {driver}
    assert wires.writes() == []


def test_a_controller_point_to_point_is_one_whatever_node_it_is_asked_for() -> None:
    wires = Wires.of(38400, "8N1", ("bronkhorst", "128"))
    place = wires.scan()
    assert [find.address for find in place.finds] == ["128"]


@pytest.mark.parametrize("baud", [4800, 9600, 19200, 38400, 57600, 115_200])
def test_eight_units_beyond_the_likely_addresses_are_found_within_a_minute(baud: int) -> None:
    wires = Wires.of(baud, "8N1", *(("waveshare-relay8", str(200 + n)) for n in range(8)))
    place = wires.scan()
    assert len(place.finds) == 8
    assert max(find.after_s for find in place.finds) <= LIMIT_S


@pytest.mark.parametrize("baud", [1200, 2400])
def test_at_a_slow_rate_units_beyond_the_likely_addresses_take_longer_but_are_found(baud: int) -> None:
    wires = Wires.of(baud, "8N1", *(("eurotherm-3200", str(200 + n)) for n in range(8)))
    place = wires.scan()
    assert len(place.finds) == 8
    assert max(find.after_s for find in place.finds) <= SLOW_S


def test_a_mixed_line_is_told_apart() -> None:
    mixed = (("hamilton-ph-arc", "1"), ("hamilton-do-arc", "2"), ("eurotherm-3200", "3"), ("waveshare-relay8", "4"),
             ("waveshare-analog-output8", "5"), ("alicat-modbus", "6"), ("modbus-map", "7"), ("waveshare-relay8", "77"))  # fmt: skip
    wires, twin = (Wires.of(19200, "8N2", *mixed) for _ in range(2))
    place = wires.scan()
    assert {find.address: find.driver for find in place.finds} == {a: DRIVER[kind] for kind, a in mixed}
    ph = next(find for find in place.finds if find.driver == "hamilton_ph_arc")
    assert (ph.identity.maker, bool(ph.identity.serial_number)) == ("Hamilton", True)
    check_safe(wires, twin, place.took_s)


def test_every_driver_but_none_is_found_by_scan() -> None:
    assert {driver for driver, _ in probes()} == set(driver_names()) == set(DRIVER.values())
    assert set(TABLE) == set(DRIVER)


@pytest.mark.parametrize("kind", TABLE)
def test_no_question_to_anybody_is_a_write_to_this_instrument(kind: str) -> None:
    """All questions of a thorough scan, at every setting, reach each instrument: one that is known already, and one at a rate nobody else has."""
    for baud, framing in ((9600, "8N1"), (9600, "7E1"), (19200, "8E1"), (14400, "8N1")):
        wires, twin = (
            Wires.of(baud, framing, (kind, "A" if kind == "alicat-mfc" else "1")) for _ in range(2)
        )
        place = wires.scan(thorough=True)
        check_safe(wires, twin, place.took_s)
        assert len(wires.sent) > 2000


def frames() -> list[tuple[Step, bytes]]:
    return [
        (step, seal(int(address), b"\x03\x80\x00\x00\x01"))
        for step in steps()
        if step.modbus
        for address in step.addresses
    ]


def test_modbus_questions_read_as_text_hold_no_command() -> None:
    """Frames that follow one another, cut at each CR and LF as a text instrument does: no line is all printable, so none is a command."""
    stream = b"".join(frame for _, frame in frames())
    said = [part for part in re.split(rb"[\r\n]", stream) if part]
    assert len(said) > 1
    assert [part for part in said if all(0x20 <= byte < 0x7F for byte in part)] == []


def test_text_questions_hold_no_modbus_write() -> None:
    """The second byte of a frame is its function, and those that write are no printable characters."""
    for step in steps():
        for ask in step.asks:
            text = ask.rstrip(b"\r\n")
            assert all(0x20 <= byte < 0x7F for byte in text)


def test_no_question_goes_to_everybody() -> None:
    assert {"0", "#", "*"}.isdisjoint(address for step in steps() for address in step.addresses)


def test_a_line_where_somebody_is_known_is_asked_nothing_else() -> None:
    """A scale at the first setting: no frame, no other rate, no other protocol comes after it."""
    wires = Wires.of(9600, "8N1", ("mettler-sics", "1"))
    place = wires.scan()
    assert place.took_s < 2.0
    assert not [data for data in wires.sent if data[1:2] == b"\x03"]
    assert wires.sent[-1] == b"I3\r\n"


def test_an_unknown_voice_is_shown() -> None:
    wires = Wires.of(38400, "8N1", ("julabo", "1"))
    wires.rig.instrument("bus/1").answer = lambda t_s, request: [(t_s + 0.02, b"WHAT?\r\n")]  # type: ignore[method-assign]
    place = wires.scan()
    assert place.finds == []
    assert "WHAT?" in place.strange


def test_two_units_with_one_address_are_no_find_but_are_told() -> None:
    wires = Wires.of(9600, "8N1", ("modbus-map", "5"))
    bus = wires.buses[0][1].bus
    other: Any = Wires.of(9600, "8N1", ("eurotherm-3200", "5")).buses[0][1].bus.stations[0]
    bus.stations.append(other)
    place = wires.scan()
    assert [find.driver for find in place.finds] != ["eurotherm_3200"]
    assert place.strange or place.finds[0].note


def test_a_slow_unit_is_found_when_nobody_else_answers() -> None:
    wires = Wires.of(9600, "8N1", ("modbus-map", "9"), turnaround_s=0.08)
    (find,) = wires.scan().finds
    assert (find.address, find.driver) == ("9", "modbus_map")


def test_a_series_that_the_find_decides_is_told() -> None:
    wires = Wires.of(9600, "8N2", ("watson-marlow", "3"), model="323Du")
    (find,) = wires.scan().finds
    assert (find.driver, find.told) == ("watson_marlow", {"series": '"323"'})
    assert isinstance(find, Find)


@pytest.mark.parametrize("stop", [1, 40, 300])
def test_a_stopped_scan_leaves_no_port_open(stop: int) -> None:
    """Cancelled, as Ctrl-C does, after so many requests."""
    import asyncio

    from edgectl.app.scan_line import LineScan
    from edgectl.clock import virtual_run

    wires = Wires.of(9600, "8N1", ("modbus-map", "200"))
    links: list[Any] = []

    def reach(plan: Any) -> Any:
        links.append(wires.reach(plan))
        return links[-1]

    async def story() -> None:
        task = asyncio.ensure_future(LineScan("/dev/emulated", reach).run(steps()))
        while len(wires.sent) < stop:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    virtual_run(story())
    assert links
    assert not any(link.opened for link in links)


def test_a_uart_at_another_rate_hears_other_bytes() -> None:
    data = b"1GO\r"
    assert heard(data, Uart.of(9600, "8N2"), Uart.of(9600, "8N1")) == data
    assert heard(data, Uart.of(9600, "7E1"), Uart.of(9600, "8N1")) != data
    assert data not in heard(data * 3, Uart.of(19200, "8N1"), Uart.of(9600, "8N1"))
    assert heard(bytes(range(128)), Uart.of(4800, "7O1"), Uart.of(4800, "7O1")) == bytes(range(128))
    assert heard(b"\x55", Uart.of(9600, "8N1"), Uart.of(9601, "8N1")) == b"\x55"


def test_a_line_is_rtu_or_ascii_and_named_so() -> None:
    assert Wires.of(9600, "8N1", (MODBUS[-1], "1")).scan().protocol == Protocol.MODBUS_RTU.value
    assert Wires.of(9600, "8N1", ("ismatec-reglo-icc", "1")).scan().protocol == Protocol.ASCII.value
