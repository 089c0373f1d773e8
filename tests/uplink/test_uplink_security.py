"""No broker gets a byte that it may not have: not in clear, not without the name, not before its certificate is trusted, on no server of the list."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from edgectl.model.codec import seal
from edgectl.model.plan import Plan
from edgectl.model.uplink_plan import JournalPlan, UplinkPlan
from edgectl.uplink.process import run
from tests.store.recording import Course, record, unit
from tests.uplink.authority import Authority
from tests.uplink.peer import Mosquitto, Subscriber, free_port, need

pytestmark = pytest.mark.slow

PASSWORD = "correct-horse-battery"


class Tap:
    """Listens where a broker should be, takes what comes, and says nothing."""

    def __init__(self) -> None:
        self.port = free_port()
        self.heard: list[bytes] = []

    async def open(self) -> asyncio.Server:
        """From now on."""
        return await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard.append(await reader.read(65536))
        writer.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    found = Authority(tmp_path_factory.mktemp("pki") / "site")
    found.broker()
    found.client("BR-1")
    return found


def users(folder: Path) -> Path:
    need("mosquitto_passwd")
    path = folder / "users"
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", str(path), "BR-1", PASSWORD], check=True, capture_output=True
    )
    return path


def secured(folder: Path, authority: Authority) -> str:
    """A broker that wants TLS, a certificate, a name and a password."""
    return "\n".join(
        (
            f"cafile {authority.file('ca.pem')}",
            f"certfile {authority.file('localhost.pem')}",
            f"keyfile {authority.file('localhost.key')}",
            "require_certificate true",
            "allow_anonymous false",
            f"password_file {users(folder)}",
            f"user {getpass.getuser()}",
            f"log_dest file {folder}/broker.log",
        )
    )


@pytest.fixture
def good(tmp_path: Path, authority: Authority) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path, secured(tmp_path, authority))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker with a certificate of nobody we know, which would let anybody in."""
    (tmp_path / "strange").mkdir()
    other = Authority(tmp_path / "strange" / "pki", "stranger")
    other.broker()
    files = f"certfile {other.file('localhost.pem')}\nkeyfile {other.file('localhost.key')}\nlog_dest file {tmp_path}/strange/log"
    broker = Mosquitto(tmp_path / "strange", f"allow_anonymous true\nuser {getpass.getuser()}\n{files}")
    broker.start()
    yield broker
    broker.stop()


def plan(folder: Path, authority: Authority, port: int, **more: Any) -> Plan:
    (folder / "password").write_text(f"{PASSWORD}\n")
    uplink = UplinkPlan(
        host="localhost",
        port=port,
        username="BR-1",
        password_file=str(folder / "password"),
        tls=True,
        ca_file=authority.file("ca.pem"),
        cert_file=authority.file("BR-1.pem"),
        key_file=authority.file("BR-1.key"),
        publish_s=0.05,
    )
    return seal(replace(unit(journal=JournalPlan(commit_s=0.05)), uplink=replace(uplink, **more)))


async def lines(
    site: Plan, folder: Path, enough: Callable[[list[EventDict]], bool], within_s: float = 30.0
) -> list[str]:
    """What the uplink logs of the broker until it is enough."""
    with capture_logs() as logs:
        uplink = asyncio.create_task(run(site, folder / "journal.db", folder / "uplink.db"))
        try:
            async with asyncio.timeout(within_s):
                while not enough(logs):  # noqa: ASYNC110 - nobody signals it
                    await asyncio.sleep(0.05)
        finally:
            uplink.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await uplink
    return [line["state"] for line in logs if line["event"] == "broker"]


# paho leaves a socket whose TLS handshake failed to the garbage collector, which closes it
@pytest.mark.filterwarnings(
    r"ignore:Exception ignored in. <ssl\.SSLSocket:pytest.PytestUnraisableExceptionWarning"
)
async def test_every_broker_of_the_list_gets_tls_name_and_certificate_or_nothing(
    tmp_path: Path, authority: Authority, good: Mosquitto, stranger: Mosquitto
) -> None:
    """One that speaks no TLS and one that is not trusted are passed by; nothing falls back to anything."""
    tap = Tap()
    site = plan(tmp_path, authority, tap.port, also=(("localhost", stranger.port), ("localhost", good.port)))
    record(tmp_path / "journal.db", Course(site), 50)
    async with await tap.open():
        said = await lines(
            site, tmp_path, lambda logs: any("connected" in str(line.get("state")) for line in logs)
        )
    assert len(said) == 3
    assert "not trusted" in said[1]
    assert said[2] == f"connected to localhost:{good.port}"
    assert tap.heard, "it was asked"
    for hello in tap.heard:
        assert hello.startswith(b"\x16\x03"), "a TLS handshake record"
        assert b"MQTT" not in hello
        assert PASSWORD.encode() not in hello
    assert "New client connected" not in (tmp_path / "strange" / "log").read_text()
    assert "u'BR-1'" in (tmp_path / "broker.log").read_text()


@pytest.mark.parametrize("rights", ["topic read #", "topic write #"], ids=["may not write", "may not read"])
async def test_a_broker_that_drops_what_it_confirms_is_given_no_record(rights: str, tmp_path: Path) -> None:
    """mosquitto confirms what its list does not allow, and drops it: the records wait for one that passes them on."""
    (tmp_path / "acl").write_text(f"{rights}\n")
    broker = Mosquitto(tmp_path, f"allow_anonymous true\nacl_file {tmp_path}/acl\nuser {getpass.getuser()}")
    broker.start()
    uplink = UplinkPlan(host="127.0.0.1", port=broker.port, keepalive_s=1, publish_s=0.05)
    site = seal(replace(unit(journal=JournalPlan(commit_s=0.05)), uplink=uplink))
    record(tmp_path / "journal.db", Course(site), 50)
    said = await lines(site, tmp_path, lambda logs: any(line["event"] == "broker" for line in logs))
    assert "confirms what this user says and does not pass it on" in said[0]
    (tmp_path / "acl").write_text("topic readwrite #\n")
    broker.signal(signal.SIGHUP)
    ear = Subscriber(broker.port, "#")
    said = await lines(site, tmp_path, lambda _: sum("tag/" in m.topic for m in ear.received()) > 0)
    assert said == [f"connected to 127.0.0.1:{broker.port}"]
    first = min(m.body["seq"] for m in ear.stop() if "seq" in m.body)
    assert first == 1
    broker.stop()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\n", "it is empty"), (b"\xff\xfe", "it is no text"), (None, "No such file")],
    ids=["empty", "binary", "missing"],
)
async def test_without_its_password_it_does_not_even_knock(
    content: bytes | None, said: str, tmp_path: Path, authority: Authority
) -> None:
    tap = Tap()
    site = plan(tmp_path, authority, tap.port, tls=False)
    (tmp_path / "password").unlink()
    if content is not None:
        (tmp_path / "password").write_bytes(content)
    async with await tap.open():
        [line] = await lines(site, tmp_path, bool)
    assert said in line
    assert tap.heard == []


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(
    tmp_path: Path, authority: Authority
) -> None:
    """On a terminal OpenSSL would ask, and the uplink wait, for as long as nobody comes by."""
    locked = tmp_path / "locked.key"
    command = [
        "openssl",
        "pkey",
        "-in",
        authority.file("BR-1.key"),
        "-aes128",
        "-passout",
        "pass:secret",
        "-out",
        str(locked),
    ]
    subprocess.run(command, check=True, capture_output=True)
    words = (
        "import sys; from edgectl.model.uplink_plan import UplinkPlan; from edgectl.uplink.broker import _tls\n"
        "_tls(UplinkPlan(tls=True, cert_file=sys.argv[1], key_file=sys.argv[2]), 'broker')"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", words, authority.file("BR-1.pem"), str(locked)])
    said = b""
    with contextlib.suppress(OSError):  # how a terminal says that its other end is gone
        while b"pass phrase" not in said and select.select([terminal], [], [], 10.0)[0]:
            said += os.read(terminal, 4096)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(terminal)
    assert b"BrokerFault" in said
    assert b"cannot be used" in said
    assert b"pass phrase" not in said
