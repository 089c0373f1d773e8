"""What ``real.py`` has done inside the container: every claim of the unit files, tried on the real processes and an emulated rig."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import edgectl
from hil.serve import ask

UNIT = "BR-DEMO"
CONTROL, UPLINK = f"edgectl-control@{UNIT}.service", f"edgectl-uplink@{UNIT}.service"
EDGECTL, PYTHON = "/opt/edgectl/bin/edgectl", "/opt/edgectl/bin/python"
RIG = "/run/rig/rig.sock"
STATE = Path("/var/lib/edgectl") / UNIT
SECRET = Path("/etc/edgectl/secrets/mqtt-password")
SAFE = {"heater_enabled": 0.0, "base_ml_min": 0.0, "co2_ml_min": 0.0, "o2_ml_min": 0.0, "feed_ml_min": 0.0}
MOST_EXPOSURE = 15
CAP_SYS_RESOURCE = 24


def call(*command: str) -> str:
    """What a program prints; it must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.returncode} {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def shown(unit: str, name: str) -> str:
    return call("systemctl", "show", "--property", name, "--value", unit).strip()


def pid(unit: str = CONTROL) -> int:
    return int(shown(unit, "MainPID"))


def send(number: signal.Signals, unit: str = CONTROL) -> int:
    """Signal the main process of a unit, which must have one: 0 would be ourselves."""
    process = pid(unit)
    assert process > 0, f"{unit} does not run"
    os.kill(process, number)
    return process


def outputs() -> dict[str, float]:
    found: dict[str, float] = ask(RIG, {"do": "outputs"})["outputs"]
    return found


def safe() -> bool:
    """All of them; a gas flow takes seconds to die away."""
    return all(abs(outputs()[name] - value) < 0.01 for name, value in SAFE.items())


def until(true: Callable[[], Any], seconds: float = 30.0) -> float:
    """How long (s) it took to become true."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < seconds, f"not within {seconds:g} s"
        time.sleep(0.02)
    return time.monotonic() - begun


def regulating() -> bool:
    return outputs()["heater_enabled"] == 1.0


def heater_off() -> bool:
    return outputs()["heater_enabled"] == 0.0


def journal(unit: str = CONTROL) -> str:
    return call("journalctl", "--no-pager", "--output=cat", "--unit", unit)


def bench() -> str:
    """An emulated rig and a broker. Its pseudo-terminals are what adapters are: root's, for the group dialout."""
    call("systemd-run", "--unit=rig", PYTHON, "-m", "hil", "serve", "demo", "--dir", "/run/rig")
    call("systemd-run", "--unit=broker", PYTHON, "-m", "hil", "broker", "--port", "1883")
    until(lambda: Path(RIG).exists())
    for line in ask(RIG, {"do": "where"})["lines"].values():
        if isinstance(line["port"], str):
            shutil.chown(line["port"], "root", "dialout")
            Path(line["port"]).chmod(0o660)
    return call("systemctl", "--version").split("\n", 1)[0]


def install() -> str:
    """The installer on the running machine: user, folders, services."""
    lines = ask(RIG, {"do": "where"})["lines"]
    values = [f"lines.{name}.{key}={value}" for name, line in lines.items() for key, value in line.items()]
    values += [f"uplink.{text}" for text in ("host=127.0.0.1", "username=br", "password_file=mqtt-password")]
    words = [word for value in values for word in ("--set", value)]
    demo = Path(edgectl.__file__).parent / "configs" / "demo"
    call(EDGECTL, "install-service", str(demo), *words)
    SECRET.write_text("hunter2-and-more\n")
    SECRET.chmod(0o600)
    assert "unchanged /etc/systemd/system/edgectl-control@.service" in call(EDGECTL, "install-service", UNIT)
    return (
        f"user {pwd.getpwnam('edgectl').pw_uid}, enabled {call('systemctl', 'is-enabled', CONTROL).strip()}"
    )


def verify() -> str:
    """This systemd understands every word, and calls them little exposed."""
    assert (said := call("systemd-analyze", "verify", "--man=no", CONTROL, UPLINK)) == "", said
    figures = []
    for unit in (CONTROL, UPLINK):
        said = call("systemd-analyze", "security", "--no-pager", f"--threshold={MOST_EXPOSURE}", unit)
        figures.append(said.split("Overall exposure level for ")[1].split(": ")[1].split()[0])
    assert call("systemctl", "show", "--property=RuntimeWatchdogUSec", "--value").strip() == "15s"
    return f"verify silent, exposure {' and '.join(figures)}"


def start() -> str:
    """systemctl returns when control has scanned once."""
    begun = time.monotonic()
    call("systemctl", "start", CONTROL)
    ready = time.monotonic() - begun
    assert shown(CONTROL, "ActiveState") == "active"
    text = shown(CONTROL, "StatusText")
    assert text.startswith("scan "), text
    until(lambda: "all instruments answer" in shown(CONTROL, "StatusText"))
    return f"ready after {ready:.2f} s: {shown(CONTROL, 'StatusText')}"


def rights() -> str:
    """Real time and locked memory, and no capability at all."""
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid()}/status").read_text().splitlines())
    assert os.sched_getscheduler(pid()) == os.SCHED_FIFO
    assert os.sched_getparam(pid()).sched_priority == 50
    locked = locked_memory(status)
    for kind in ("CapEff", "CapBnd", "CapAmb"):
        assert int(status[kind], 16) == 0, (kind, status[kind])
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert status["Uid"].split()[0] == str(pwd.getpwnam("edgectl").pw_uid)
    return f"SCHED_FIFO 50, {locked}, no capability, seccomp on"


def locked_memory(status: dict[str, str]) -> str:
    """A container whose first process may not raise limits cannot grant it: then only that control says so is shown."""
    init = dict(line.split(":\t", 1) for line in Path("/proc/1/status").read_text().splitlines())
    locked_kb = int(status["VmLck"].split()[0])
    if int(init["CapEff"], 16) >> CAP_SYS_RESOURCE & 1:
        assert locked_kb > 10_000, status["VmLck"]
        return f"{locked_kb / 1024:.0f} MB locked"
    assert locked_kb == 0
    return "locked memory NOT TRIED (this machine may not raise limits)"


def regulates() -> str:
    return f"heater on after {until(regulating, 60):.1f} s"


def reload() -> str:
    """The plan that runs is the one in force; control goes on as the same process."""
    before, begun = pid(), time.monotonic()
    call("systemctl", "reload", CONTROL)
    seconds = time.monotonic() - begun
    assert (pid(), shown(CONTROL, "ActiveState")) == (before, "active")
    assert "nothing to do" in journal()
    return f"the same process goes on, {seconds:.2f} s"


def telemetry() -> str:
    """The uplink gets the password as a credential; user edgectl cannot read the original."""
    call("systemctl", "start", UPLINK)
    heard = call(PYTHON, "-m", "hil", "listen", "127.0.0.1", "1883", "#", "--count", "5", "--for", "30")
    assert len(heard.splitlines()) == 5, heard + journal(UPLINK)
    denied = subprocess.run(
        ["runuser", "-u", "edgectl", "--", "cat", str(SECRET)], capture_output=True, check=False
    )
    assert denied.returncode != 0
    for name in ("cmdline", "environ"):
        assert b"hunter2" not in Path(f"/proc/{pid(UPLINK)}/{name}").read_bytes()
    return f"{len(heard.splitlines())} messages; secret readable by root and by the uplink only"


def freeze() -> str:
    """A frozen control process: killed by the watchdog, last will, back."""
    frozen, begun = send(signal.SIGSTOP), time.monotonic()
    until(heater_off)
    made_safe = time.monotonic() - begun
    until(lambda: shown(CONTROL, "ActiveState") == "active" and pid() not in (0, frozen))
    back = time.monotonic() - begun
    assert "Watchdog timeout (limit 5s)!" in journal()
    assert shown(CONTROL, "NRestarts") == "1"
    return f"SIGSTOP; heater off after {made_safe:.1f} s, control back after {back:.1f} s; heater on again after {until(regulating, 60):.1f} s more"


@contextlib.contextmanager
def without_restart() -> Iterator[None]:
    folder = Path(f"/run/systemd/system/{CONTROL}.d")
    folder.mkdir(parents=True)
    (folder / "alone.conf").write_text("[Service]\nRestart=no\n")
    call("systemctl", "daemon-reload")
    try:
        yield
    finally:
        shutil.rmtree(folder)
        call("systemctl", "daemon-reload")


def last_will() -> str:
    """kill -9 without a restart: only the last will can have made the outputs safe."""
    with without_restart():
        begun = time.monotonic()
        send(signal.SIGKILL)
        until(heater_off)
        made_safe = time.monotonic() - begun
        until(lambda: shown(CONTROL, "ActiveState") == "failed")
        will = shown(CONTROL, "ExecStopPost")
        assert "code=exited ; status=0" in will, will
        until(safe)
    call("systemctl", "start", CONTROL)
    until(regulating, 60)
    return f"SIGKILL; heater off after {made_safe:.2f} s with no control process, then all outputs safe"


def kill() -> str:
    killed, begun = send(signal.SIGKILL), time.monotonic()
    until(heater_off)
    made_safe = time.monotonic() - begun
    until(lambda: shown(CONTROL, "ActiveState") == "active" and pid() not in (0, killed))
    back = time.monotonic() - begun
    until(regulating, 60)
    return f"SIGKILL; heater off after {made_safe:.2f} s, ready again after {back:.2f} s"


def stop() -> str:
    begun = time.monotonic()
    call("systemctl", "stop", CONTROL)
    seconds = time.monotonic() - begun
    assert (shown(CONTROL, "Result"), shown(CONTROL, "ExecMainStatus")) == ("success", "0")
    until(safe)
    assert abs(outputs()["stir_rpm"] - 80.0) < 1.0, "a safe value is not always zero"
    return f"outputs safe, exit code 0, {seconds:.2f} s"


def free() -> bool:
    """Whether the unit is not held. A container may show a service another boot identifier than a shell: then the unit asks, and is told to go on."""
    with contextlib.suppress(AssertionError):  # no answer yet, or a cause that is not known yet
        if not status()["held"]:
            return True
        call("runuser", "-u", "edgectl", "--", EDGECTL, "resume", "--reason", "by hand", "--unit", UNIT)
    return False


def refused() -> str:
    """Another process holds the unit: the service keeps its hands off, and takes over when that ends."""
    words = ("--plan", str(STATE / "plan" / "current"), "--state", str(STATE))
    command = ("runuser", "-u", "edgectl", "--", EDGECTL, "control", *words)
    by_hand = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        until(free, 60)
        until(regulating, 60)
        call("systemctl", "start", "--no-block", CONTROL)
        end = time.monotonic() + 5.0
        while time.monotonic() < end:
            assert regulating(), "the outputs of another process were touched"
            time.sleep(0.05)
        refusals = int(shown(CONTROL, "NRestarts"))
        assert refusals >= 2
        assert "another process controls this unit; nothing sent" in journal()
    finally:
        os.killpg(by_hand.pid, signal.SIGTERM)
        by_hand.wait(20)
    until(lambda: shown(CONTROL, "ActiveState") == "active")
    return f"{refusals} refusals, outputs of the other process untouched, then started"


def folders() -> str:
    owner = pwd.getpwnam("edgectl").pw_uid
    for path in (STATE, STATE / "journal.db", STATE / "uplink.db", STATE / "plan" / "current"):
        assert path.stat().st_uid == owner, path
    assert stat.S_IMODE(STATE.stat().st_mode) == 0o750
    assert stat.S_IMODE(SECRET.parent.stat().st_mode) == 0o700
    return f"{STATE} edgectl 0750, secrets root 0700"


def records() -> str:
    """The journal is written, and what it holds is decided again to the bit."""
    until(lambda: status()["journal"]["committed_ns"] > 0)
    assert status()["journal"]["fault"] == ""
    call("systemctl", "stop", CONTROL)
    said = call("runuser", "-u", "edgectl", "--", EDGECTL, "replay", str(STATE / "journal.db"))
    call("systemctl", "start", CONTROL)
    return f"{said.count('all commands agree to the bit')} runs in the journal, all agree"


def frozen_uplink() -> str:
    """Nobody misses a frozen uplink but its watchdog; control does not notice."""
    scans, begun = status()["skipped_scans"], time.monotonic()
    send(signal.SIGSTOP, UPLINK)
    until(lambda: shown(UPLINK, "NRestarts") == "1", 60)
    assert status()["skipped_scans"] == scans
    return f"SIGSTOP; replaced after {time.monotonic() - begun:.1f} s, control lost no scan"


def status() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        call("runuser", "-u", "edgectl", "--", EDGECTL, "status", UNIT, "--json")
    )
    return found


def end() -> str:
    call("systemctl", "stop", CONTROL, UPLINK)
    until(safe)
    return "both stopped, outputs safe"


STEPS = (
    bench, install, verify, start, rights, regulates, reload, telemetry, freeze, last_will, kill, stop, refused, folders, records, frozen_uplink, end,
)  # fmt: skip


def main() -> None:
    """Do every step, whatever became of the one before."""
    with Path(sys.argv[1]).open("w") as report:
        for step in STEPS:
            begun = time.monotonic()
            try:
                verdict, detail = "ok", step()
            except Exception as error:  # noqa: BLE001 - it is the finding
                verdict, detail = "FAILED", f"{type(error).__name__}: {error}"
            seconds = time.monotonic() - begun
            line = {"name": step.__name__, "verdict": verdict, "seconds": seconds, "detail": detail}
            report.write(json.dumps(line) + "\n")
            report.flush()
            if verdict != "ok" and step is not end:
                print(journal()[-4000:], flush=True)


main()
