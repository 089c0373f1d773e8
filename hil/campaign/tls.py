"""Certificates: those of the broker (B07), and the own one (B08)."""

from __future__ import annotations

import subprocess
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hil.campaign.bed import STILL
from hil.campaign.row import Finding, Row, Skip
from hil.campaign.uplink import mosquitto

if TYPE_CHECKING:
    from pathlib import Path

    from hil.campaign.stage import Stage


def _openssl(folder: Path, *words: str) -> None:
    try:
        subprocess.run(("openssl", *words), cwd=folder, check=True, capture_output=True)
    except FileNotFoundError:
        raise Skip("openssl is not installed: apt-get install openssl") from None


_DAY_S = 86_400
_LEAD_S = 20.0  # a unit is in control and connected by then
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def _authority(folder: Path, name: str) -> None:
    subject = ("-subj", f"/CN={name}")
    _openssl(
        folder, "req", "-x509", *_KEY, *subject, "-days", "2", "-keyout", f"{name}.key", "-out", f"{name}.pem"
    )


def _issue(folder: Path, name: str, host: str, issuer: str, *when: str) -> None:
    """A certificate for a host; `when` are the words of `openssl x509` that say how long it is good."""
    _openssl(
        folder,
        *("req", *_KEY, "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"),
        *("-keyout", f"{name}.key", "-out", f"{name}.csr"),
    )
    _openssl(
        folder,
        *("x509", "-req", "-in", f"{name}.csr", "-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key"),
        *("-copy_extensions", "copy", "-out", f"{name}.pem", *when),
    )


def _sessions(stage: Stage) -> int:
    """How many MQTT sessions the broker has opened, by its own log."""
    log = (stage.folder / "broker.log").read_text(errors="replace")
    return sum("New client connected" in line and "hil-" not in line for line in log.splitlines())


def _distrusted(stage: Stage) -> Finding:
    """The unit trusts `site`. The good certificate comes last, so that silence before it means refusal."""
    stage.start_bench()
    folder = stage.folder
    for name in ("site", "stranger"):
        _authority(folder, name)
    _issue(folder, "expired", "localhost", "site", "-days", "-1")
    _issue(folder, "elsewhere", "broker.example", "site", "-days", "1")
    _issue(folder, "unknown", "localhost", "stranger", "-days", "1")
    _issue(folder, "good", "localhost", "site", "-days", "1")
    words = {"uplink.host": "localhost", "uplink.tls": "true", "uplink.ca_file": str(folder / "site.pem")}
    opened, named, wanted = {}, {}, {"expired": "expired", "elsewhere": "mismatch", "unknown": "issuer"}
    for kind in (*wanted, "good"):
        files = f"certfile {folder}/{kind}.pem\nkeyfile {folder}/{kind}.key"
        before = _sessions(stage) if (folder / "broker.log").exists() else 0
        mosquitto(stage, f"allow_anonymous true\nuser root\n{files}", ear=False)
        stage.state = folder / f"state-{kind}"
        said = (folder / "run.log").stat().st_size if stage.unit else 0
        stage.start_unit(words)
        stage.await_control()
        stage.until(lambda before=before: _sessions(stage) > before, 8.0 * stage.bed.clock)  # type: ignore[misc]
        opened[kind] = _sessions(stage) - before
        named[kind] = (folder / "run.log").read_bytes()[said:].decode(errors="replace")
        stage.stop_unit()
        assert stage.broker is not None
        stage.broker.end()
        time.sleep(0.2)
    untold = [kind for kind, word in wanted.items() if word not in named[kind].lower()]
    return Finding(
        f"sessions at the broker: {opened}; reason not named: {untold or 'none'}",
        [opened[kind] for kind in wanted] == [0, 0, 0] and opened["good"] >= 1 and not untold,
        "revoked is not judged: the product reads no revocation lists",
    )


_ENDINGS = """[ca]
default_ca = exact
[exact]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""


def _ending(folder: Path, name: str, end_s: float) -> None:
    """A client's certificate of `site` that ends at a second of UTC, which `openssl x509` cannot make."""
    (folder / "exact.cnf").write_text(_ENDINGS)
    (folder / "index.txt").touch()
    begun, ended = (f"{datetime.fromtimestamp(s, UTC):%Y%m%d%H%M%SZ}" for s in (end_s - 400 * _DAY_S, end_s))
    _openssl(folder, "req", *_KEY, "-subj", "/CN=BR-DEMO", "-keyout", "next.key", "-out", "next.csr")
    _openssl(
        folder,
        *("ca", "-batch", "-notext", "-config", "exact.cnf", "-cert", "site.pem", "-keyfile", "site.key"),
        *("-startdate", begun, "-enddate", ended, "-in", "next.csr", "-out", "next.pem"),
    )
    for kind in ("key", "pem"):
        (folder / f"next.{kind}").replace(folder / f"{name}.{kind}")


def _notices(stage: Stage, after: int) -> list[str]:
    """The words of every notice in the journal since a record, in order."""
    return [str(event.body["reason"]) for event in stage.journal.events(after, kind="notice")]


def _crossings(stage: Stage, words: dict[str, str], days: int, wanted: tuple[str, ...]) -> str:
    """One start of the unit before a threshold, and what it said until it was passed; what is wrong with that."""
    end_s = int(time.time()) + days * _DAY_S + _LEAD_S
    _ending(stage.folder, "own", end_s)
    begun = stage.journal.last() if stage.unit else 0
    stage.start_unit(words)
    stage.await_control()
    stage.until(lambda: len(_notices(stage, begun)) >= len(wanted), 4.0 * _LEAD_S * stage.bed.clock)
    early = time.time() < end_s - days * _DAY_S
    time.sleep(3.0)
    found = _notices(stage, begun)
    fits = len(found) == len(wanted) and all(word in said for word, said in zip(wanted, found, strict=True))
    shown = fits and stage.status()["notice"] == found[-1]
    return "" if shown and not early else f"{days} d: {found}, status {stage.status()['notice']!r}"


def _own_ending(stage: Stage) -> Finding:
    """Four starts, each a little before a threshold. In the last one the certificate ends while connected; then the broker is restarted, and then there is a new certificate."""
    stage.start_bench()
    folder = stage.folder
    _authority(folder, "site")
    _issue(folder, "good", "localhost", "site", "-days", "400")  # or it would be warned of too
    own = {f"uplink.{key}_file": str(folder / f"own.{end}") for key, end in (("cert", "pem"), ("key", "key"))}
    words = {
        "uplink.host": "localhost",
        "uplink.tls": "true",
        "uplink.ca_file": str(folder / "site.pem"),
        **own,
    }
    _mutual(stage)
    wrong = []
    steps = (
        (30, ("30 days",)),
        (7, ("30 days", "7 days")),
        (1, ("7 days", "1 day")),
        (0, ("1 day", "ended")),
    )
    for days, wanted in steps:
        wrong.append(_crossings(stage, words, days, wanted))
        if days:
            stage.stop_unit()
    stayed = stage.status()["unit_state"]["uplink"] == "connected"
    assert stage.broker is not None
    stage.broker.end()
    said = (folder / "run.log").stat().st_size
    _mutual(stage)
    sessions = _sessions(stage)
    time.sleep(35.0)
    refused = (folder / "run.log").read_bytes()[said:].decode(errors="replace")
    tries = (folder / "broker.log").read_text(errors="replace").count("certificate verify failed")
    ailing, scans, again = stage.ailing(), stage.status()["skipped_scans"], _sessions(stage) - sessions
    _ending(folder, "own", time.time() + 90 * _DAY_S)
    back_s = stage.until(lambda: _sessions(stage) > sessions, 60.0 * stage.bed.clock) / stage.bed.clock
    stage.until(lambda: not stage.status()["notice"], 90.0 * stage.bed.clock)
    left = stage.status()["notice"]
    return Finding(
        f"warnings wrong: {[text for text in wrong if text] or 'none'}; connected at its end: {stayed}; after that {again} sessions, "
        f"{tries} attempts in 35 s, {scans} scans skipped, {ailing or 'in control'}; renewed: back in {back_s:.0f} s, notice {left or 'gone'}",
        not any(wrong) and stayed and not again and tries <= 2 and not ailing and not scans
        and "does not accept our certificate" in refused and back_s <= 45.0 and not left,
    )  # fmt: skip


def _mutual(stage: Stage) -> None:
    """A broker that wants a certificate of `site`."""
    folder = stage.folder
    files = f"cafile {folder}/site.pem\ncertfile {folder}/good.pem\nkeyfile {folder}/good.key"
    mosquitto(stage, f"allow_anonymous true\nuser root\nrequire_certificate true\n{files}", ear=False)


ROWS = (
    Row("B07", "Server certificate expired, wrong name, unknown issuer", "0 sessions opened (so 0 application bytes); reason named; a good certificate is taken", STILL, _distrusted, own=True),
    Row("B08", "Own client certificate ends, at last while connected", "warned 30, 7, 1 days before and at the end, each once a start, in journal and status; control unaffected; <= 1 attempt per 30 s; a new file counts without a restart", STILL, _own_ending, own=True),
)  # fmt: skip
