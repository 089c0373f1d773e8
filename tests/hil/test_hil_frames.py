"""The worked examples of the instrument sheets, byte for byte, through the emulators."""

from __future__ import annotations

import math

import pytest

from hil.instrument.alicat_mfc import AlicatMfc
from hil.instrument.atlas_ezo import AtlasEzo
from hil.instrument.eurotherm_3200 import Eurotherm3200
from hil.instrument.hamilton_arc import HamiltonArc
from hil.instrument.waveshare import WaveshareRelay8
from hil.modbus import crc16, seal
from hil.rig import Rig
from hil.still import StillPlant

PH_LOGIN = "01 10 10 BF 00 04 08 00 0C 00 00 5D EA 01 14 21 07"
CP1_START = "01 10 14 29 00 02 04 51 EC 40 80 2F B4"
CP1_STATUS = "01 03 14 25 00 06 D1 F3"

MODBUS_EXAMPLES = [
    (
        "hamilton",
        "01 03 08 29 00 0A 16 65",
        "01 03 14 10 00 00 00 A3 D7 40 E0 00 00 00 00 00 00 00 00 00 00 41 60 C1 BA",
    ),
    (
        "hamilton",
        "01 03 09 69 00 0A 16 4D",
        "01 03 14 00 04 00 00 00 00 42 14 00 00 00 00 00 00 C1 A0 00 00 43 02 00 38",
    ),
    ("hamilton", PH_LOGIN, "01 10 10 BF 00 04 F4 EE"),
    ("hamilton", "01 03 13 07 00 02 71 4E", "01 03 04 00 00 42 C4 CB 00"),
    (
        "hamilton",
        seal(bytes.fromhex("02 03 08 29 00 0A")).hex(" "),
        "02 03 14 00 20 00 00 00 00 42 21 00 00 00 00 00 00 00 00 00 00 43 96 F2 B8",
    ),
    ("eurotherm", "01 03 00 4B 00 01 F4 1C", "01 03 02 00 00 B8 44"),
    ("eurotherm", "01 06 00 1A 01 77 E9 BB", "01 06 00 1A 01 77 E9 BB"),
    ("eurotherm", "01 06 01 14 00 01 09 F2", "01 06 01 14 00 01 09 F2"),
    ("eurotherm", seal(bytes.fromhex("01 03 03 E8 00 01")).hex(" "), "01 83 02 C0 F1"),
    ("relay", "01 05 00 00 FF 00 8C 3A", "01 05 00 00 FF 00 8C 3A"),
    ("relay", "01 05 00 FF 00 00 FD FA", "01 05 00 FF 00 00 FD FA"),
    ("relay", "01 0F 00 00 00 08 01 05 3E 96", "01 0F 00 00 00 08 54 0D"),
    ("relay", "01 05 02 00 00 07 8D B0", "01 05 02 00 00 07 8D B0"),
    ("analog", "01 06 00 00 03 E8 89 74", "01 06 00 00 03 E8 89 74"),
    ("analog", "01 06 00 00 2E E0 95 E2", "01 06 00 00 2E E0 95 E2"),
]


class Bench:
    """The bench rig on a plant that stands still, asked one thing at a time."""

    def __init__(self, rig: str = "bench") -> None:
        self.plant = StillPlant()
        self.rig = Rig.load(rig, plant=self.plant)
        self.t_s = 1.0

    def ask(self, line: str, data: bytes, *, wait_s: float = 2.0) -> bytes:
        end = self.rig.line(line)
        end.read(self.t_s)
        end.write(self.t_s, data)
        self.t_s += wait_s
        return end.read(self.t_s)

    def asked(self, line: str, data: str) -> str:
        return self.ask(line, bytes.fromhex(data)).hex(" ").upper()


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(("line", "request_hex", "reply_hex"), MODBUS_EXAMPLES)
def test_a_worked_modbus_example_gives_the_reply_of_the_sheet(
    bench: Bench, line: str, request_hex: str, reply_hex: str
) -> None:
    assert bench.asked(line, request_hex) == reply_hex


def test_the_checksum_is_that_of_the_public_standard() -> None:
    """CRC-16/MODBUS of "123456789" is 0x4B37."""
    assert crc16(b"123456789") == 0x4B37


def test_a_refused_login_is_an_exception(bench: Bench) -> None:
    wrong = seal(bytes.fromhex("01 10 10 BF 00 04 08 00 0C 00 00 5D EB 01 14"))
    assert bench.asked("hamilton", wrong.hex()) == "01 90 04 4D C3"


def test_a_calibration_needs_administrator_level_and_reports_its_value(bench: Bench) -> None:
    assert bench.asked("hamilton", CP1_START)[:5] == "01 90"
    bench.asked("hamilton", PH_LOGIN)
    assert bench.asked("hamilton", CP1_START) == "01 10 14 29 00 02 95 F0"
    assert bench.asked("hamilton", CP1_STATUS) == "01 03 0C 00 00 00 00 10 00 00 00 51 EC 40 80 73 15"


def test_an_unstable_calibration_says_so(bench: Bench) -> None:
    arc = bench.rig.instrument("hamilton/1")
    assert isinstance(arc, HamiltonArc)
    arc.calibration = 0x80
    bench.asked("hamilton", PH_LOGIN)
    bench.asked("hamilton", CP1_START)
    assert bench.asked("hamilton", CP1_STATUS) == "01 03 0C 00 80 00 00 10 00 00 00 51 EC 40 80 DA D7"


def test_a_ph_error_shows_in_its_register_and_in_the_block_status(bench: Bench) -> None:
    arc = bench.rig.instrument("hamilton/1")
    assert isinstance(arc, HamiltonArc)
    arc.errors[0] = 0x40
    assert (
        bench.asked("hamilton", "01 03 12 BF 00 08 70 90")
        == "01 03 10 00 40 00 00 00 00 00 00 00 00 00 00 00 00 00 00 A4 69"
    )
    block = bench.ask("hamilton", bytes.fromhex("01 03 08 29 00 0A 16 65"))
    assert block[11:13] == b"\0\x10"


def test_part_of_an_arc_block_is_refused(bench: Bench) -> None:
    for part in ("01 03 08 2B 00 02", "01 03 08 29 00 02", "01 03 08 29 00 0B"):
        assert bench.ask("hamilton", seal(bytes.fromhex(part))) == seal(bytes.fromhex("01 83 02"))


@pytest.mark.parametrize("count", [0, 126, 0xFFFF])
def test_an_impossible_count_is_an_illegal_value(bench: Bench, count: int) -> None:
    request = bytes.fromhex("01 03 00 01") + count.to_bytes(2, "big")
    assert bench.ask("eurotherm", seal(request)) == seal(bytes.fromhex("01 83 03"))


def test_an_arc_forgets_its_level_at_a_restart(bench: Bench) -> None:
    bench.asked("hamilton", PH_LOGIN)
    bench.rig.fault("hamilton/1", "restart")
    bench.t_s += 5.0
    level = bench.ask("hamilton", seal(bytes.fromhex("01 03 10 BF 00 04")))
    assert level[3:7] == bytes.fromhex("00 03 00 00")


def test_an_arc_tells_its_firmware_as_text(bench: Bench) -> None:
    reply = bench.ask("hamilton", seal(bytes.fromhex("02 04 04 07 00 08")))
    assert reply[3:-2] == b"ODOUM102".ljust(16, b"\0")


def test_the_eurotherm_reads_five_values_with_one_decimal(bench: Bench) -> None:
    """Input 37.0, set point 37.0 in remote and the output its own affair."""
    bench.asked("eurotherm", "01 06 01 14 00 01 09 F2")
    bench.ask("eurotherm", seal(bytes.fromhex("01 06 00 1A 01 72")), wait_s=0.5)
    reply = bench.asked("eurotherm", "01 03 00 01 00 05 D4 09")
    assert reply.startswith("01 03 0A 01 72 01 72 00 00 00 00 01 72")


def test_the_eurotherm_float_region_is_high_word_first(bench: Bench) -> None:
    bench.plant.readings["jacket"] = 37.05
    assert bench.asked("eurotherm", "01 03 80 02 00 02 4C 0B") == "01 03 04 42 14 33 33 FA AA"


def test_a_broken_jacket_sensor_sets_bit_5(bench: Bench) -> None:
    bench.plant.readings["jacket"] = math.nan
    bench.ask("eurotherm", bytes.fromhex("01 03 00 01 00 05 D4 09"))
    assert bench.asked("eurotherm", "01 03 00 4B 00 01 F4 1C") == "01 03 02 00 20 B9 9C"


def test_the_jacket_falls_back_to_sp1_when_the_remote_set_point_is_not_refreshed(bench: Bench) -> None:
    bench.asked("eurotherm", "01 06 01 14 00 01 09 F2")
    bench.ask("eurotherm", bytes.fromhex("01 06 00 1A 01 77 E9 BB"))
    assert bench.plant.inputs.jacket_setpoint_c == 37.5
    bench.rig.advance(bench.t_s + 2.9)
    assert bench.plant.inputs.jacket_setpoint_c == 37.5
    bench.rig.advance(bench.t_s + 5.0)
    assert bench.plant.inputs.jacket_setpoint_c == 30.0
    bench.t_s += 5.0
    assert (
        bench.asked("eurotherm", "01 03 00 4B 00 01 F4 1C")
        == seal(bytes.fromhex("01 03 02 40 00")).hex(" ").upper()
    )


def test_eeprom_writes_are_counted_and_remote_ones_are_not(bench: Bench) -> None:
    for address in (2, 24, 25, 26):
        bench.ask("eurotherm", seal(bytes([1, 6, 0, address, 1, 0x72])))
    controller = bench.rig.instrument("eurotherm/1")
    assert isinstance(controller, Eurotherm3200)
    assert dict(controller.eeprom_writes) == {2: 1, 24: 1, 25: 1}


def test_relays_read_back_as_bits(bench: Bench) -> None:
    for relay in (0, 2):
        bench.ask("relay", seal(bytes([1, 5, 0, relay, 0xFF, 0])))
    assert bench.asked("relay", "01 01 00 00 00 08 3D CC") == "01 01 01 05 91 8B"


def test_a_flashed_relay_returns_by_itself(bench: Bench) -> None:
    bench.ask("relay", bytes.fromhex("01 05 02 00 00 07 8D B0"), wait_s=0.1)
    assert bench.plant.inputs.heater_enabled is True
    bench.rig.advance(3.0)
    assert bench.plant.inputs.heater_enabled is False


def test_every_relay_drops_at_power_up(bench: Bench) -> None:
    bench.asked("relay", "01 05 00 00 FF 00 8C 3A")
    bench.rig.fault("relay/1", "restart")
    relay = bench.rig.instrument("relay/1")
    assert isinstance(relay, WaveshareRelay8)
    assert list(relay.read(bench.t_s, 1, 0, 8)) == [0] * 8
    assert bench.plant.inputs.heater_enabled is False


def test_an_impossible_relay_value_and_address_are_refused(bench: Bench) -> None:
    assert bench.ask("relay", seal(bytes.fromhex("01 05 00 00 12 34"))) == seal(b"\1\x85\3")
    assert bench.ask("relay", seal(bytes.fromhex("01 05 00 08 FF 00"))) == seal(b"\1\x85\2")
    assert bench.ask("relay", seal(bytes.fromhex("01 2B 0E 01 00"))) == seal(b"\1\xab\1")


def test_the_boards_tell_address_and_version(bench: Bench) -> None:
    for line in ("relay", "analog"):
        assert bench.ask(line, seal(bytes.fromhex("01 03 40 00 00 01")))[3:5] == b"\0\1"
        assert bench.ask(line, seal(bytes.fromhex("01 03 80 00 00 01")))[3:5] == b"\0\xc8"


def test_12_ma_turns_the_stirrer_at_half_speed_and_20_1_ma_is_refused(bench: Bench) -> None:
    bench.asked("analog", "01 06 00 00 2E E0 95 E2")
    assert bench.plant.inputs.stir_rpm == pytest.approx(200.0, abs=0.1)
    assert bench.ask("analog", seal(bytes.fromhex("01 06 00 00 4E 84"))) == seal(b"\1\x86\3")
    assert bench.ask("analog", seal(bytes.fromhex("01 03 00 00 00 01")))[3:5] == bytes.fromhex("2E E0")


def test_an_ezo_acknowledges_c_0_and_falls_silent(bench: Bench) -> None:
    assert b"7.0" in bench.ask("ezo-ph", b"", wait_s=3.0)
    assert bench.asked("ezo-ph", "43 2C 30 0D").endswith("2A 4F 4B 0D")
    assert bench.ask("ezo-ph", b"", wait_s=30.0) == b""


@pytest.fixture
def quiet(bench: Bench) -> Bench:
    for line in ("ezo-ph", "ezo-do", "ezo-rtd"):
        bench.ask(line, b"C,0\r")
    return bench


def test_an_ezo_ph_reading_takes_0_9_s(quiet: Bench) -> None:
    quiet.plant.readings |= {"ph": 7.156, "ph_temperature": 25.0}
    line = quiet.rig.line("ezo-ph")
    line.write(quiet.t_s, b"R\r")
    assert line.next_at() == pytest.approx(quiet.t_s + 0.9)
    assert line.read(quiet.t_s + 0.8) == b""
    assert line.read(quiet.t_s + 0.95).hex(" ").upper() == "37 2E 31 35 36 0D 2A 4F 4B 0D"


def test_rt_compensates_and_reads(quiet: Bench) -> None:
    quiet.plant.readings |= {"ph": 7.081, "ph_temperature": 37.0}
    assert quiet.asked("ezo-ph", "52 54 2C 33 37 2E 30 0D") == "37 2E 30 38 31 0D 2A 4F 4B 0D"


def test_the_wrong_compensation_temperature_shows_in_the_ph(quiet: Bench) -> None:
    """12 K away from the liquid are 4 % of the distance to pH 7."""
    quiet.plant.readings |= {"ph": 8.0, "ph_temperature": 37.0}
    assert quiet.ask("ezo-ph", b"R\r").startswith(b"8.040\r")
    quiet.ask("ezo-ph", b"T,37.0\r")
    assert quiet.ask("ezo-ph", b"R\r").startswith(b"8.000\r")


def test_slope_and_a_bad_command_answer_as_printed(quiet: Bench) -> None:
    assert quiet.asked("ezo-ph", "53 6C 6F 70 65 2C 3F 0D") == (
        "3F 53 6C 6F 70 65 2C 39 39 2E 37 2C 31 30 30 2E 33 2C 2D 30 2E 38 39 0D 2A 4F 4B 0D"
    )
    assert quiet.asked("ezo-ph", "58 59 5A 0D") == "2A 45 52 0D"


def test_a_restarted_ezo_says_so_and_has_lost_its_temperature(quiet: Bench) -> None:
    quiet.ask("ezo-ph", b"T,37.0\r")
    quiet.rig.advance(quiet.t_s)
    quiet.rig.fault("ezo-ph/1", "restart")
    assert quiet.rig.line("ezo-ph").read(quiet.t_s + 0.1) == b"*RS\r"
    assert quiet.rig.line("ezo-ph").read(quiet.t_s + 1.1) == b"*RE\r"
    quiet.t_s += 2.0
    assert quiet.ask("ezo-ph", b"T,?\r") == b"?T,25\r*OK\r"
    assert quiet.ask("ezo-ph", b"status\r") == b"?Status,P,5.038\r*OK\r"


@pytest.mark.parametrize(
    ("line", "command", "reply"),
    [
        ("ezo-ph", b"i\r", b"?i,pH,2.16\r*OK\r"),
        ("ezo-do", b"I\r", b"?i,DO,2.13\r*OK\r"),
        ("ezo-rtd", b"i\r", b"?i,RTD,2.10\r*OK\r"),
        ("ezo-rtd", b"R\r", b"37.000\r*OK\r"),
        ("ezo-rtd", b"S,?\r", b"?S,c\r*OK\r"),
        ("ezo-do", b"O,?\r", b"?O,mg\r*OK\r"),
        ("ezo-do", b"P,?\r", b"?P,101.3\r*OK\r"),
        ("ezo-ph", b"Cal,low,4.00\r", b"*ER\r"),
        ("ezo-ph", b"Cal,mid\r", b"*ER\r"),
        ("ezo-ph", b"*OK,?\r", b"?*OK,1\r*OK\r"),
        ("ezo-ph", b"*OK,0\r", b""),
        ("ezo-ph", b"Export,?\r", b"?Export,10,120\r*OK\r"),
    ],
)
def test_an_ezo_answers_a_common_command(quiet: Bench, line: str, command: bytes, reply: bytes) -> None:
    assert quiet.ask(line, command, wait_s=3.0) == reply


def test_an_ezo_do_reports_what_it_was_told_to(quiet: Bench) -> None:
    quiet.ask("ezo-do", b"O,%,1\r")
    assert quiet.ask("ezo-do", b"R\r").endswith(b",40.2\r*OK\r")
    quiet.ask("ezo-do", b"O,mg,0\r")
    assert quiet.ask("ezo-do", b"R\r") == b"40.2\r*OK\r"
    quiet.ask("ezo-do", b"O,%,0\r")
    assert quiet.ask("ezo-do", b"R\r") == b"no output\r*OK\r"


def test_a_sleeping_ezo_loses_what_wakes_it(quiet: Bench) -> None:
    assert quiet.ask("ezo-rtd", b"Sleep\r") == b"*OK\r*SL\r"
    assert quiet.ask("ezo-rtd", b"R\r") == b"*WA\r"
    assert quiet.ask("ezo-rtd", b"R\r") == b"37.000\r*OK\r"


def test_old_ezo_firmware_shouts_its_prefixes(quiet: Bench) -> None:
    circuit = quiet.rig.instrument("ezo-ph/1")
    assert isinstance(circuit, AtlasEzo)
    circuit._old_prefixes = True
    assert quiet.ask("ezo-ph", b"Cal,?\r") == b"?CAL,0\r*OK\r"


def test_the_alicat_frame_has_seven_fields(bench: Bench) -> None:
    fields = bench.asked("alicat", "41 0D")
    assert bytes.fromhex(fields).split()[:3] == [b"A", b"+014.62", b"+025.48"]
    assert bytes.fromhex(fields).split()[5:] == [b"+000.00", b"Air"]


def test_ls_answers_present_and_requested_set_point(bench: Bench) -> None:
    assert bench.asked("alicat", "41 4C 53 20 32 35 30 0D") == (
        "41 20 2B 32 35 30 2E 30 30 20 2B 32 35 30 2E 30 30 20 31 32 20 53 43 43 4D 0D"
    )


def test_old_alicat_firmware_selects_gas_with_g_and_refuses_ls(bench: Bench) -> None:
    assert bench.ask("alicat", b"BG 4\r").split()[-1] == b"CO2"
    assert bench.ask("alicat", b"BLS 20\r") == b"?\r"
    assert bench.ask("alicat", b"BS 20\r").split()[5] == b"+020.00"
    assert bench.ask("alicat", b"BS20.5\r").split()[5] == b"+020.50"
    assert bench.ask("alicat", b"BS 201\r") == b"?\r"


def test_mass_flow_follows_with_a_lag_of_half_a_second(bench: Bench) -> None:
    bench.rig.advance(10.0)
    bench.t_s = 10.0
    bench.ask("alicat", b"ALS 100\r", wait_s=0.5)
    bench.rig.line("alicat").write(bench.t_s, b"A\r")
    assert bench.plant.inputs.air_ml_min == pytest.approx(100.0 * (1 - math.exp(-1)), rel=1e-6)
    bench.rig.advance(20.0)
    assert bench.plant.inputs.air_ml_min == pytest.approx(100.0)


def test_the_reading_carries_noise_of_a_fifth_of_a_percent(bench: Bench) -> None:
    bench.ask("alicat", b"ALS 100\r", wait_s=20.0)
    values = [float(bench.ask("alicat", b"A\r").split()[4]) for _ in range(400)]
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    assert mean == pytest.approx(100.0, abs=0.3)
    assert deviation == pytest.approx(1.0, rel=0.15)


def test_the_integer_set_point_is_noticed(bench: Bench) -> None:
    bench.ask("alicat", b"A32000\r", wait_s=20.0)
    mfc = bench.rig.instrument("alicat/A")
    assert isinstance(mfc, AlicatMfc)
    assert [text for _, text in mfc.log.events] == ["integer setpoint"]
    assert bench.ask("alicat", b"A\r").split()[5] == b"+250.00"


def test_saved_set_points_are_counted_and_come_back_at_power_up(bench: Bench) -> None:
    mfc = bench.rig.instrument("alicat/A")
    assert isinstance(mfc, AlicatMfc)
    bench.ask("alicat", b"ALS 80\r")
    assert mfc.saved_setpoints == 0
    assert bench.ask("alicat", b"ALSS S\r") == b"A S\r"
    bench.ask("alicat", b"ALS 90\r")
    bench.ask("alicat", b"ALSS U\r")
    bench.ask("alicat", b"ALS 70\r")
    bench.rig.fault("alicat/A", "restart")
    bench.t_s += 5.0
    assert mfc.saved_setpoints == 1
    assert bench.ask("alicat", b"A\r").split()[5] == b"+090.00"


def test_a_held_valve_closes_and_says_hld(bench: Bench) -> None:
    bench.ask("alicat", b"ALS 100\r", wait_s=10.0)
    assert bench.ask("alicat", b"AHC\r", wait_s=10.0).split()[-1] == b"HLD"
    bench.rig.advance(bench.t_s)
    assert bench.plant.inputs.air_ml_min == pytest.approx(0.0, abs=1e-3)
    assert bench.ask("alicat", b"AC\r").split()[-1] == b"Air"


def test_alicat_tables_have_one_row_a_field(bench: Bench) -> None:
    layout = bench.ask("alicat", b"A??D*\r").decode().split("\r")
    assert layout[0].startswith("A D00 ID_ NAME")
    assert layout[5] == "A D05 005 Mass Flow                  s decimal     7/2 012 02 SCCM"
    assert bench.ask("alicat", b"A??M*\r").count(b"\r") == 10
    assert b"A G08       N2\r" in bench.ask("alicat", b"A??G*\r")
    assert bench.ask("alicat", b"AVE\r") == b"A   10v20.0-R24 Jan  9 2025,15:04:07\r"
    assert bench.ask("alicat", b"AGS 4 0\r") == b"A 4 CO2\r"
    assert bench.ask("alicat", b"AFPF 5\r") == b"A +500.00 12 SCCM\r"
    assert bench.ask("alicat", b"AXYZ\r") == b"?\r"
    assert bench.ask("alicat", b"C\r") == b""


@pytest.mark.parametrize(
    ("request_hex", "reply_hex"),
    [
        ("31 4D 0D 0A", "2A"),
        ("31 66 32 35 30 30 2B 30 0D 0A", "32 35 30 30 45 2B 30 0D 0A"),
        ("31 53 30 30 31 32 33 34 0D 0A", "2A"),
        ("31 48 0D 0A", "2A"),
        ("31 45 0D 0A", "2D"),
        ("31 49 0D 0A", "2A"),
        ("31 5A 0D 0A", "23"),
    ],
)
def test_an_ismatec_example_answers_as_printed(bench: Bench, request_hex: str, reply_hex: str) -> None:
    assert bench.asked("ismatec", request_hex) == reply_hex


def test_a_started_ismatec_runs_on_without_its_controller(bench: Bench) -> None:
    for command in (b"1xE0", b"1M", b"1f2500+0", b"1H"):
        bench.ask("ismatec", command + b"\r\n", wait_s=0.1)
    assert bench.asked("ismatec", "31 45 0D 0A") == "2B"
    bench.rig.advance(3600.0)
    assert bench.plant.inputs.base_ml_min == 2.5


def test_an_ismatec_refuses_a_flow_beyond_its_tubing(bench: Bench) -> None:
    for command in (b"1M", b"1f6000+0"):
        bench.ask("ismatec", command + b"\r\n")
    assert bench.ask("ismatec", b"1H\r\n") == b"-"
    assert bench.ask("ismatec", b"1xe\r\n") == b"R5000E+0\r\n"
    assert bench.plant.inputs.base_ml_min == 0.0


def test_a_set_volume_ends_by_itself_with_an_event(bench: Bench) -> None:
    for command in (b"2O", b"2f4000+0", b"2v1000+0", b"2H"):
        bench.ask("ismatec", command + b"\r\n", wait_s=0.1)
    assert bench.plant.inputs.harvest_ml_min == 4.0
    bench.rig.advance(30.0)
    assert bench.plant.inputs.harvest_ml_min == 0.0
    assert bench.rig.line("ismatec").read(30.0) == b"^X2\r\n"
    bench.t_s = 31.0
    assert bench.ask("ismatec", b"2:\r\n") == b"1000E+0\r\n"


def test_small_ismatec_numbers_keep_four_digits(bench: Bench) -> None:
    assert bench.ask("ismatec", b"1f1200-2\r\n") == b"1200E-2\r\n"
    assert bench.ask("ismatec", b"1f0000+0\r\n") == b"0000E+0\r\n"


def test_the_described_device_answers_over_rtu_and_tcp(bench: Bench) -> None:
    reply = bench.ask("map-tcp", bytes.fromhex("00 2A 00 00 00 06 01 04 00 00 00 02"))
    assert reply.hex(" ").upper() == "00 2A 00 00 00 07 01 04 04 40 00 00 00"
    assert bench.ask("map-rtu", seal(bytes.fromhex("07 04 00 64 00 03")))[3:-2] == bytes.fromhex(
        "00 7D 00 00 3F 80"
    )
    assert bench.ask("map-rtu", seal(bytes.fromhex("07 04 00 64 00 04"))) == seal(bytes.fromhex("07 84 02"))


def test_what_is_written_to_the_described_device_stays_and_drives(bench: Bench) -> None:
    bench.ask("map-tcp", bytes.fromhex("00 01 00 00 00 06 01 06 00 00 00 96"))
    assert bench.plant.inputs.feed_ml_min == pytest.approx(1.5)
    bench.ask("map-tcp", bytes.fromhex("00 02 00 00 00 0B 01 10 00 0A 00 02 04 FF FE FF FF"))
    reply = bench.ask("map-tcp", bytes.fromhex("00 03 00 00 00 06 01 03 00 0A 00 02"))
    assert reply[-4:] == bytes.fromhex("FF FE FF FF")
    half = bench.ask("map-tcp", bytes.fromhex("00 04 00 00 00 06 01 06 00 0B 00 01"))
    assert half[-2:] == b"\x86\2"
    across = bench.ask("map-tcp", bytes.fromhex("00 05 00 00 00 0B 01 10 00 0B 00 02 04 00 01 00 01"))
    assert across[-2:] == b"\x90\2"
    bench.ask("map-tcp", bytes.fromhex("00 05 00 00 00 06 01 05 00 00 FF 00"))
    assert bench.ask("map-tcp", bytes.fromhex("00 06 00 00 00 06 01 01 00 00 00 01"))[-1:] == b"\1"


@pytest.fixture
def laboratory() -> Bench:
    return Bench("laboratory")


LABORATORY_EXAMPLES = [
    ("scale", b"SI\r\n", b"S D     2000.0 g\r\n"),
    ("scale", b"S\r\n", b"S I\r\n"),
    ("scale", b"Z\r\n", b"Z A\r\n"),
    ("scale", b"XX\r\n", b"ES\r\n"),
    ("pump", b"1ZY\r", b"1ZY\r0\r"),
    ("pump", b"1RS\r", b"1RS\r520Du 0.50 520R 9.6MM 10.0 CW P/N 1 0 0 !"),
    ("pump", b"2RS\r", b""),
    ("pump", b"#ST\r", b"#ST\r"),
    ("small-pump", b"1RS\r", b"323Du 10 CW 0 !"),
    ("stirrer", b"IN_NAME \r\n", b"Microstar C \r\n"),
    ("stirrer", b"IN_PV_4 \r\n", b"0.0 4 \r\n"),
    ("stirrer", b"OUT_SP_4 80 \r\n", b""),
    ("stirrer", b"OUT_WD1@19 \r\n", b""),
    ("bath", b"IN_PV_00\r", b"37.00\r\n"),
    ("bath", b"STATUS\r", b"02 REMOTE STOP\r\n"),
    ("bath", b"OUT_SP_00 37.50\r", b""),
    ("thermostat", b"{M01****\r\n", b"{S010E74\r\n"),
    ("thermostat", b"{M000EA6\r\n", b"{S000EA6\r\n"),
    ("thermostat", b"{M140001\r\n", b"{S140001\r\n"),
    ("thermostat", b"{M7F****\r\n", b"{S7F7FFF\r\n"),
    ("thermostat", b"M01****\r\n", b""),
    ("propar", b":06800401200120\r\n", b":06800201200000\r\n"),
    ("propar", b":06800101213E80\r\n", b":0480000005\r\n"),
    ("propar", b":058001010412\r\n", b":0480000004\r\n"),
    ("propar", b":06800401400140\r\n", b":0480000505\r\n"),
    ("propar", b":0680040120\r\n", b":0104\r\n"),
    (
        "gas",
        seal(bytes.fromhex("01 10 03 F1 00 02 04 43 7A 00 00")),
        bytes.fromhex("01 10 03 F1 00 02 10 7F"),
    ),
    (
        "gas",
        bytes.fromhex("01 10 03 E7 00 02 04 00 01 00 04 F8 F2"),
        bytes.fromhex("01 10 03 E7 00 02 F1 BB"),
    ),
    ("gas", seal(bytes.fromhex("02 03 04 B0 00 0A")), seal(bytes.fromhex("02 83 02"))),
]


@pytest.mark.parametrize(("line", "request_bytes", "reply"), LABORATORY_EXAMPLES)
def test_a_worked_example_of_the_laboratory_gives_the_reply_of_its_manual(
    laboratory: Bench, line: str, request_bytes: bytes, reply: bytes
) -> None:
    assert laboratory.ask(line, request_bytes) == reply


def test_what_a_special_command_of_an_alicat_came_to_is_read_back(laboratory: Bench) -> None:
    laboratory.asked("gas", "01 10 03 E7 00 02 04 00 01 00 04 F8 F2")
    assert laboratory.asked("gas", "01 03 03 E7 00 02 74 78") == "01 03 04 00 01 00 00 AB F3"
    laboratory.ask("gas", seal(bytes.fromhex("01 10 03 E7 00 02 04 00 01 00 63")))
    assert laboratory.asked("gas", "01 03 03 E7 00 02 74 78") == "01 03 04 00 01 80 02 4B F2"


def test_a_julabo_tells_once_what_was_wrong_and_loses_what_comes_too_soon(laboratory: Bench) -> None:
    laboratory.ask("bath", b"OUT_SP_00 400.00\r")
    assert laboratory.ask("bath", b"STATUS\r") == b"-11 VALUE TOO LARGE\r\n"
    assert laboratory.ask("bath", b"STATUS\r") == b"02 REMOTE STOP\r\n"
    laboratory.ask("bath", b"OUT_SP_00 37.00\r", wait_s=0.1)
    assert laboratory.ask("bath", b"IN_SP_00\r") == b""
    assert laboratory.ask("bath", b"IN_SP_00\r") == b"37.00\r\n"


def test_a_bronkhorst_in_purge_is_wide_open(laboratory: Bench) -> None:
    laboratory.ask("propar", b":058001010408\r\n")
    laboratory.rig.advance(60.0)
    assert laboratory.plant.inputs.n2_ml_min == pytest.approx(200.0)
