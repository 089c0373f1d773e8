"""Each verb of the bench, seen on the bytes or in the plant."""

from __future__ import annotations

import itertools
import math
import struct
from typing import Any

import pytest

from hil.fault import REPLY, REQUEST, VALUE
from hil.modbus import crc16, seal
from hil.rig import Rig, RigError
from hil.still import StillPlant

READ_PH = bytes.fromhex("01 03 08 29 00 0A 16 65")
READ_DO = seal(bytes.fromhex("02 03 08 29 00 0A"))
GOOD_PH = bytes.fromhex("01 03 14 10 00 00 00 A3 D7 40 E0 00 00 00 00 00 00 00 00 00 00 41 60 C1 BA")


class Bench:
    """The demo rig on a plant that stands still."""

    def __init__(self, seed: int = 1) -> None:
        self.plant = StillPlant()
        self.rig = Rig.load("demo", seed, plant=self.plant)
        self.t_s = 1.0

    def ask(self, line: str, data: bytes, wait_s: float = 0.2) -> bytes:
        end = self.rig.line(line)
        end.write(self.t_s, data)
        self.t_s += wait_s
        return end.read(self.t_s)

    def ph(self) -> float:
        reply = self.ask("probes", READ_PH)
        low, high = struct.unpack(">HH", reply[7:11])
        (value,) = struct.unpack(">f", struct.pack(">HH", high, low))
        return float(value)

    def arrivals(self, line: str, data: bytes) -> list[tuple[float, bytes]]:
        """Everything that comes back, with the time after the request at which it comes."""
        end = self.rig.line(line)
        end.write(self.t_s, data)
        found = []
        while (at_s := end.next_at()) is not None and at_s < self.t_s + 10.0:
            found.append((at_s - self.t_s, end.read(at_s)))
        self.t_s += 10.0
        return found


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_mute_instrument_is_silent_and_does_not_obey(bench: Bench) -> None:
    bench.rig.fault("utility/2", "mute")
    assert bench.ask("utility", seal(bytes.fromhex("02 05 00 00 FF 00"))) == b""
    assert bench.plant.inputs.heater_enabled is False
    bench.rig.clear("utility/2")
    assert bench.ask("utility", seal(bytes.fromhex("02 05 00 00 FF 00"))) != b""
    assert bench.plant.inputs.heater_enabled is True


def test_one_mute_instrument_leaves_its_neighbour_talking(bench: Bench) -> None:
    bench.rig.fault("probes/1", "mute")
    assert bench.ask("probes", READ_PH) == b""
    assert bench.ask("probes", READ_DO)[0] == 2


def test_a_lost_acknowledgement_still_moved_the_actuator(bench: Bench) -> None:
    bench.rig.fault("utility/2", "mute", hears=True)
    assert bench.ask("utility", seal(bytes.fromhex("02 05 00 00 FF 00"))) == b""
    assert bench.plant.inputs.heater_enabled is True


def test_one_answer_to_one_command_can_be_lost(bench: Bench) -> None:
    bench.rig.fault("pump/1", "mute", hears=True, to="1xM", times=1)
    assert bench.ask("pump", b"1E\r\n") == b"-"
    assert bench.ask("pump", b"1xM\r\n") == b""
    assert bench.ask("pump", b"1xM\r\n") != b""


def test_a_mute_probe_stops_its_unasked_readings_too(bench: Bench) -> None:
    assert bench.ask("rtd", b"", wait_s=3.0).count(b"\r") == 4
    bench.rig.fault("rtd/1", "mute")
    assert bench.ask("rtd", b"", wait_s=3.0) == b""


def test_frozen_means_the_last_value_again_and_again(bench: Bench) -> None:
    assert bench.ph() == pytest.approx(7.02)
    bench.rig.fault("probes/1", "freeze")
    bench.plant.readings["ph"] = 6.5
    assert [bench.ph() for _ in range(3)] == pytest.approx([7.02] * 3)
    bench.rig.clear("probes/1")
    assert bench.ph() == pytest.approx(6.5)


def test_freezing_one_channel_leaves_the_other_alive(bench: Bench) -> None:
    bench.rig.fault("cell/1", "freeze", channel="heartbeat")
    before = bench.ask("cell", bytes.fromhex("00 01 00 00 00 06 01 04 00 00 00 07"))
    bench.plant.readings["weight"] = 1.5
    bench.t_s += 100.0
    after = bench.ask("cell", bytes.fromhex("00 01 00 00 00 06 01 04 00 00 00 07"))
    assert before[-2:] == after[-2:]
    assert before[9:13] != after[9:13]


def test_a_frozen_relay_board_repeats_its_old_answer(bench: Bench) -> None:
    """It measures nothing, so its gateway is what freezes: reads come from a cache."""
    read = seal(bytes.fromhex("02 01 00 00 00 08"))
    bench.rig.fault("utility/2", "freeze")
    assert bench.ask("utility", read)[3] == 0
    bench.ask("utility", seal(bytes.fromhex("02 05 00 00 FF 00")))
    assert bench.ask("utility", read)[3] == 0
    bench.rig.clear("utility/2")
    assert bench.ask("utility", read)[3] == 1


def test_drift_grows_with_the_hours(bench: Bench) -> None:
    bench.rig.fault("probes/1", "drift", per_hour=0.02, channel="ph")
    assert bench.ph() == pytest.approx(7.02)
    bench.t_s += 2 * 3600.0
    assert bench.ph() == pytest.approx(7.06, abs=1e-4)


def test_sensor_noise_has_its_sigma(bench: Bench) -> None:
    bench.rig.fault("probes/1", "noise", sigma=0.05, channel="ph")
    values = [bench.ph() for _ in range(500)]
    mean = sum(values) / len(values)
    assert mean == pytest.approx(7.02, abs=0.01)
    assert math.sqrt(sum((v - mean) ** 2 for v in values) / len(values)) == pytest.approx(0.05, rel=0.15)


def test_not_a_number_reaches_the_wire_as_float_and_as_sentinel(bench: Bench) -> None:
    bench.rig.fault("probes/1", "nan", channel="ph")
    assert math.isnan(bench.ph())
    bench.rig.fault("cell/1", "nan", channel="pressure")
    reply = bench.ask("cell", bytes.fromhex("00 01 00 00 00 06 01 04 00 04 00 01"))
    assert reply[-2:] == b"\x80\0"


def test_a_value_can_be_ordered_even_infinite(bench: Bench) -> None:
    bench.rig.fault("probes/1", "value", value="inf", channel="ph")
    assert bench.ph() == math.inf
    bench.rig.clear()
    bench.rig.fault("probes/1", "value", value=9.5, channel="ph", rate=0.1)
    spikes = sum(bench.ph() > 9.0 for _ in range(400))
    assert 20 <= spikes <= 65
    bench.rig.clear()
    bench.rig.fault("probes/1", "value", value=9.5, channel="ph", times=2)
    assert [bench.ph() > 9.0 for _ in range(4)] == [True, True, False, False]


@pytest.mark.parametrize("word", [0xFFFF, 0x8000, 0x7FFF])
def test_a_sentinel_fills_every_register_of_a_well_formed_reply(bench: Bench, word: int) -> None:
    bench.rig.fault("probes/1", "sentinel", word=word)
    reply = bench.ask("probes", READ_PH)
    assert reply[3:-2] == word.to_bytes(2, "big") * 10
    assert crc16(reply[:-2]) == int.from_bytes(reply[-2:], "little")


def test_garbling_adds_one_to_twenty_bytes_to_a_tenth_of_the_replies(bench: Bench) -> None:
    bench.rig.fault("probes/1", "garble", rate=0.1)
    replies = [bench.ask("probes", READ_PH) for _ in range(1000)]
    longer = [len(reply) - len(GOOD_PH) for reply in replies if reply != GOOD_PH]
    assert 55 <= len(longer) <= 145
    assert min(longer) >= 1
    assert max(longer) == 20
    assert bench.rig.faults()[0]["count"] == len(longer)


@pytest.mark.parametrize("where", ["before", "inside", "after"])
def test_garbling_happens_where_it_is_ordered(bench: Bench, where: str) -> None:
    bench.rig.fault("probes/1", "garble", rate=1.0, where=where)
    for _ in range(50):
        reply = bench.ask("probes", READ_PH)
        assert reply.endswith(GOOD_PH) == (where == "before")
        assert reply.startswith(GOOD_PH) == (where == "after")


def test_a_flip_changes_one_bit_and_every_position_comes(bench: Bench) -> None:
    bench.rig.fault("probes/1", "flip", rate=1.0)
    positions = set()
    for _ in range(3000):
        reply = bench.ask("probes", READ_PH)
        wrong = int.from_bytes(reply, "big") ^ int.from_bytes(GOOD_PH, "big")
        assert wrong.bit_count() == 1
        positions.add(wrong.bit_length())
    assert len(positions) == 8 * len(GOOD_PH)


def test_a_cut_reply_is_a_head_and_then_silence(bench: Bench) -> None:
    bench.rig.fault("probes/1", "cut", keep=7)
    assert bench.ask("probes", READ_PH, wait_s=5.0) == GOOD_PH[:7]
    bench.rig.clear()
    bench.rig.fault("probes/1", "cut")
    lengths = {len(bench.ask("probes", READ_PH)) for _ in range(300)}
    assert lengths == set(range(1, len(GOOD_PH)))


def test_a_cut_counts_bytes_over_all_pieces(bench: Bench) -> None:
    bench.rig.fault("probes/1", "trickle")
    bench.rig.fault("probes/1", "cut", keep=7)
    assert b"".join(data for _, data in bench.arrivals("probes", READ_PH)) == GOOD_PH[:7]


def test_slow_delays_every_reply(bench: Bench) -> None:
    (healthy,) = bench.arrivals("probes", READ_PH)
    bench.rig.fault("probes/1", "slow", delay_s=0.25)
    (slow,) = bench.arrivals("probes", READ_PH)
    assert slow[0] - healthy[0] == pytest.approx(0.25)
    assert slow[1] == healthy[1]


def test_a_late_reply_arrives_while_the_next_request_is_in_flight(bench: Bench) -> None:
    bench.rig.fault("probes/1", "late", delay_s=0.5, rate=1.0)
    assert bench.ask("probes", READ_PH, wait_s=0.495) == b""
    assert bench.ask("probes", READ_DO, wait_s=0.012)[0] == 2
    assert bench.rig.line("probes").read(bench.t_s + 0.1) == GOOD_PH


def test_a_trickled_reply_is_whole_but_byte_by_byte(bench: Bench) -> None:
    bench.rig.fault("probes/1", "trickle")
    pieces = bench.arrivals("probes", READ_PH)
    assert b"".join(data for _, data in pieces) == GOOD_PH
    gaps = [later[0] - earlier[0] for earlier, later in itertools.pairwise(pieces)]
    assert {len(data) for _, data in pieces} == {1}
    assert 0.005 <= min(gaps) <= max(gaps) <= 0.016 + 1e-9


def test_a_foreign_reply_is_well_formed_but_from_another(bench: Bench) -> None:
    bench.rig.fault("probes/1", "foreign", address=9)
    reply = bench.ask("probes", READ_PH)
    assert reply[0] == 9
    assert crc16(reply[:-2]) == int.from_bytes(reply[-2:], "little")
    bench.rig.fault("gas/A", "foreign")
    assert bench.ask("gas", b"A\r").startswith(b"B ")


def test_two_instruments_on_one_address_wreck_each_others_reply(bench: Bench) -> None:
    bench.rig.fault("probes/1", "collide")
    reply = bench.ask("probes", READ_PH)
    assert crc16(reply[:-2]) != int.from_bytes(reply[-2:], "little")


@pytest.mark.parametrize("code", [1, 2, 3, 4, 6, 11])
def test_any_exception_can_be_ordered(bench: Bench, code: int) -> None:
    bench.rig.fault("probes/1", "exception", code=code)
    assert bench.ask("probes", READ_PH) == seal(bytes((1, 0x83, code)))
    bench.rig.fault("cell/1", "exception", code=code)
    reply = bench.ask("cell", bytes.fromhex("12 34 00 00 00 06 01 04 00 00 00 01"))
    assert reply == bytes.fromhex("12 34 00 00 00 03 01 84") + bytes((code,))


@pytest.mark.parametrize(
    ("line", "target", "command", "word"),
    [
        ("gas", "gas/A", b"A\r", b"?\r"),
        ("pump", "pump/1", b"1H\r\n", b"#"),
        ("rtd", "rtd/1", b"R\r", b"*ER\r"),
    ],
)
def test_an_ascii_instrument_refuses_in_its_own_words(
    bench: Bench, line: str, target: str, command: bytes, word: bytes
) -> None:
    bench.ask("rtd", b"C,0\r", wait_s=5.0)
    bench.rig.fault(target, "exception")
    assert bench.ask(line, command, wait_s=2.0) == word
    assert bench.plant.inputs.base_ml_min == 0.0


def test_a_stuck_actuator_acknowledges_and_stays_until_freed(bench: Bench) -> None:
    bench.ask("gas", b"CLS 50\r", wait_s=30.0)
    bench.rig.advance(bench.t_s)
    bench.rig.fault("gas/C", "stick")
    assert bench.ask("gas", b"CLS 100\r", wait_s=30.0).startswith(b"C +100.00")
    bench.rig.advance(bench.t_s)
    assert bench.plant.inputs.o2_ml_min == pytest.approx(50.0, abs=0.1)
    assert float(bench.ask("gas", b"C\r").split()[4]) == pytest.approx(50.0, abs=2.0)
    bench.rig.clear("gas/C")
    assert bench.plant.inputs.o2_ml_min == pytest.approx(100.0, abs=0.1)


def test_an_actuator_can_stick_open(bench: Bench) -> None:
    bench.rig.fault("utility/2", "stick", at=1.0, channel="1")
    assert bench.plant.inputs.heater_enabled is True
    bench.ask("utility", seal(bytes.fromhex("02 05 00 00 00 00")))
    assert bench.plant.inputs.heater_enabled is True


def test_an_echoing_adapter_returns_the_request_before_the_reply(bench: Bench) -> None:
    bench.rig.fault("probes", "echo")
    assert bench.ask("probes", READ_PH) == READ_PH + GOOD_PH
    bench.rig.clear("probes")
    assert bench.ask("probes", READ_PH) == GOOD_PH


def test_line_noise_comes_unasked_at_its_rate(bench: Bench) -> None:
    bench.rig.fault("probes", "noise", rate_hz=20.0, most=1, byte=0)
    noise = bench.ask("probes", b"", wait_s=60.0)
    assert set(noise) == {0}
    assert len(noise) == pytest.approx(1200, rel=0.15)
    bench.rig.clear("probes")
    assert bench.ask("probes", b"", wait_s=60.0) == b""


def test_an_unplugged_line_swallows_everything_until_it_is_back(bench: Bench) -> None:
    bench.rig.line("probes").write(bench.t_s, READ_PH)
    bench.rig.fault("probes", "unplug")
    assert bench.rig.line("probes").next_at() is None
    assert bench.ask("probes", READ_PH) == b""
    bench.rig.fault("probes", "replug")
    assert bench.rig.line("probes").read(bench.t_s) == b""
    assert bench.ask("probes", READ_PH) == GOOD_PH


def test_a_restarting_instrument_hears_nothing_while_it_boots(bench: Bench) -> None:
    bench.rig.advance(1.0)
    bench.rig.fault("probes/1", "restart", boot_s=2.0)
    assert bench.ask("probes", READ_PH, wait_s=1.9) == b""
    bench.t_s = 3.1
    assert bench.ask("probes", READ_PH) == GOOD_PH


def test_a_line_fault_hits_every_instrument_on_the_line(bench: Bench) -> None:
    bench.rig.fault("utility", "mute")
    for unit in (1, 2, 3):
        assert bench.ask("utility", seal(bytes((unit, 3, 0x40, 0, 0, 1)))) == b""
    bench.rig.clear("utility")
    assert bench.ask("utility", seal(bytes((2, 3, 0x40, 0, 0, 1)))) != b""
    assert bench.rig.faults() == []


def test_two_faults_add_up_and_go_one_by_one(bench: Bench) -> None:
    bench.rig.fault("probes/1", "slow", delay_s=0.3)
    bench.rig.fault("probes/1", "cut", keep=3)
    ((after_s, data),) = bench.arrivals("probes", READ_PH)
    assert after_s > 0.3
    assert data == GOOD_PH[:3]
    bench.rig.clear("probes/1", "cut")
    assert [data for _, data in bench.arrivals("probes", READ_PH)] == [GOOD_PH]
    assert [fault["verb"] for fault in bench.rig.faults()] == ["slow"]


def test_the_rig_keeps_a_record_of_what_was_done_to_it(bench: Bench) -> None:
    bench.rig.fault("probes/1", "mute")
    bench.rig.clear("probes/1")
    assert [text for _, text in bench.rig.log.events] == ["fault probes/1 mute", "clear probes/1"]


@pytest.mark.parametrize(
    ("target", "verb", "args", "hint"),
    [
        ("probes/9", "mute", {}, "probes/1, probes/2"),
        ("probes/1", "mutter", {}, "mute"),
        ("probes/1", "garble", {"rat": 1}, "rate, where, most"),
        ("probes/1", "freeze", {"channel": "phh"}, "ph, temperature"),
        ("probes/1", "stick", {}, "none"),
        ("probes/1", "unplug", {}, "unplug"),
    ],
)
def test_a_fault_that_makes_no_sense_is_explained(
    bench: Bench, target: str, verb: str, args: dict[str, Any], hint: str
) -> None:
    with pytest.raises(RigError, match=hint):
        bench.rig.fault(target, verb, **args)


def test_the_same_seed_breaks_the_same_bytes() -> None:
    def story(seed: int) -> list[bytes]:
        bench = Bench(seed)
        for verb in ("garble", "flip", "cut"):
            bench.rig.fault("probes/1", verb, rate=0.3)
        bench.rig.fault("probes/1", "noise", sigma=0.01)
        return [bench.ask("probes", READ_PH) for _ in range(200)]

    assert story(1) == story(1)
    assert story(1) != story(2)


def test_no_verb_means_two_things() -> None:
    tables = [set(REQUEST), set(REPLY), set(VALUE)]
    assert len(set().union(*tables)) == sum(map(len, tables))


def test_an_ignored_write_is_acknowledged_and_not_obeyed(bench: Bench) -> None:
    order = seal(bytes.fromhex("02 05 00 00 FF 00"))
    bench.rig.fault("utility/2", "ignore")
    assert bench.ask("utility", order) == order
    assert bench.rig.outputs()["heater_enabled"] == 0.0
    bench.rig.clear()
    assert bench.ask("utility", order) == order
    assert bench.rig.outputs()["heater_enabled"] == 1.0


def test_a_locked_device_refuses_writes_and_answers_reads(bench: Bench) -> None:
    bench.rig.fault("utility/2", "lock", code=4)
    assert bench.ask("utility", seal(bytes.fromhex("02 05 00 00 FF 00")))[1:3] == bytes.fromhex("85 04")
    assert bench.ask("utility", seal(bytes.fromhex("02 01 00 00 00 08")))[1] == 0x01


def test_a_device_one_behind_answers_the_question_before(bench: Bench) -> None:
    bench.rig.fault("probes/1", "behind")
    first = bench.ph()
    bench.plant.readings["ph"] = 6.5
    assert bench.ph() == first
    assert bench.ph() == pytest.approx(6.5)


def test_a_device_at_half_the_baud_rate_is_heard_as_other_bytes(bench: Bench) -> None:
    """At half the rate each bit is sampled twice: 0x55 becomes 0x66 with the start bit's second half before it."""
    bench.rig.fault("probes/1", "baud", ratio=0.5)
    heard = bench.ask("probes", READ_PH)
    assert heard
    assert heard != GOOD_PH
    assert crc16(heard[:-2]) != int.from_bytes(heard[-2:], "little")


def test_a_mute_device_can_miss_each_nth_request(bench: Bench) -> None:
    bench.rig.fault("probes/1", "mute", every=3)
    assert [bool(bench.ask("probes", READ_PH)) for _ in range(6)] == [True, True, False, True, True, False]
