"""The brokers of configs/broker as they are shipped, with their folders and ports put where a test can have them."""

from __future__ import annotations

import contextlib
import getpass
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.uplink.authority import Authority
from tests.uplink.peer import free_port, need

SHIPPED = Path(__file__).parents[2] / "configs" / "broker"


def broker_folder(folder: Path, authority: Authority, acl: str) -> Path:
    """What README.md has a technician copy to /etc/mosquitto/edgectl."""
    place = folder / "edgectl"
    place.mkdir(parents=True)
    for name, source in (
        ("ca.pem", "ca.pem"),
        ("crl.pem", "crl.pem"),
        ("broker.pem", "localhost.pem"),
        ("broker.key", "localhost.key"),
    ):
        shutil.copy(authority.file(source), place / name)
    shutil.copy(SHIPPED / acl, place / "site.acl")
    return place


class Site:
    """A broker of a site, or a central one, which differs in its list only."""

    def __init__(self, folder: Path, authority: Authority, acl: str = "site.acl") -> None:
        need("mosquitto", "mosquitto_sub", "mosquitto_pub")
        self.port = free_port()
        self._authority = authority
        self.place = broker_folder(folder, authority, acl)
        self._folder = folder
        (folder / "data").mkdir()
        # started by root it would become a user who may not read the files of a test
        self._write((SHIPPED / "site.conf").read_text() + f"user {getpass.getuser()}\n")
        self._process: subprocess.Popen[bytes] | None = None
        self.ears: list[Listener] = []

    def bridge(self, central: Site, authority: Authority, name: str = "site-1") -> None:
        """Have it bridge to another one, with a certificate of that one's authority."""
        shutil.copy(authority.file("ca.pem"), self.place / "central-ca.pem")
        for kind in ("pem", "key"):
            shutil.copy(authority.file(f"{name}.{kind}"), self.place / f"site-1.{kind}")
        words = (SHIPPED / "bridge.conf").read_text()
        words = words.replace("central.example.org:8883", f"localhost:{central.port}")
        self._write((self._folder / "mosquitto.conf").read_text() + words)

    def _write(self, words: str) -> None:
        words = words.replace("/etc/mosquitto/edgectl", str(self.place))
        words = words.replace("/var/lib/mosquitto/", f"{self._folder}/data/")
        words = words.replace("listener 8883", f"listener {self.port}").replace(
            "log_dest syslog", "log_dest stderr"
        )
        (self._folder / "mosquitto.conf").write_text(
            words.replace("restart_timeout 2 60", "restart_timeout 1 1")
        )

    def start(self) -> None:
        """Start, or start again with what it kept."""
        with (self._folder / "log").open("ab") as log:
            command = ["mosquitto", "-c", str(self._folder / "mosquitto.conf")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise AssertionError(f"mosquitto did not start: {self.log()}")

    def log(self) -> str:
        """What it said."""
        return (self._folder / "log").read_text(errors="replace")

    def stop(self) -> None:
        """As a reboot does: it keeps what it has."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(10)

    def close(self) -> None:
        """For good, with everybody who listens."""
        for ear in self.ears:
            ear.stop()
        self.stop()

    def say(
        self, who: str, topic: str, payload: str = "{}", *more: str, authority: Authority | None = None
    ) -> bool:
        """Publish as somebody; whether the broker took the connection."""
        words = (authority or self._authority).words(who)
        return self.raw(*words, "-t", topic, "-m", payload, "-q", "1", *more).returncode == 0

    def raw(self, *words: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
        """mosquitto_pub with these words."""
        command = ["mosquitto_pub", "-h", "localhost", "-p", str(self.port), *words]
        return subprocess.run(command, capture_output=True, check=False, timeout=20, **options)

    def awaited(self, who: str, topic: str) -> subprocess.Popen[bytes]:
        """A program that ends with the next payload on a topic as its output, byte for byte."""
        command = ["mosquitto_sub", "-h", "localhost", "-p", str(self.port), *self._authority.words(who)]
        return subprocess.Popen([*command, "-t", topic, "-C", "1", "-N", "-W", "30"], stdout=subprocess.PIPE)


class Listener:
    """mosquitto_sub as somebody, with what came and whether it was retained."""

    def __init__(self, site: Site, authority: Authority, who: str, topics: Iterable[str] = ("#",)) -> None:
        self._file = Path(authority.folder, f"heard-{who}-{time.monotonic_ns()}")
        wanted = [word for topic in topics for word in ("-t", topic)]
        command = [
            "mosquitto_sub",
            "-h",
            "localhost",
            "-p",
            str(site.port),
            *authority.words(who),
            "-q",
            "1",
            *wanted,
            "-F",
            "%j",
        ]
        with self._file.open("wb") as file:
            self._process = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL)
        site.ears.append(self)
        time.sleep(0.5)  # it says nothing when it is subscribed

    def heard(self) -> list[dict[str, Any]]:
        """Topic, payload, qos and retain of each so far; of Sparkplug payloads only that they came."""
        lines = self._file.read_bytes().splitlines(keepends=True)
        return [json.loads(line.decode(errors="replace")) for line in lines if line.endswith(b"\n")]

    def topics(self) -> list[str]:
        """Where they came from."""
        return [message["topic"] for message in self.heard()]

    def until(self, topic: str, count: int = 1, seconds: float = 20.0) -> list[dict[str, Any]]:
        """What came on a topic, as soon as there is enough of it."""
        end = time.monotonic() + seconds
        while len(found := [message for message in self.heard() if message["topic"] == topic]) < count:
            assert time.monotonic() < end, f"{len(found)} of {count} on {topic}; heard {self.topics()[-20:]}"
            time.sleep(0.05)
        return found

    def stop(self) -> list[str]:
        """End it; where everything came from."""
        self._process.kill()
        self._process.wait()
        return self.topics()
