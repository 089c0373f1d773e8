"""What turns counts and times into figures, on made-up data; and that the experiments see what they look for."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgectl.core.initial import initial_state
from edgectl.model.image import Image
from edgectl.model.instant import Instant
from edgectl.model.journal import ScanEntry
from edgectl.model.measurement import Measurement, Sample
from edgectl.model.quality import DeviceStatus, Quality
from edgectl.store.record import ScanInput
from tests.bench import fault, recovery, tick
from tests.bench.__main__ import TARGETS, main
from tests.bench.bus import efficiency, plan, truth, wire_s
from tests.bench.stage import drift_ms_per_min, lateness_us, offsets_us, quantile, skipped
from tests.bench.verdict import Verdict
from tests.bench.wire import Tally

PERIOD_S = 0.01


def scan(number: int, at_us: int, periods: int = 1, samples: tuple[Sample, ...] = ()) -> ScanInput:
    return ScanInput(number, Instant(at_us * 1000, 0), periods * PERIOD_S, samples, (), (), b"")


def test_a_late_scan_is_late_by_its_own_place_on_the_grid() -> None:
    """The first scan was 300 us late, the third 12 ms late and so took the place of the fourth, which was skipped."""
    recorded = [scan(1, 300), scan(2, 10_000), scan(3, 32_000, periods=1), scan(4, 40_050, periods=2)]
    offsets = offsets_us(recorded, PERIOD_S)
    assert offsets == pytest.approx([-300, 11_700, -250])
    assert lateness_us(offsets) == pytest.approx([0, 50, 12_000])
    assert skipped(recorded, PERIOD_S) == 1


def test_scans_missing_from_the_journal_are_not_guessed() -> None:
    with pytest.raises(ValueError, match="from scan 2 to 4"):
        offsets_us([scan(1, 0), scan(2, 10_000), scan(4, 30_000)], PERIOD_S)


def test_a_clock_that_loses_a_microsecond_a_tick_drifts_by_six_milliseconds_a_minute() -> None:
    recorded = [scan(n, n * 10_001) for n in range(1000)]
    assert drift_ms_per_min(offsets_us(recorded, PERIOD_S), PERIOD_S) == pytest.approx(6.0)
    single = [scan(n, n * 10_000 + (5_000 if n == 999 else 0)) for n in range(1000)]
    assert drift_ms_per_min(offsets_us(single, PERIOD_S), PERIOD_S) == pytest.approx(0.0, abs=1e-6)


def test_a_quantile_is_one_of_the_values() -> None:
    values = [float(n) for n in range(1000)]
    assert [quantile(values, share) for share in (0.0, 0.5, 0.999, 1.0)] == [0.0, 500.0, 999.0, 999.0]


def test_the_wire_limit_of_a_cycle_is_the_one_of_the_standard() -> None:
    """20 requests of 33 characters of 11 bits, and two silences of 3.5 characters, fixed at 1.75 ms above 19200 baud."""
    assert [round(20e3 * wire_s(baud), 1) for baud in (9600, 19200, 115200)] == [916.7, 458.3, 133.0]
    assert efficiency(20, 9600, 20 * wire_s(9600)) == pytest.approx(1.0)
    assert efficiency(49, 9600, 100 * wire_s(9600)) == pytest.approx(0.49)


def test_a_request_given_up_or_not_answered_is_lost() -> None:
    assert Tally(100, 100, 0, 1.0).lost == 0
    assert Tally(100, 97, 0, 1.0).lost == 3
    assert Tally(100, 100, 0, 1.0, unanswered=2).lost == 2


def test_a_histogram_of_cyclictest_is_read_with_what_lies_beyond_it(tmp_path: Path) -> None:
    text = "# Histogram\n" + "".join(f"{us:06d} {count:06d}\n" for us, count in ((10, 990), (20, 9), (90, 1)))
    (tmp_path / "out").write_text(text + "# Max Latencies: 00250\n")
    assert tick.read_cyclictest(tmp_path / "out") == tick.Late(10.0, 90.0, 250.0)
    assert tick.read_cyclictest(tmp_path / "none") is None


def test_an_undisturbed_bus_gives_every_value_and_no_wrong_one() -> None:
    witness, struck = fault.storm((), 5.0)
    assert witness.values.keys() == truth().keys()
    assert not witness.wrong
    assert struck == 0


def test_a_wrong_value_on_the_bus_is_seen() -> None:
    """One register says another number from the third second on, with a right checksum."""
    witness, _ = fault.storm(
        (), 5.0, lambda plant: [(3.0, lambda: plant.readings.update({"i7r105": 7106.0}))]
    )
    assert {channel for channel, _ in witness.wrong} == {"i7.r105"}
    assert set(witness.wrong.values()) == {7106.0}


def test_a_tag_with_a_wrong_value_is_seen() -> None:
    """Judged measurements are held against the truth as well: here the samples tell nothing."""
    judged = Measurement("i1_r0", 1100.0, Quality.UNCERTAIN, "", Instant(5, 0))
    entry = ScanEntry(
        1, Instant(9, 0), 0.1, (), (), (), (judged,), (), (), (), Image(), initial_state(plan(fault.BAUD))
    )
    witness = fault.Witness(truth())
    witness.scan(entry)
    assert witness.wrong == {("i1.r0", 5): 1100.0}


def test_strikes_are_counted_once_each() -> None:
    """Every answer of the bus is flipped: no value is believed, and about as many strikes as requests were counted."""
    witness, struck = fault.storm((("flip", {"rate": 1.0}),), 10.0)
    assert not witness.values
    assert 20 <= struck <= 200


def test_cancelled_requests_leave_true_values_behind() -> None:
    witness, cut_short = fault.cancelled(300)
    assert cut_short > 100
    assert witness.values
    assert not witness.wrong


def test_a_drop_counts_to_the_first_record_after_it_and_a_return_to_the_last_instrument() -> None:
    assert recovery.first_after([100, 900, 2000], 850) == 50

    def sample(unit: int, at_us: int) -> Sample:
        return Sample(f"i{unit}.value", 1.0, DeviceStatus.GOOD, "", Instant(at_us * 1000, 0))

    early = tuple(sample(unit, 5) for unit in range(1, 11))
    some = tuple(sample(unit, 20) for unit in range(1, 10))
    recorded = [
        scan(1, 15, samples=early),
        scan(2, 25, samples=some),
        scan(3, 35, samples=(sample(10, 30),)),
    ]
    assert recovery.back_ns(recorded, 10_000) == 35_000
    with pytest.raises(ValueError, match=r"i10\.value"):
        recovery.back_ns(recorded[:2], 10_000)


def test_the_table_says_met_missed_or_why_not_judged() -> None:
    rows = [Verdict("G1", "c", "f", "a", met, "because").row() for met in (True, False, None)]
    words = ("met", "**missed**", "not judged")
    assert [row.split(" | ")[-1] for row in rows] == [f"{word} because |" for word in words]


def test_an_unknown_target_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--only", "G6,G99"])
    assert ended.value.code == 2
    assert "no target G99" in capsys.readouterr().err
    assert "G99" not in TARGETS
