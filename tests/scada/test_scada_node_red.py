"""The Node-RED flow as it is shipped, in a real Node-RED, at the site broker of configs/broker, with recorded messages.

Node-RED is large (117 MB) and the checks of a machine do not install it: EDGECTL_NODE_RED names a folder that has it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.uplink.authority import Authority
from tests.uplink.peer import free_port
from tests.uplink.site import Listener, Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

FLOW = Path(__file__).parents[2] / "configs" / "scada" / "node-red.json"
UNIT = "BR-201"


def program() -> list[str]:
    folder = os.environ.get("EDGECTL_NODE_RED", "")
    if not folder:
        pytest.skip(
            "Node-RED: npm install --prefix FOLDER node-red@4, then EDGECTL_NODE_RED=FOLDER ./dev test tests/scada"
        )
    return ["node", str(Path(folder, "node_modules", "node-red", "red.js"))]


class NodeRed:
    """A Node-RED of its own folder and port, with what its debug nodes print."""

    def __init__(self, folder: Path, site: Site, authority: Authority) -> None:
        self.port = free_port()
        flow = json.loads(FLOW.read_text())
        for node in flow:
            if node["type"] == "mqtt-broker":
                node |= {"broker": "localhost", "port": str(site.port)}
            if node["type"] == "tls-config":
                node |= {key: authority.file(name) for key, name in (("cert", "node-red.pem"), ("key", "node-red.key"), ("ca", "ca.pem"))}  # fmt: skip
        (folder / "flows.json").write_text(json.dumps(flow))
        (folder / "settings.js").write_text(
            "module.exports = { uiHost: '127.0.0.1', telemetry: { enabled: false } }"
        )
        self._log = folder / "log"
        command = [
            *program(),
            "-u",
            str(folder),
            "-s",
            str(folder / "settings.js"),
            "-p",
            str(self.port),
            "flows.json",
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)

    def log(self) -> str:
        """What it printed, without colours."""
        return re.sub(r"\x1b\[[0-9;]*m", "", self._log.read_text(errors="replace"))

    def until(self, true: Callable[[], Any], seconds: float = 40.0) -> Any:
        """The first true answer."""
        end = time.monotonic() + seconds
        while not (found := true()):
            assert time.monotonic() < end, self.log()[-3000:]
            assert self._process.poll() is None, self.log()[-3000:]
            time.sleep(0.1)
        return found

    def ask(self, path: str, data: bytes | None = None) -> str:
        """Its answer over HTTP."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", data, 10) as answer:
            text: str = answer.read().decode()
            return text

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    found = Authority(tmp_path / "pki")
    found.broker()
    found.client(UNIT, "node-red")
    return found


@pytest.fixture
def site(tmp_path: Path, authority: Authority) -> Iterator[Site]:
    program()
    (tmp_path / "site").mkdir()
    broker = Site(tmp_path / "site", authority)
    try:
        broker.start()
        yield broker
    finally:
        broker.close()


@pytest.fixture
def node_red(tmp_path: Path, site: Site, authority: Authority) -> Iterator[NodeRed]:
    (tmp_path / "red").mkdir()
    found = NodeRed(tmp_path / "red", site, authority)
    try:
        found.until(lambda: "Connected to broker" in found.log())
        time.sleep(1.0)  # its subscriptions follow
        yield found
    finally:
        found.stop()


def tag(value: float | None, at: str, **more: Any) -> str:
    body = {"tag": "TT-201", "value": value, "unit": "degC", "quality": "GOOD", "reason": "", "age_s": 0.1}
    return json.dumps({**body, "time": f"2026-11-24T15:59:{at}Z", "historical": False, "seq": 1, **more})


LOOP = (
    '{"loop":"TIC-201","mode":"AUTO","setpoint":37.0,"value":36.9,"output":12.5,"unit":"degC","condition":"regulating","in_band":true,'
    '"time":"2026-11-24T15:59:50.000000Z","historical":false,"seq":2}'
)


def test_values_are_shown_and_a_set_point_is_asked_for_and_answered(
    node_red: NodeRed, site: Site, authority: Authority
) -> None:
    base = f"site-1/{UNIT}"
    site.say(UNIT, f"{base}/tag/TT-201", tag(36.9, "50.000000"))
    site.say(UNIT, f"{base}/tag/TT-201", tag(11.1, "40.000000", historical=True))
    site.say(UNIT, f"{base}/loop/TIC-201", LOOP)
    site.say(UNIT, f"{base}/tag/AT-<1>", tag(None, "50.000000", quality="BAD", reason="mute"))
    node_red.until(lambda: "BR-201 AT-<1> none degC BAD" in node_red.log())
    assert "BR-201 TT-201 36.9 degC GOOD" in node_red.log()
    assert "BR-201 TIC-201 36.9 degC AUTO" in node_red.log()
    assert "11.1" not in node_red.log(), "the backlog hides nothing newer"
    page = node_red.ask("/edgectl")
    assert page.count("OFFLINE") == 3, "nobody has said yet that the reactor is online"
    site.say(UNIT, f"{base}/status", '{"status":"online","reason":"connected"}', "--retain")
    node_red.until(lambda: "BR-201 online: connected" in node_red.log())
    page = node_red.ask("/edgectl")
    assert "<td>TIC-201</td><td>36.9</td><td>37</td><td>degC</td><td>AUTO, in band</td>" in page
    assert "AT-&#60;1&#62;" in page
    assert "<td>BAD</td>" in page
    ear = Listener(site, authority, UNIT)
    node_red.ask("/inject/edgectl-setpoint", b"")
    [message] = ear.until(f"{base}/command")
    command = json.loads(message["payload"])
    assert {**command, "id": "", "time": ""} == {
        "id": "", "time": "", "host": "node-red", "actor": "operator", "ask": "setpoint", "target": "TIC-201",
        "value": 36.5, "reason": "set from Node-RED",
    }  # fmt: skip
    assert message["retain"] == 0
    for identity, accepted, said in (("another", True, 1.0), (command["id"], True, 36.5)):
        answer = {
            "id": identity,
            "accepted": accepted,
            "reason": "",
            "readback": said,
            "time": command["time"],
        }
        site.say(UNIT, f"{base}/answer", json.dumps(answer))
    node_red.until(lambda: "accepted: it has 36.5 now" in node_red.log())
    assert "it has 1 now" not in node_red.log()
    event = {
        "kind": "alarm",
        "subject": "hot",
        "before": "NORM",
        "after": "UNACK",
        "actor": "core",
        "reason": "45 degC",
    }
    site.say(UNIT, f"{base}/event", json.dumps(event))
    node_red.until(lambda: "BR-201 alarm hot: NORM -> UNACK (core: 45 degC)" in node_red.log())


def test_the_command_is_one_that_edgectl_understands(
    node_red: NodeRed, site: Site, authority: Authority
) -> None:
    from edgectl.uplink.json_dialect import fields, order_from

    ear = Listener(site, authority, UNIT)
    node_red.ask("/inject/edgectl-setpoint", b"")
    [message] = ear.until(f"site-1/{UNIT}/command")
    order = order_from(fields(message["payload"].encode(), retained=False))
    assert (order.wish.target, order.value) == ("TIC-201", 36.5)
    assert abs(order.at_ms / 1000 - time.time()) < 5.0
