"""Whoever reads the log, the journal or the status knows in time that a certificate ends, and is told each time once."""

from __future__ import annotations

import asyncio
import base64
import random
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edgectl.clock import virtual_run
from edgectl.uplink.certificate import end_of, end_of_file
from edgectl.uplink.expiry import LOOK_S, Expiry
from tests.uplink.authority import Authority

NS = 1_000_000_000
DAY_S = 86_400


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    found = Authority(tmp_path_factory.mktemp("pki") / "site")
    found.client("BR-1", days=40)
    return found


@pytest.fixture
def file(authority: Authority, tmp_path: Path) -> str:
    return shutil.copy(authority.file("BR-1.pem"), str(tmp_path / "own.pem"))


class Watched:
    """An expiry on a made-up clock, with what it noted and logged."""

    def __init__(self, file: str, now_s: float) -> None:
        self.now_s = now_s
        self.notes: list[str] = []
        self.expiry = Expiry(file, lambda: round(self.now_s * NS), self.notes.append)

    def at(self, now_s: float) -> list[str]:
        """What the log says at a look then."""
        self.now_s = now_s
        with capture_logs() as logs:
            self.expiry.look()
        return [f"{line['log_level']}: {line['state']}" for line in logs]


def days_before(end_s: int, days: float) -> float:
    return end_s - days * DAY_S


def test_the_end_is_the_one_that_openssl_reads(authority: Authority) -> None:
    """Of short and long lengths, of UTCTime and (from 2050 on) GeneralizedTime."""
    authority.client("long" * 15, days=365 * 40)
    for name in ("ca", "BR-1", "long" * 15):
        said = subprocess.run(
            ["openssl", "x509", "-enddate", "-noout", "-dateopt", "iso_8601", "-in", authority.file(f"{name}.pem")],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        end = datetime.fromisoformat(said.strip().removeprefix("notAfter=")).replace(tzinfo=UTC)
        assert end_of_file(authority.file(f"{name}.pem")) == end.timestamp()


def test_of_a_chain_the_first_counts_and_a_key_before_it_does_not_matter(
    authority: Authority, tmp_path: Path
) -> None:
    parts = [Path(authority.file(name)).read_text() for name in ("BR-1.key", "BR-1.pem", "ca.pem")]
    (tmp_path / "chain.pem").write_text("".join(parts))
    assert end_of_file(str(tmp_path / "chain.pem")) == end_of_file(authority.file("BR-1.pem"))


def damaged(authority: Authority) -> Iterator[bytes]:
    text = Path(authority.file("BR-1.pem")).read_text()
    whole = base64.b64decode("".join(text.splitlines()[1:-1]))
    chance = random.Random(1)
    yield from (whole[:size] for size in range(len(whole)))
    for _ in range(2000):
        spoiled = bytearray(whole)
        spoiled[chance.randrange(120)] = chance.randrange(256)
        yield bytes(spoiled)


def test_a_damaged_certificate_is_refused_or_still_has_a_date(authority: Authority) -> None:
    """No truncation and no changed byte does anything else, and nothing loops."""
    refused = 0
    for der in damaged(authority):
        try:
            assert isinstance(end_of(der), int)
        except (ValueError, IndexError):
            refused += 1
    assert refused > 500


@pytest.mark.parametrize(
    "text", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", None]
)
def test_a_file_that_cannot_be_read_is_named(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "own.pem"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=r"own\.pem: "):
        end_of_file(str(path))
    watched = Watched(str(path), 0.0)
    assert [line.partition(": ")[0] for line in watched.at(0.0) + watched.at(60.0)] == ["warning"]
    assert watched.notes[-1].startswith("own certificate cannot be read")
    assert watched.expiry.days is None


def test_each_threshold_is_told_once(file: str) -> None:
    end_s = end_of_file(file)
    watched = Watched(file, days_before(end_s, 31))
    told: dict[float, list[str]] = {}
    for days in (31, 30.01, 30, 29.99, 7.01, 7, 6, 1.01, 1, 0.5, 0.01, 0, -0.01, -5):
        if said := watched.at(days_before(end_s, days)):
            told[days] = said
    day = f"{datetime.fromtimestamp(end_s, UTC):%Y-%m-%d %H:%M} UTC"
    assert told == {
        30: [f"warning: own certificate own.pem ends on {day}, in less than 30 days: renew it"],
        7: [f"warning: own certificate own.pem ends on {day}, in less than 7 days: renew it"],
        1: [f"warning: own certificate own.pem ends on {day}, in less than 1 day: renew it"],
        0: [
            f"warning: own certificate own.pem ended on {day}: the next connection will be refused; renew it"
        ],
    }
    assert list(dict.fromkeys(watched.notes)) == [
        "",
        *(line.removeprefix("warning: ") for [line] in told.values()),
    ]


def test_a_clock_that_wanders_tells_nothing_twice(file: str) -> None:
    end_s = end_of_file(file)
    watched = Watched(file, 0.0)
    said = [watched.at(days_before(end_s, days)) for days in (6.9, 7.1, 31, 6.9, 29)]
    assert [len(lines) for lines in said] == [1, 0, 0, 0, 0]


def test_a_new_process_tells_again_and_only_of_the_last_threshold(file: str) -> None:
    end_s = end_of_file(file)
    for _ in range(2):
        watched = Watched(file, 0.0)
        assert ["less than 7 days" in line for line in watched.at(days_before(end_s, 3))] == [True]


def test_whole_days_are_counted_and_go_below_nought(file: str) -> None:
    end_s = end_of_file(file)
    watched = Watched(file, 0.0)
    for left, days in ((30.0, 30), (29.99, 29), (0.99, 0), (-0.01, -1), (-3.0, -3)):
        watched.at(days_before(end_s, left))
        assert watched.expiry.days == days
    assert Watched("", 0.0).expiry.days is None


def test_a_renewed_file_counts_without_a_restart(file: str, authority: Authority) -> None:
    end_s = end_of_file(file)
    watched = Watched(file, 0.0)
    now_s = days_before(end_s, 3)
    watched.at(now_s)
    authority.client("BR-2", days=100)
    shutil.copy(authority.file("BR-2.pem"), file)
    [line] = watched.at(now_s)
    assert line.startswith("info: own certificate own.pem was renewed: it ends on ")
    assert watched.notes[-1] == ""
    assert watched.expiry.days == 63
    assert "less than 7 days" in watched.at(days_before(end_of_file(file), 5))[0], "thresholds count anew"


def test_what_a_broker_shows_is_warned_of_too_each_by_itself(file: str) -> None:
    end_s = end_of_file(file)
    watched = Watched(file, 0.0)
    assert watched.at(days_before(end_s, 3)) != []
    with capture_logs() as logs:
        watched.expiry.met("b1:8883", end_s)
        watched.expiry.met("b1:8883", end_s)
        watched.expiry.met("b2:8883", end_s + 60 * DAY_S)
        watched.expiry.met("plain:1883", None)
    assert [line["state"].partition(" ends")[0] for line in logs] == [
        "certificate of b1:8883",
    ]
    assert "; certificate of b1:8883" in watched.notes[-1]


def test_the_file_is_looked_at_every_minute_and_at_every_threshold(file: str) -> None:
    end_s = end_of_file(file)
    looks: list[float] = []

    async def watch() -> None:
        loop = asyncio.get_running_loop()
        begun_s, from_s = loop.time(), days_before(end_s, 7) - 90.5
        expiry = Expiry(
            file,
            lambda: round((from_s + loop.time() - begun_s) * NS),
            lambda _: looks.append(loop.time() - begun_s),
        )
        task = asyncio.create_task(expiry.run())
        await asyncio.sleep(200)
        task.cancel()
        await asyncio.wait({task})

    virtual_run(watch())
    assert looks == pytest.approx([0.0, LOOK_S, 90.5, 90.5 + LOOK_S], abs=0.1)
