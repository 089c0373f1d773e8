"""The demo rig with its real plant: what instruments say is what the vessel does, and it repeats."""

from __future__ import annotations

import hashlib
import struct

import pytest

from hil.modbus import seal
from hil.rig import Rig


def register(unit: int, address: int, value: int) -> bytes:
    return seal(struct.pack(">BBHH", unit, 6, address, value))


class Controller:
    """Just enough of a controller to run the vessel by hand."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.heard = hashlib.sha256()

    def ask(self, t_s: float, line: str, data: bytes) -> bytes:
        end = self.rig.line(line)
        end.read(t_s)
        end.write(t_s, data)
        reply = end.read(t_s + 1.5)
        self.heard.update(line.encode() + reply)
        return reply

    def start_up(self, t_s: float) -> None:
        self.ask(t_s, "utility", register(1, 276, 1))
        self.ask(t_s, "utility", seal(bytes.fromhex("02 0F 00 00 00 08 01 03")))
        self.ask(t_s, "utility", register(3, 0, 4000 + 150 * 40))
        self.ask(t_s, "gas", b"ALS 100\r")

    def hold(self, t_s: float) -> None:
        self.ask(t_s, "utility", register(1, 26, 400))

    def look(self, t_s: float) -> None:
        self.ask(t_s, "probes", seal(bytes.fromhex("01 03 08 29 00 0A")))
        self.ask(t_s, "cell", bytes.fromhex("00 01 00 00 00 06 01 04 00 00 00 07"))
        self.ask(t_s, "rtd", b"R\r")


def an_hour(seed: int) -> tuple[str, dict[str, float], dict[str, float]]:
    rig = Rig.load("demo", seed)
    controller = Controller(rig)
    controller.start_up(1.0)
    for second in range(4, 3600, 4):
        controller.hold(float(second))
        controller.look(second + 2.0)
    return controller.heard.hexdigest(), rig.truth(3600.0), rig.outputs()


def test_the_same_seed_and_bytes_give_the_same_hour() -> None:
    assert an_hour(1) == an_hour(1)
    assert an_hour(1)[0] != an_hour(2)[0]


def test_the_vessel_warms_while_the_contactor_is_closed_and_the_set_point_refreshed() -> None:
    _, truth, outputs = an_hour(1)
    assert 36.0 < truth["temperature_c"] < 41.0
    assert outputs["stir_rpm"] == pytest.approx(150.0, abs=0.1)


def test_the_heater_does_nothing_while_its_contactor_is_open() -> None:
    rig = Rig.load("demo")
    controller = Controller(rig)
    controller.ask(1.0, "utility", register(1, 276, 1))
    for second in range(4, 1800, 4):
        controller.hold(float(second))
    assert rig.truth(1800.0)["temperature_c"] < 30.5


def test_the_base_pump_delivers_only_while_its_mains_are_on() -> None:
    rig = Rig.load("demo")
    controller = Controller(rig)
    for t_s, command in enumerate((b"1xE0", b"1M", b"1f1000+0", b"1H"), start=1):
        assert controller.ask(2.0 * t_s, "pump", command + b"\r\n") != b"#"
    assert rig.truth(100.0)["base_total_ml"] == 0.0
    controller.ask(100.0, "utility", seal(bytes.fromhex("02 05 00 01 FF 00")))
    controller.ask(160.0, "utility", seal(bytes.fromhex("02 05 00 01 00 00")))
    assert rig.truth(300.0)["base_total_ml"] == pytest.approx(1.0, abs=1e-6)


def test_a_pulse_shorter_than_the_plants_step_delivers_its_volume() -> None:
    rig = Rig.load("demo")
    controller = Controller(rig)
    controller.ask(1.0, "utility", seal(bytes.fromhex("02 05 00 01 FF 00")))
    for t_s, command in enumerate((b"1xE0", b"1M", b"1f3000+0"), start=2):
        controller.ask(2.0 * t_s, "pump", command + b"\r\n")
    rig.line("pump").write(20.2, b"1H\r\n")
    rig.line("pump").write(20.5, b"1I\r\n")
    assert rig.truth(60.0)["base_total_ml"] == pytest.approx(3.0 / 60 * 0.3, rel=1e-6)


def test_a_set_volume_is_delivered_to_the_microlitre() -> None:
    rig = Rig.load("demo")
    controller = Controller(rig)
    controller.ask(1.0, "utility", seal(bytes.fromhex("02 05 00 01 FF 00")))
    for t_s, command in enumerate((b"1xE0", b"1O", b"1f3000+0", b"1v1234-1", b"1H"), start=2):
        controller.ask(2.0 * t_s, "pump", command + b"\r\n")
    assert rig.truth(60.0)["base_total_ml"] == pytest.approx(0.1234, abs=1e-6)


def test_a_flashed_relay_is_on_for_its_tenths_of_a_second() -> None:
    rig = Rig.load("demo")
    controller = Controller(rig)
    for t_s, command in enumerate((b"1xE0", b"1M", b"1f3000+0", b"1H"), start=2):
        controller.ask(2.0 * t_s, "pump", command + b"\r\n")
    controller.ask(20.25, "utility", seal(bytes.fromhex("02 05 02 01 00 07")))
    assert rig.truth(60.0)["base_total_ml"] == pytest.approx(3.0 / 60 * 0.7, rel=1e-6)


def test_a_paced_line_never_asks_the_plant_to_go_back() -> None:
    """An instrument hears a request later than it was sent, perhaps in the next plant second."""
    rig = Rig.load("demo", speed=30.0, strict=True, paced=True)
    for index in range(2000):
        t_s = 1.0 + index * 0.0371
        rig.line("utility").read(t_s)
        rig.line("utility").write(t_s, register(3, 0, 4000 + index))
        rig.line("gas").write(t_s + 0.001, b"ALS %d\r" % (index % 400))
        rig.advance(t_s + 0.002)
    assert rig.outputs()["stir_rpm"] > 40.0


class Clock:
    """Notes when it was ticked."""

    def __init__(self) -> None:
        self.ticks: list[float] = []

    def tick(self, t_s: float) -> None:
        self.ticks.append(t_s)


@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_instruments_move_by_themselves_each_plant_second_however_time_is_asked_for(speed: float) -> None:
    rig, clock = Rig.load("demo", speed=speed), Clock()
    rig.world.tickers.append(clock)
    for t_s in (0.3, 0.4, 1.0, 3.7, 2.0, 5.0):
        rig.advance(t_s)
    assert clock.ticks == [second / speed for second in range(1, int(5 * speed) + 1)]


def test_looking_often_changes_nothing_in_the_vessel() -> None:
    def end(every_s: float) -> float:
        rig = Rig.load("demo")
        controller = Controller(rig)
        controller.start_up(1.0)
        for index in range(1, int(1000 / every_s)):
            controller.look(5.0 + index * every_s)
        return rig.truth(1010.0)["temperature_c"]

    assert end(2.0) == end(20.0)


def test_a_faster_plant_reaches_the_same_state_in_less_line_time() -> None:
    slow, fast = Rig.load("demo"), Rig.load("demo", speed=30.0)
    for rig in (slow, fast):
        controller = Controller(rig)
        controller.ask(0.0, "utility", register(3, 0, 10000))
        controller.ask(0.0, "gas", b"ALS 100\r")
    fast_truth, slow_truth = fast.truth(60.0), slow.truth(1800.0)
    assert fast_truth["time_s"] == slow_truth["time_s"] == 1800.0
    assert fast_truth["do_percent"] == pytest.approx(slow_truth["do_percent"], abs=0.5)


def test_every_line_of_both_rigs_answers_its_first_question() -> None:
    questions = {
        "probes": seal(bytes.fromhex("01 03 08 29 00 0A")),
        "hamilton": seal(bytes.fromhex("02 03 08 29 00 0A")),
        "utility": seal(bytes.fromhex("01 03 00 01 00 05")),
        "eurotherm": seal(bytes.fromhex("01 03 00 01 00 05")),
        "relay": seal(bytes.fromhex("01 01 00 00 00 08")),
        "analog": seal(bytes.fromhex("01 03 00 00 00 08")),
        "gas": b"B\r",
        "alicat": b"A\r",
        "pump": b"1xM\r\n",
        "ismatec": b"1xM\r\n",
        "cell": bytes.fromhex("00 01 00 00 00 06 01 04 00 00 00 07"),
        "map-tcp": bytes.fromhex("00 01 00 00 00 06 01 04 00 00 00 03"),
        "map-rtu": seal(bytes.fromhex("07 04 00 64 00 03")),
    }
    for name in ("demo", "bench"):
        rig = Rig.load(name)
        for line in rig.lines:
            rig.line(line).write(0.5, questions.get(line, b"i\r"))
            assert rig.line(line).read(0.9), f"{name}: {line}"


def test_an_instrument_keeps_count_of_what_was_asked_and_written() -> None:
    rig = Rig.load("demo")
    controller = Controller(rig)
    for n in range(1500):
        controller.ask(2.0 + 2.0 * n, "utility", register(1, 26, 370 + n % 2))
    log = rig.instrument("utility/1").log
    assert log.counts == {"requests": 1500, "writes": 1500}
    assert len(log.writes) == 1000
    assert log.writes[-1] == (3000.0, "register 26", 371)
    assert rig.instrument("utility/2").log.counts == {}
