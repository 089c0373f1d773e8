"""Each driver against an emulator that was typed from the manual by somebody who did not see the driver: they agree, also when the line or the instrument is ill."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable

import pytest

from edgectl.model.fault import InstrumentFault, Misconfigured, NoReply, Refused
from edgectl.model.instrument import Identity
from edgectl.model.measurement import Reading
from edgectl.model.quality import DeviceStatus, Quality, quality_of
from tests.drivers.emulated import PLACES, Emulated, with_driver

NAMES = sorted(PLACES)
WIRE_FAULTS: tuple[tuple[str, dict[str, object]], ...] = (
    ("flip", {"rate": 0.5}),
    ("garble", {"rate": 0.7}),
    ("cut", {}),
    ("late", {"rate": 0.5}),
    ("behind", {}),
    ("foreign", {}),
    ("baud", {}),
    ("mute", {"rate": 0.5}),
)

CIRCULATORS = [("julabo", "running"), ("huber_pb", "control")]

GAS = [("alicat_modbus", 500.0), ("alicat_modbus_2", 100.0), ("bronkhorst_propar", 200.0)]

each = pytest.mark.parametrize("name", NAMES)


@each
def test_a_driver_finds_and_reads_its_emulator(name: str) -> None:
    async def story(it: Emulated) -> tuple[Identity, dict[str, Reading]]:
        return await it.driver.identify(), await it.read()

    identity, readings = with_driver(name, story)
    assert identity.maker
    assert readings
    for reading in readings.values():
        assert reading.value is not None, reading
        assert quality_of(reading.status) is Quality.GOOD, reading


@each
def test_a_first_look_writes_nothing(name: str) -> None:
    """`identify` is what a search of the line may ask: the emulator's own log shows no write."""

    async def story(it: Emulated) -> None:
        await it.driver.identify()
        assert it.instrument.log.counts["requests"] > 0
        assert it.instrument.log.counts["writes"] == 0

    with_driver(name, story, prepared=False)


@each
def test_a_mute_instrument_is_no_reply(name: str) -> None:
    async def story(it: Emulated) -> None:
        it.rig.fault(it.place.station, "mute")
        with pytest.raises(NoReply):
            await it.read()
        it.rig.clear()
        await asyncio.sleep(5.0)
        assert all(reading.value is not None for reading in (await it.read()).values())

    with_driver(name, story)


@each
@pytest.mark.parametrize(("verb", "how"), WIRE_FAULTS, ids=[verb for verb, _ in WIRE_FAULTS])
def test_a_broken_line_gives_faults_and_no_other_exception(
    name: str, verb: str, how: dict[str, object]
) -> None:
    """And when the line is whole again the values are those of the plant: nothing late is taken for something new."""

    async def story(it: Emulated) -> int:
        sound = {name: reading.value for name, reading in (await it.read()).items()}
        it.rig.fault(it.place.station, verb, **how)
        for _ in range(40):
            outcome = await it.attempt(it.read())
            assert isinstance(outcome, InstrumentFault) or in_range(it, outcome.values())
            await asyncio.sleep(0.3)
        struck = sum(int(fault["count"]) for fault in it.rig.faults())
        it.rig.clear()
        await asyncio.sleep(5.0)
        await it.driver.prepare()
        again = {name: reading.value for name, reading in (await it.read()).items()}
        assert again == pytest.approx(sound)
        return struck

    assert with_driver(name, story) > 0, "the fault never struck"


def in_range(it: Emulated, readings: Iterable[Reading]) -> bool:
    spans = {channel.name: channel for channel in it.module.channels(it.options)}
    return all(r.value is None or spans[r.channel].low <= r.value <= spans[r.channel].high for r in readings)


def test_a_scale_follows_the_vessel_and_is_never_touched() -> None:
    async def story(it: Emulated) -> None:
        assert await it.value("weight") == pytest.approx(2.0)
        it.plant.readings["weight"] = 2.5
        assert await it.value("stable") == 0
        assert await it.value("weight") == pytest.approx(2.5)
        assert await it.value("stable") == 1
        it.plant.readings["weight"] = 9.0
        assert (await it.read())["weight"].detail == "overload"
        it.plant.readings["weight"] = math.nan
        assert (await it.read())["weight"].status is DeviceStatus.FUNCTION_CHECK
        assert it.instrument.log.counts["writes"] == 0

    with_driver("mettler_sics", story)


def test_a_scale_that_somebody_left_repeating_is_read_and_keeps_its_tare() -> None:
    async def story(it: Emulated) -> None:
        line = it.rig.line("scale")
        line.write(1.0, b"T\r\nSIR\r\n")
        await asyncio.sleep(3.0)
        it.plant.readings["weight"] = 3.0
        await it.driver.prepare()
        assert await it.value("weight") == pytest.approx(1.0)
        assert it.instrument.due_s() is None

    with_driver("mettler_sics", story)


@pytest.mark.parametrize(("name", "most"), [("watson_marlow", 50.0), ("watson_marlow_323", 40.0)])
def test_a_pump_delivers_what_it_confirms(name: str, most: float) -> None:
    async def story(it: Emulated) -> None:
        sink = it.instrument.sinks["flow"]
        for share in (0.5, 1.0, 0.02, 0.0, 0.1):
            confirmed = await it.driver.write("flow", share * most)
            assert confirmed == pytest.approx(share * most, abs=0.06)
            assert sink.value == pytest.approx(confirmed)
            assert await it.value("flow") == pytest.approx(confirmed)

    with_driver(name, story)


def test_a_pump_stopped_at_its_panel_is_not_started_again_by_itself() -> None:
    async def story(it: Emulated) -> None:
        await it.driver.write("flow", 5.0)
        it.instrument.panel_stop(it.rig.world.now_s)
        for demand in (5.0, 0.0, 6.0):
            outcome = await it.attempt(it.driver.write("flow", demand))
            assert demand == 0 or "panel" in str(outcome)
            assert not it.instrument.running
        assert [word for _, word, _ in it.instrument.log.writes].count("GO") == 1
        it.instrument.panel_start(it.rig.world.now_s)
        assert await it.driver.write("flow", 6.0) == pytest.approx(6.0)

    with_driver("watson_marlow", story)


def test_a_pump_counts_its_revolutions() -> None:
    async def story(it: Emulated) -> None:
        await it.driver.write("flow", 5.0)
        before = await it.value("revolutions") or 0.0
        await asyncio.sleep(600.0)
        assert (await it.value("revolutions") or 0.0) - before == pytest.approx(100.0, rel=0.01)

    with_driver("watson_marlow", story)


def test_a_stirrer_turns_as_it_confirms_and_goes_on_at_its_safe_speed_without_its_controller() -> None:
    async def story(it: Emulated) -> None:
        shaft = it.instrument.sinks["speed"]
        for rpm in (120.0, 80.0, 0.0, 150.0):
            assert await it.driver.write("setpoint", rpm) == rpm
            assert shaft.value == rpm
            assert await it.value("speed") == rpm
        for _ in range(60):
            await asyncio.sleep(2.0)
            await it.driver.write("setpoint", 150.0)
            assert shaft.value == 150.0
        await asyncio.sleep(25.0)
        assert await it.value("speed") == 60.0
        assert shaft.value == 60.0
        await it.driver.prepare()
        assert await it.driver.write("setpoint", 150.0) == 150.0
        assert shaft.value == 150.0

    with_driver("ika_stirrer", story)


def test_a_stirrer_is_started_before_its_speed_is_set_and_not_again() -> None:
    """A start sets the speed of some models to 0."""

    async def story(it: Emulated) -> list[str]:
        for rpm in (80.0, 120.0, 120.0, 0.0, 80.0):
            await it.driver.write("setpoint", rpm)
        return [word for _, word, _ in it.instrument.log.writes if word in ("START_4", "STOP_4", "OUT_SP_4")]

    start, stop, speed = "START_4", "STOP_4", "OUT_SP_4"
    assert with_driver("ika_stirrer", story) == [start, speed, speed, speed, stop, speed, start, speed]


def test_reading_a_stirrer_does_not_renew_its_watchdog() -> None:
    """The lease is on the output: a controller that reads and no longer decides must lose it."""

    async def story(it: Emulated) -> None:
        await it.driver.write("setpoint", 150.0)
        for _ in range(25):
            await asyncio.sleep(1.0)
            await it.read()
        assert it.instrument.sinks["speed"].value == 60.0

    with_driver("ika_stirrer", story)


@pytest.mark.parametrize(("name", "run"), CIRCULATORS)
def test_a_circulator_goes_where_it_confirms_and_starts_and_stops(name: str, run: str) -> None:
    async def story(it: Emulated) -> None:
        jacket = it.instrument.sinks["setpoint"]
        assert await it.driver.write("setpoint", 37.5) == 37.5
        assert jacket.value == 20.0
        assert await it.driver.write(run, 1.0) == 1.0
        assert jacket.value == 37.5
        assert await it.driver.write("setpoint", 36.25) == 36.25
        assert jacket.value == 36.25
        assert await it.value("setpoint") == 36.25
        assert await it.driver.write(run, 0.0) == 0.0
        assert await it.value(run) == 0.0
        assert jacket.value == 20.0

    with_driver(name, story)


@pytest.mark.parametrize(("name", "run"), CIRCULATORS)
def test_a_circulator_set_point_that_stands_is_not_written_again_and_one_that_does_not_is(
    name: str, run: str
) -> None:
    """Nobody knows whether it is kept in memory that wears."""

    async def story(it: Emulated) -> None:
        for _ in range(50):
            assert await it.driver.write("setpoint", 37.5) == 37.5
            assert await it.driver.write(run, 1.0) == 1.0
        assert it.instrument.log.counts["writes"] == 2
        assert it.instrument.stored == 1
        it.instrument.setpoint_c = 20.0
        assert await it.driver.write("setpoint", 37.5) == 37.5
        assert it.instrument.stored == 2

    with_driver(name, story)


def test_a_circulator_in_manual_mode_is_neither_believed_to_control_nor_obeys() -> None:
    async def story(it: Emulated) -> None:
        await it.driver.write("setpoint", 37.5)
        it.instrument.remote = False
        assert (await it.read())["setpoint"].status is DeviceStatus.FUNCTION_CHECK
        assert "operating mode" in str(await it.attempt(it.driver.write("setpoint", 38.0)))
        it.instrument.remote = True
        it.instrument.trip(it.rig.world.now_s, -1)
        readings = await it.read()
        assert readings["setpoint"].detail == "low liquid level"
        assert readings["bath"].status is DeviceStatus.GOOD

    with_driver("julabo", story)


def test_a_refreshed_set_point_keeps_a_watchdog_of_thirty_seconds_quiet() -> None:
    async def story(it: Emulated) -> int:
        it.driver = it.module.Driver(
            it.line.ascii(""), "", it.module.Options(5.0, 45.0, 25.0, refresh_s=20.0)
        )
        for _ in range(60):
            await it.driver.write("setpoint", 37.5)
            await asyncio.sleep(1.5)
        return int(it.instrument.stored)

    assert 4 <= with_driver("julabo", story) <= 6


def test_a_thermostat_that_clips_a_set_point_is_not_said_to_have_taken_it() -> None:
    async def story(it: Emulated) -> None:
        it.instrument._range_c = (0.0, 30.0)
        assert "is 30 after 37.5" in str(await it.attempt(it.driver.write("setpoint", 37.5)))
        it.instrument.trip(it.rig.world.now_s, -1)
        assert (await it.read())["control"].detail == "error -1"

    with_driver("huber_pb", story)


@pytest.mark.parametrize(("name", "full"), GAS)
def test_a_gas_controller_delivers_what_it_confirms(name: str, full: float) -> None:
    async def story(it: Emulated) -> None:
        valve = it.instrument.sinks["flow"]
        for share in (0.5, 1.0, 0.123, 0.0):
            confirmed = await it.driver.write("setpoint", share * full)
            assert confirmed == pytest.approx(share * full, rel=1e-6)
            await asyncio.sleep(8.0)
            assert await it.value("flow") == pytest.approx(share * full, rel=1e-3, abs=1e-3)
            assert valve.value == pytest.approx(share * full, rel=1e-3, abs=1e-3)

    with_driver(name, story)


@pytest.mark.parametrize(("name", "full"), GAS)
def test_a_gas_set_point_that_stands_is_not_written_again(name: str, full: float) -> None:
    async def story(it: Emulated) -> None:
        for _ in range(30):
            await it.driver.write("setpoint", 0.3 * full)
        assert it.instrument.stored == 1

    with_driver(name, story)


def test_a_gas_controller_with_another_gas_or_a_held_valve_is_not_believed() -> None:
    async def story(it: Emulated) -> None:
        await it.driver.write("setpoint", 100.0)
        it.instrument._hold = 1
        assert (await it.read())["flow"].detail == "valve held, closed loop bypassed"
        it.instrument._hold, it.instrument._gas = 0, 4
        flow = (await it.read())["flow"]
        assert flow.value is None
        assert "gas 4" in flow.detail

    with_driver("alicat_modbus", story)


def test_the_gas_of_a_controller_that_does_not_tell_it_cannot_be_demanded() -> None:
    async def story(it: Emulated) -> None:
        demanding = it.module.Options(full_scale=100.0, gas="CO2")
        driver = it.module.Driver(it.line.modbus("2"), "2", demanding)
        await driver.identify()
        with pytest.raises(Misconfigured, match="does not tell its gas"):
            await driver.prepare()

    with_driver("alicat_modbus_2", story)


def test_a_controller_in_a_mode_that_ignores_set_points_is_not_said_to_obey() -> None:
    async def story(it: Emulated) -> None:
        await it.driver.write("setpoint", 50.0)
        it.instrument.mode = 8
        assert "control mode is 8" in str(await it.attempt(it.driver.write("setpoint", 50.0)))
        assert (await it.read())["setpoint"].status is DeviceStatus.FUNCTION_CHECK
        assert "mode" not in [what for _, what, _ in it.instrument.log.writes]
        it.instrument.mode, it.instrument.alarm = 0, 1 << 7
        assert (await it.read())["flow"].detail == "hardware error"

    with_driver("bronkhorst_propar", story)


@each
def test_an_instrument_that_refuses_gives_faults_also_on_a_noisy_line(name: str) -> None:
    """One without a word for no says nothing, and nothing cannot be garbled."""

    async def story(it: Emulated) -> None:
        it.rig.fault(it.place.station, "exception")
        for _ in range(3):
            assert isinstance(await it.attempt(it.read()), Refused | NoReply)
        it.rig.fault(it.place.station, "flip", rate=1.0)
        for _ in range(3):
            assert isinstance(await it.attempt(it.read()), InstrumentFault)

    with_driver(name, story)
