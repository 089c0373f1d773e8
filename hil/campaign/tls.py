"""Certificates of the broker: B07."""

from __future__ import annotations

import subprocess
import time
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


ROWS = (
    Row("B07", "Server certificate expired, wrong name, unknown issuer", "0 sessions opened (so 0 application bytes); reason named; a good certificate is taken", STILL, _distrusted, own=True),
)  # fmt: skip
