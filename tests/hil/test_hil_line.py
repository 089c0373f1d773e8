"""A line's arithmetic: framing, wire time, silence, and many clients on one bus."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from hil.framing import AsciiFraming, RtuFraming, TcpFraming
from hil.line import Line
from hil.modbus import seal
from hil.rig import Rig, RigError
from hil.still import StillPlant

READ_PH = seal(bytes.fromhex("01 03 08 29 00 0A"))
CHARACTER_S = 11 / 19200
SILENCE_S = 3.5 * CHARACTER_S
TURNAROUND_S = 0.010


def paced(*, strict: bool = False) -> Line:
    return Rig.load("demo", paced=True, strict=strict, plant=StillPlant()).line("probes")


def pieces(line: Line) -> list[tuple[float, bytes]]:
    found = []
    while (at_s := line.next_at()) is not None:
        found.append((at_s, line.read(at_s)))
    return found


def test_a_reply_takes_request_silence_turnaround_and_its_own_characters() -> None:
    line = paced()
    line.write(1.0, READ_PH)
    found = pieces(line)
    begin_s = 1.0 + 8 * CHARACTER_S + SILENCE_S + TURNAROUND_S
    assert found[0][0] == pytest.approx(begin_s + CHARACTER_S)
    assert found[-1][0] == pytest.approx(begin_s + 25 * CHARACTER_S)
    assert sum(len(data) for _, data in found) == 25


@pytest.mark.parametrize(("baud", "largest"), [(9600, 1), (19200, 1), (115200, 10)])
def test_pieces_never_outrun_the_wire(tmp_path: Path, baud: int, largest: int) -> None:
    text = (Path(__file__).parents[2] / "hil/rigs/demo.toml").read_text()
    rig_file = tmp_path / "fast.toml"
    rig_file.write_text(text.replace("baud = 19200\nbits = 11", f"baud = {baud}\nbits = 11"))
    line = Rig.load(rig_file, paced=True, plant=StillPlant()).line("probes")
    line.write(1.0, READ_PH)
    found = pieces(line)
    assert max(len(data) for _, data in found) == largest
    for (earlier_s, _), (later_s, data) in itertools.pairwise(found):
        assert later_s - earlier_s == pytest.approx(len(data) * 11 / baud)


def test_a_request_after_3_5_characters_of_silence_is_heard_on_a_strict_bus() -> None:
    line = paced(strict=True)
    line.write(1.0, READ_PH)
    end_s = pieces(line)[-1][0]
    line.write(end_s + SILENCE_S, READ_PH)
    assert len(b"".join(data for _, data in pieces(line))) == 25
    assert line.counts["short_gaps"] == 0


@pytest.mark.parametrize("gap_s", [0.0, 0.5 * SILENCE_S, 0.99 * SILENCE_S])
def test_a_request_too_soon_after_a_reply_is_counted_and_on_a_strict_bus_lost(gap_s: float) -> None:
    for strict in (False, True):
        line = paced(strict=strict)
        line.write(1.0, READ_PH)
        end_s = pieces(line)[-1][0]
        line.write(end_s + gap_s, READ_PH)
        assert bool(pieces(line)) is not strict
        assert line.counts["short_gaps"] == 1


def test_a_request_that_talks_into_a_reply_is_lost_on_a_strict_bus() -> None:
    line = paced(strict=True)
    line.write(1.0, READ_PH)
    line.read(1.0 + 0.020)
    line.write(1.0 + 0.020, READ_PH)
    assert line.counts["short_gaps"] == 1


def test_the_silence_above_19200_baud_is_1_75_ms() -> None:
    line = paced()
    line.take_pace(115200, 11, strict=True)
    line.write(1.0, READ_PH)
    end_s = pieces(line)[-1][0]
    line.write(end_s + 1.74e-3, READ_PH)
    assert line.counts["short_gaps"] == 1
    line.write(end_s + 1.0, READ_PH)
    assert line.counts["short_gaps"] == 1


def test_an_unpaced_line_counts_no_gaps_and_answers_whole() -> None:
    line = Rig.load("demo", plant=StillPlant()).line("probes")
    line.write(1.0, READ_PH)
    assert [(round(at_s, 6), len(data)) for at_s, data in pieces(line)] == [(1.0 + TURNAROUND_S, 25)]
    line.write(1.0 + TURNAROUND_S, READ_PH)
    assert line.counts["short_gaps"] == 0
    assert line.counts["requests"] == line.counts["replies"] == 2


def test_a_request_may_arrive_in_pieces() -> None:
    line = Rig.load("demo", plant=StillPlant()).line("probes")
    line.write(1.0, READ_PH[:3])
    line.write(1.001, READ_PH[3:])
    assert len(line.read(2.0)) == 25


def test_half_a_request_is_forgotten_when_the_line_falls_silent() -> None:
    line = Rig.load("demo", plant=StillPlant()).line("probes")
    line.write(1.0, READ_PH[:3])
    line.write(1.2, READ_PH)
    assert len(line.read(2.0)) == 25


def test_a_request_with_a_bad_checksum_gets_no_answer_and_is_counted() -> None:
    line = Rig.load("demo", plant=StillPlant()).line("probes")
    for position in range(8 * len(READ_PH)):
        wrong = bytearray(READ_PH)
        wrong[position // 8] ^= 1 << position % 8
        line.write(10.0 + position, bytes(wrong))
        assert line.read(10.9 + position) == b""
    assert line.counts["replies"] == 0
    line.write(1000.0, READ_PH)
    assert len(line.read(1001.0)) == 25


def test_nobody_answers_a_broadcast_but_everybody_obeys() -> None:
    plant = StillPlant()
    rig = Rig.load("demo", plant=plant)
    rig.line("utility").write(1.0, seal(bytes.fromhex("00 05 00 00 FF 00")))
    assert rig.line("utility").read(2.0) == b""
    assert plant.inputs.heater_enabled is True


def test_tcp_requests_in_flight_are_answered_under_their_own_numbers() -> None:
    line = Rig.load("demo", plant=StillPlant()).line("cell")
    one = bytes.fromhex("00 01 00 00 00 06 01 04 00 00 00 02")
    two = bytes.fromhex("00 02 00 00 00 06 01 04 00 04 00 01")
    line.write(1.0, one + two[:5])
    line.write(1.0, two[5:])
    assert line.read(2.0) == bytes.fromhex("00 01 00 00 00 07 01 04 04 40 00 00 00") + bytes.fromhex(
        "00 02 00 00 00 05 01 04 02 00 7D"
    )


def test_each_tcp_client_gets_its_own_replies() -> None:
    line = Rig.load("demo", plant=StillPlant()).line("cell")
    first, second = line.session(), line.session()
    first.write(1.0, bytes.fromhex("00 01 00 00 00 06 01 04 00 00 00 01"))
    second.write(1.0, bytes.fromhex("00 07 00 00 00 06 01 04 00 00 00 01"))
    assert first.read(2.0)[:2] == b"\0\1"
    assert second.read(2.0)[:2] == b"\0\7"


@pytest.mark.parametrize("framing", [RtuFraming, TcpFraming, AsciiFraming])
def test_rubbish_without_end_takes_no_memory(framing: type[RtuFraming | TcpFraming | AsciiFraming]) -> None:
    feeder = framing()
    for _ in range(1000):
        feeder.feed(b"\x55\xaa\x10\x01\x02" * 20)
    assert len(feeder._buffer) < 1000
    assert feeder.bad_frames > 0


def test_a_line_feed_does_not_matter_to_text() -> None:
    framing = AsciiFraming()
    assert [request.body for request in framing.feed(b"1H\r\nA\r\r\nB")] == [b"1H", b"A", b""]
    assert [request.body for request in framing.feed(b"C\r")] == [b"BC"]


def test_a_rig_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(RigError, match="bench, bus, demo"):
        Rig.load("dmeo")


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ('kind = "hamilton-ph-arc"', 'kind = "hamilton-ph"', "hamilton-ph-arc"),
        ("sp1 = 30.0", "sp = 30.0", "sp1 is missing"),
        ("max_ml_min = 5.0", "max_ml_min = 5.0\nmin_ml_min = 1", "unknown keys min_ml_min"),
    ],
)
def test_a_wrong_rig_file_says_what_is_wrong(tmp_path: Path, old: str, new: str, hint: str) -> None:
    text = (Path(__file__).parents[2] / "hil/rigs/demo.toml").read_text()
    rig_file = tmp_path / "wrong.toml"
    rig_file.write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError, match=hint):
        Rig.load(rig_file)
