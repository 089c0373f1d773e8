"""A password and a key are in their files and on their way to the broker, and nowhere else: not in a log, the journal, a plan, the status, or what ps shows."""

from __future__ import annotations

import getpass
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.unit import Unit, children, running, until
from tests.uplink.authority import Authority
from tests.uplink.peer import Mosquitto, Subscriber, need

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

WRONG, RIGHT = "wrong-horse-battery-staple", "right-horse-battery-staple"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    found = Authority(tmp_path / "pki")
    found.broker()
    found.client("BR-DEMO")
    return found


@pytest.fixture
def secrets(tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As the service has them."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name in ("ca.pem", "BR-DEMO.pem", "BR-DEMO.key"):
        (folder / name).write_bytes(Path(authority.file(name)).read_bytes())
    (folder / "mqtt-password").write_text(WRONG)
    monkeypatch.setenv("EDGECTL_SECRETS_DIR", str(folder))
    return folder


@pytest.fixture
def site(tmp_path: Path, authority: Authority) -> Iterator[Mosquitto]:
    need("mosquitto_passwd")
    (tmp_path / "broker").mkdir()
    users = tmp_path / "broker" / "users"
    for words in (("-c", str(users), "BR-DEMO", RIGHT), (str(users), "ear", "ear")):
        subprocess.run(["mosquitto_passwd", "-b", *words], check=True, capture_output=True)
    files = {"cafile": "ca.pem", "certfile": "localhost.pem", "keyfile": "localhost.key"}
    settings = [f"{key} {authority.file(name)}" for key, name in files.items()]
    settings += [f"password_file {users}", "require_certificate true", f"user {getpass.getuser()}"]
    broker = Mosquitto(tmp_path / "broker", "\n".join(settings))
    broker.start()
    yield broker
    broker.stop()


def seen(unit: Unit) -> Iterator[tuple[str, bytes]]:
    """Everything a person on the machine, a colleague or support could come to see."""
    for path in sorted(unit.state.rglob("*")):
        if path.is_file():
            yield str(path), path.read_bytes()
    yield "status", json.dumps(unit.status()).encode()
    for pid in (unit.supervisor.pid, *children(unit.supervisor.pid).values()):
        for name in ("cmdline", "environ"):
            yield f"{name} of {pid}", Path(f"/proc/{pid}/{name}").read_bytes()


def test_no_secret_is_anywhere_but_in_its_file(
    tmp_path: Path,
    secrets: Path,
    authority: Authority,
    site: Mosquitto,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """While the broker refuses the password, and after it has taken it."""
    key = "".join((secrets / "BR-DEMO.key").read_text().splitlines()[1:-1])
    words = [*authority.words("BR-DEMO"), "-u", "ear", "-P", "ear"]
    ear = Subscriber(site.port, "edgectl/#", "-h", "localhost", *words)
    with running(
        tmp_path,
        uplink__host="localhost",
        uplink__port=str(site.port),
        uplink__username="BR-DEMO",
        uplink__password_file="mqtt-password",
        uplink__tls="true",
        uplink__ca_file="ca.pem",
        uplink__cert_file="BR-DEMO.pem",
        uplink__key_file="BR-DEMO.key",
    ) as unit:
        said = [""]

        def says(words: str) -> bool:
            said[0] += "".join(capfd.readouterr())
            return words in said[0]

        until(lambda: says("refuses this user"), 20.0)
        places = dict(seen(unit))
        (secrets / "mqtt-password").write_text(RIGHT)
        unit.kill("uplink")
        until(lambda: says("connected to localhost"), 30.0)
        until(lambda: len(ear.received()) > 5, 20.0)
        places |= dict(seen(unit))
    log = said[0] + "".join(capfd.readouterr()) + (tmp_path / "run.log").read_text()
    places |= {"log": log.encode(), "messages": repr(ear.stop()).encode()}
    assert {"log", "messages", "status"} < set(places)
    assert sum("plan" in name for name in places) >= 1
    for name, content in places.items():
        for secret in (WRONG, RIGHT, key[10:50]):
            assert secret.encode() not in content, name
