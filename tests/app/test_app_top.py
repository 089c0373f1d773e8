"""``edgectl top``: frames of made-up units, keys, and the program on a pseudo-terminal."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from edgectl.app.top.frame import Seen, frame, items_of
from edgectl.app.top.row import fit, paint
from edgectl.app.top.terminal import split
from edgectl.app.top.trend import PLAIN_BARS, Trends, bars
from edgectl.app.top.view import PAGES, Acknowledge, View
from tests.app.unit import ROOT, environment, running, until

LONG = "TIC-101-of-the-left-hand-reactor-of-the-second-row-with-a-name-that-nobody-should-choose"
COUNTS = {"requests": 1000, "timeouts": 30, "bad_frames": 4, "foreign": 1, "busy_s": 3.0}


def loop(value: float | None, **more: Any) -> dict[str, Any]:
    return {
        "tag": "TT-101", "unit": "degC", "band": 0.2, "value": value, "mode": "AUTO", "target": 37.0, "setpoint": 37.0, "output": 41.5,
        "condition": "regulating", "limit": "", "health": "good", "health_line": "TIC-101: well", **more,
    }  # fmt: skip


def alarm(state: str = "UNACK", priority: str = "high", **more: Any) -> dict[str, Any]:
    return {
        "state": state, "hidden": False, "priority": priority, "age_s": 75.0, "reason": "TT-101 39 degC is above 38 degC", "first_out": False,
        "hidden_by": "", "description": "Too hot", "consequence": "Cells die", "response": "Cool it", **more,
    }  # fmt: skip


def calm(**more: Any) -> dict[str, Any]:
    """A unit that is well."""
    return {
        "unit": "BR-1", "plan": "ab" * 32, "period_s": 2.0, "utc_ns": 1_800_000_000_000_000_000, "scan": 7, "late_scans": 0, "skipped_scans": 0,
        "unit_state": {"held": "", "authority": "local", "owner": "", "conflict": "", "uplink": "connected", "uplink_lost_s": 0.0, "batch": "B-12"},
        "hazards": {}, "notice": "", "flood": False, "alarms": {"OK": alarm("NORM")}, "loops": {"TIC-101": loop(36.95)},
        "tags": {"TT-101": {"value": 36.95, "unit": "degC", "quality": "GOOD", "age_s": 1.0, "reason": ""}},
        "actuators": {"TY-101": {"value": 41.5, "unit": "degC", "safe": 30.0, "achieved": 41.4, "restricted_by": [], "source": "TIC-101", "detail": ""}},
        "feeds": {}, "perfusions": {}, "experiments": {},
        "lines": {"probes": {"condition": "open", "reason": "", "load": 0.12, "statistics": COUNTS,
            "instruments": {"ph1": {"condition": "answering", "reason": "", "missed_polls": 0}}}},
        **more,
    }  # fmt: skip


def troubled() -> dict[str, Any]:
    """Everything at once, with names and reasons that are far too long, wide, and would move the cursor."""
    wide = "温度" * 60
    evil = "\x1b[2J\r\n" + LONG
    name = {
        "held": LONG * 2,
        "authority": "remote",
        "owner": wide,
        "conflict": evil,
        "uplink": "lost",
        "uplink_lost_s": 7300.0,
        "batch": LONG,
    }
    feed = {
        "stage": "running", "clock_s": 1e7, "flow": 1e-7, "flow_unit": "mL/min", "unit": "mL", "planned": 1e9, "delivered": 1.23456e9,
        "left": None, "behind": True, "waits_for": LONG,
    }  # fmt: skip
    perfusion = {
        "stage": "running",
        "rate": 1.5,
        "feed": 1e5,
        "permeate": 1e5,
        "bleed": 1e5,
        "waits_for": evil,
    }
    experiment = {
        "stage": "swinging",
        "method": wide,
        "actor": LONG,
        "longest_s": 10.0,
        "elapsed_s": 99.0,
        "ended": "",
    }
    bad_tag = {"value": None, "unit": "%-sat", "quality": "BAD", "age_s": 1e6, "reason": evil}
    output = {
        "value": -1.23456e-12,
        "unit": LONG,
        "safe": 1e12,
        "achieved": None,
        "restricted_by": [LONG, wide],
        "source": LONG,
        "detail": evil,
    }
    line = {"condition": LONG, "reason": wide, "load": None, "statistics": dict.fromkeys(COUNTS, 10 ** 12),
        "instruments": {LONG: {"condition": "silent", "reason": evil, "missed_polls": 10**9}}}  # fmt: skip
    return calm(
        unit=LONG, unit_state=name, notice=wide, flood=True, late_scans=10**6, scan=10**9,
        hazards={LONG: {"condition": "acts"}, "over": {"condition": "clear"}},
        alarms={f"{n:02}-{LONG}": alarm(("UNACK", "ACKED", "RTNUN", "OOSRV")[n % 4], ("high", "medium", "low")[n % 3], reason=evil, hidden=n % 4 == 3, hidden_by=wide)
                for n in range(40)},
        loops={f"{n}{LONG}": loop(None if n % 2 else 1e-9, tag="T", mode="OOS", health=None, limit=LONG, condition="fallback", health_line=wide) for n in range(30)},
        tags={f"{n}{LONG}": bad_tag for n in range(60)}, actuators={f"{n}{wide}": output for n in range(30)},
        feeds={LONG: feed, wide: feed}, perfusions={LONG: perfusion}, experiments={LONG: experiment}, lines={f"{n}{wide}": line for n in range(9)},
    )  # fmt: skip


def texts(seen: Seen, view: View, width: int = 80, height: int = 24) -> list[str]:
    return [paint(row, width, colour=None) for row in frame(seen, view, width, height)]


def unseen(picture: dict[str, Any] | None, **more: Any) -> Seen:
    return Seen("BR-1", picture, **more)


STATES = {
    "calm": unseen(calm()),
    "troubled": unseen(troubled(), stored=10**9),
    "away": unseen(troubled(), trouble="Connection refused " * 20, silent_s=1e6),
    "never seen": unseen(None, trouble="No such file", silent_s=1.0),
    "before the first scan": unseen(calm(loops={}, tags={}, actuators={}, alarms={})),
}


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("page", range(6))
@pytest.mark.parametrize("size", [(80, 24), (132, 43), (40, 12), (20, 5), (80, 1)])
def test_a_frame_is_exactly_as_large_as_the_screen(name: str, page: int, size: tuple[int, int]) -> None:
    """In every state, on every page, with each item chosen and an acknowledgement half typed."""
    seen, (width, height) = STATES[name], size
    view = View("anna", page)
    choices = ["", *[item.name for item in items_of(seen, view) if item.name][:25:12]]
    for view.chosen in choices:
        for keys in ("", "a", "axyz" + "q" * 300, "axyz!"):
            view.prompt = None
            for key in keys:
                view.press("enter" if key == "!" else key, seen.picture, ())
            rows = texts(seen, view, width, height)
            assert len(rows) == height
            assert max(cell_len(row) for row in rows) <= width
            assert not any(ord(letter) < 32 for row in rows for letter in row)


def test_at_80x24_the_unit_is_seen_at_one_look() -> None:
    rows = texts(unseen(calm()), View("anna"))
    assert rows[0].startswith("BR-1  plan abababab  scan 7 every 2 s")
    assert rows[0].endswith("2027-01-15 08:00:00 UTC")
    assert rows[1].strip() == "no alarms"
    assert rows[2].startswith("authority local  uplink connected  batch B-12")
    assert re.match(r"TIC-101 +36\.95 degC +37 +41\.5 AUTO .* GOOD good", rows[4])
    assert re.match(r"TY-101 +41\.5 degC +41\.4 +30 TIC-101", rows[6])
    for place, name in enumerate(PAGES):
        assert f"{place + 1} {name}" in rows[-1]
    assert "a/A ack q quit" in rows[-1]


def test_alarms_that_wait_stand_out_on_every_page() -> None:
    picture = calm(alarms={"TAH": alarm(), "LOW": alarm("ACKED", "low")})
    for page in range(6):
        shown = frame(unseen(picture), View("anna", page), 80, 24)[1]
        assert paint(shown, 80, colour=None).startswith(
            " 1 of 2 ALARMS wait [a]  HIGH TAH: TT-101 39 degC is above"
        )
        assert paint(shown, 80, colour=True).startswith("\x1b[1;37;41m")
        assert paint(shown, 80, colour=False).startswith("\x1b[1;7m")
    picture["alarms"]["TAH"]["state"] = "ACKED"
    assert "2 alarms, all acknowledged" in texts(unseen(picture), View("anna"))[1]
    assert "FLOOD" in texts(unseen(picture | {"flood": True}), View("anna"))[1]


def test_a_unit_that_does_not_answer_says_so_before_its_old_values() -> None:
    rows = texts(unseen(calm(), trouble="Connection refused", silent_s=12.0), View("anna"))
    assert rows[1].startswith(" CONTROL DOES NOT ANSWER for 12.0 s; what is below is old: Connection refused")
    assert "36.95" in rows[4]


def test_an_offline_scada_is_said_with_what_waits_for_it() -> None:
    picture = calm()
    picture["unit_state"] |= {"uplink": "lost", "uplink_lost_s": 3600.0, "held": "anna"}
    rows = texts(unseen(picture, stored=4711), View("anna"))
    assert rows[2].startswith("HELD by anna")
    assert rows[3].startswith("SCADA offline since 07:00:00 UTC (60.0 min), 4711 records stored")


def test_a_value_that_is_bad_is_no_number() -> None:
    picture = calm(loops={"TIC-101": loop(None, condition="fallback", mode="MAN", health="bad")})
    picture["tags"]["TT-101"] |= {"quality": "BAD", "value": None}
    row = texts(unseen(picture), View("anna"))[4]
    assert re.match(r"TIC-101 +- +37 +41\.5 MAN +BAD  bad", row)
    picture["tags"]["TT-101"]["quality"] = "UNCERTAIN"
    assert " UNC " in texts(unseen(picture), View("anna"))[4]


def test_what_does_not_fit_is_counted_and_can_be_reached() -> None:
    picture, view = troubled(), View("anna", 1)
    seen = unseen(picture)
    assert any("below: arrows" in row for row in texts(seen, view))
    for _ in range(60):
        view.press("down", picture, items_of(seen, view))
    rows = texts(seen, view)
    assert any(re.search(r"\d+ above, 0 below", row) for row in rows)
    assert view.chosen == [item.name for item in items_of(seen, view)][-1]
    names = [item.name for item in items_of(seen, view)][1:]
    for key, at in (
        ("home", 0),
        ("up", 0),
        ("end", -1),
        ("down", -1),
        ("pageup", -11),
        ("up", -12),
        ("pagedown", -2),
    ):
        view.press(key, picture, items_of(seen, view))
        assert view.chosen == names[at], key


def test_what_is_chosen_stays_chosen_when_rows_move() -> None:
    picture, view = (
        calm(alarms={"B": alarm(priority="low"), "C": alarm(priority="low", age_s=1.0)}),
        View("anna", 1),
    )
    view.press("down", picture, items_of(unseen(picture), view))
    assert view.chosen == "B"
    picture["alarms"]["A"] = alarm()
    view.press("a", picture, items_of(unseen(picture), view))
    assert view.prompt is not None
    assert view.prompt.target == "B"


def typed(view: View, picture: dict[str, Any], *keys: str) -> list[Acknowledge]:
    return [found for key in keys if (found := view.press(key, picture, items_of(unseen(picture), view)))]


def test_an_alarm_is_acknowledged_after_a_reason_and_a_yes_only() -> None:
    picture, view = calm(alarms={"TAH": alarm(), "SEEN": alarm("ACKED")}), View("anna")
    assert typed(view, picture, "a", "enter", "y", "enter") == []  # "y" is the reason
    assert "Acknowledge TAH as anna? y/n" in texts(unseen(picture), view)[-2]
    assert typed(view, picture, "x", "enter", "q") == []
    assert not view.quit
    assert typed(view, picture, "y") == [Acknowledge("TAH", "y")]
    assert view.prompt is None
    for way_out in (["a", "esc"], ["a", "x", "enter", "n"], ["a", "x", "enter", "esc"]):
        assert typed(view, picture, *way_out) == []
        assert (view.prompt, view.message) == (None, "nothing was acknowledged")
    assert typed(view, picture, "A", *"ok", "backspace", "n", "enter", "y") == [Acknowledge("all", "on")]
    picture["alarms"]["TAH"]["state"] = "ACKED"
    assert typed(view, picture, "a") == []
    assert (view.prompt, view.message) == (None, "no alarm waits to be acknowledged")


def test_on_the_alarm_page_the_chosen_one_is_meant() -> None:
    picture = calm(alarms={"TAH": alarm(), "LOW": alarm("UNACK", "low"), "SEEN": alarm("ACKED")})
    view = View("anna", 1)
    view.chosen = "LOW"
    assert typed(view, picture, "a", "x", "enter", "y") == [Acknowledge("LOW", "x")]
    view.chosen = "SEEN"
    assert typed(view, picture, "a") == []
    assert view.message == "SEEN does not wait to be acknowledged"


def test_keys_turn_pages_and_quit() -> None:
    picture, view = calm(), View("anna")
    seen = []
    for key in ("2", "3", "4", "5", "6", "tab", "tab"):
        typed(view, picture, key)
        seen.append(view.page)
    assert seen == [1, 2, 3, 4, 5, 0, 1]
    typed(view, picture, "7")
    assert view.message.startswith("keys:")
    typed(view, picture, "q")
    assert view.quit


@pytest.mark.parametrize(
    ("letters", "keys"),
    [
        ("a", ["a"]),
        ("\x1b[A\x1bOB", ["up", "down"]),
        ("\x1b[5~\x1b[6~\x1b[H\x1b[4~", ["pageup", "pagedown", "home", "end"]),
        ("\x1b", ["esc"]),
        ("\x1b[200~x\x1b[1;5C", ["x"]),
        ("\t\r\n\x7f\x08", ["tab", "enter", "enter", "backspace", "backspace"]),
        ("é\x01", ["é"]),
        ("\x1bq", ["esc", "q"]),
    ],
)
def test_letters_of_a_terminal_are_keys(letters: str, keys: list[str]) -> None:
    assert list(split(letters)) == keys


def test_bars_show_a_trend_on_a_scale_that_holds_the_band() -> None:
    rising = [36.8 + 0.05 * step for step in range(9)]
    shown = bars(rising, 9, 37.0, 0.2)
    assert (shown[0], shown[-1], list(shown)) == ("▁", "█", sorted(shown))
    assert set(bars([37.0, 37.001, 36.999], 3, 37.0, 0.2)) <= {"▄", "▅"}, "noise within the band stays small"
    assert bars([37.0, None, float("nan")], 5, 37.0, 0.2)[-2:] == "  "
    assert bars([], 4, 37.0, 0.2) == "    "
    assert bars([None], 4, 37.0, 0.2) == "    "
    assert bars([5.0], 1, float("nan"), 0.0) in "▄▅"
    assert (
        bars([float(step) for step in range(600)], 4, 300.0, 1.0, PLAIN_BARS) == "_.~#"
        or len(PLAIN_BARS) == 8
    )
    assert len(bars([float(step) for step in range(601)], 12, 300.0, 1.0)) == 12


def test_a_scan_that_was_seen_adds_nothing_to_its_trend() -> None:
    trends = Trends()
    for scan in (1, 1, 2):
        trends.take(calm(scan=scan))
    assert trends.of("TIC-101") == (36.95, 36.95)


def test_what_is_too_long_is_cut_and_shows_it() -> None:
    assert fit("abc", 5) == "abc  "
    assert fit("abc", 5, right=True) == "  abc"
    assert fit("abcdef", 5) == "abcd~"
    assert cell_len(fit("温度温度", 5)) == 5
    assert fit("a\x1b[2Jb\n", 9) == "a?[2Jb?  "
    assert fit("abc", 0) == ""


class FakeControl:
    """Answers on a control socket as control does, with ``picture``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "BR-1"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.picture: dict[str, Any] = calm()
        self.asked: list[dict[str, Any]] = []
        self._server: socket.socket | None = None

    def open(self) -> None:
        path = self.folder / "control.sock"
        path.unlink(missing_ok=True)
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        threading.Thread(target=self._serve, args=(self._server,), daemon=True).start()

    def close(self) -> None:
        assert self._server is not None
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        (self.folder / "control.sock").unlink(missing_ok=True)

    def _serve(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection, connection.makefile("rwb") as stream:
                    question = json.loads(stream.readline())
                    if question["do"] == "status":
                        self.picture["scan"] += 1
                        answer = self.picture
                    else:
                        self.asked.append(question)
                        answer = {
                            "accepted": True,
                            "reason": f"{question['target']} goes from UNACK to ACKED",
                        }
                        self.picture["alarms"][question["target"]]["state"] = "ACKED"
                    stream.write(json.dumps(answer).encode() + b"\n")


_CODE = re.compile(r"(\x1b\[(?:(\d+);1H|\?\d+[hl]|2J|2K|[\d;]*m))|(.|\n)")
_WITH_TERMINAL = (
    "import fcntl, runpy, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); sys.argv[0] = 'edgectl'; "
    "runpy.run_module('edgectl', run_name='__main__')"
)


class Screen:
    """``edgectl top`` on a pseudo-terminal, and what a terminal would show of it."""

    def __init__(self, state: Path, *words: str, columns: int = 80, rows: int = 24, **more: str) -> None:
        self.master, slave = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.raw = b""
        self.child = subprocess.Popen(
            [sys.executable, "-c", _WITH_TERMINAL, "top", *words],
            cwd=ROOT,
            env=environment(state) | {"TERM": "xterm", "PYTHONIOENCODING": "utf-8"} | more,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )

    def resize(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, text: str) -> None:
        os.write(self.master, text.encode())

    def read(self) -> None:
        while select.select([self.master], [], [], 0.05)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            self.raw += data

    def shown(self) -> list[str]:
        """The screen: only cursor positions, clearing and styles are known here, so anything else would show."""
        self.read()
        text = self.raw.decode(errors="replace").partition("\x1b[?1049l")[0]
        lines: dict[int, str] = {}
        at = 1
        for found in _CODE.finditer(text):
            code, row, letter = found.groups()
            if row:
                at = int(row)
            elif code == "\x1b[2J":
                lines = {}
            elif code == "\x1b[2K":
                lines[at] = ""
            elif letter:
                lines[at] = lines.get(at, "") + letter
        return [lines.get(row, "") for row in range(1, max([self.rows, *lines]) + 1)]

    def says(self, text: str, seconds: float = 60.0) -> list[str]:
        return until(lambda: (rows := self.shown()) and any(text in row for row in rows) and rows, seconds)  # type: ignore[no-any-return]

    def end(self) -> int:
        deadline = time.monotonic() + 30.0
        while self.child.poll() is None and time.monotonic() < deadline:
            self.read()
        self.read()
        return self.child.wait(1)

    def close(self) -> None:
        self.child.kill()
        self.child.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def control(tmp_path: Path) -> Iterator[FakeControl]:
    fake = FakeControl(tmp_path)
    fake.open()
    yield fake
    with contextlib.suppress(OSError):
        fake.close()


@pytest.fixture
def screen(control: FakeControl, tmp_path: Path) -> Iterator[Screen]:
    found = Screen(tmp_path)
    found.says("TIC-101")
    yield found
    found.close()


def left_clean(screen: Screen) -> bool:
    """The second screen is left, the cursor is seen, lines wrap, and the terminal echoes as before."""
    tail = screen.raw[-40:].decode(errors="replace")
    assert tail.endswith("\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"), repr(tail)
    return termios.tcgetattr(screen.slave)[:6] == screen.before[:6]


@pytest.mark.slow
def test_on_a_terminal_it_fills_80x24_and_keys_work(screen: Screen, control: FakeControl) -> None:
    rows = screen.says("q quit")
    assert len(rows) == 24
    assert max(map(len, rows)) <= 80
    for key, text in (
        ("2", "no alarms"),
        ("4", "QUALITY"),
        ("6", "DAMAGED"),
        ("\t", "OUTPUT"),
        ("5", "DELIVERED"),
    ):
        screen.press(key)
        screen.says(text)
    control.picture = troubled()
    screen.press("2")
    rows = screen.says("ALARMS wait")
    assert max(map(cell_len, rows)) <= 80
    screen.press("q")
    assert screen.end() == 0
    assert left_clean(screen)


@pytest.mark.slow
def test_an_alarm_is_acknowledged_from_the_keyboard(screen: Screen, control: FakeControl) -> None:
    control.picture["alarms"]["TAH"] = alarm()
    screen.says("1 of 1 ALARMS wait [a]  HIGH TAH")
    screen.press("a")
    screen.says("Acknowledge TAH, why")
    screen.press("seen it\r")
    screen.says("? y/n  (seen it)")
    assert control.asked == []
    screen.press("y")
    screen.says("TAH goes from UNACK to ACKED")
    (asked,) = control.asked
    assert {key: asked[key] for key in ("do", "ask", "target", "reason")} == {
        "do": "request", "ask": "acknowledge", "target": "TAH", "reason": "seen it",
    }  # fmt: skip
    assert asked["actor"]
    screen.says("1 alarms, all acknowledged")


@pytest.mark.slow
def test_it_survives_the_end_of_control_and_its_return(screen: Screen, control: FakeControl) -> None:
    control.close()
    rows = screen.says("CONTROL DOES NOT ANSWER")
    assert any("36.95" in row for row in rows)
    control.picture["loops"]["TIC-101"]["value"] = 35.5
    control.open()
    rows = screen.says("35.5 degC")
    assert not any("CONTROL DOES NOT ANSWER" in row for row in rows)


@pytest.mark.slow
def test_a_resized_window_is_filled_again(screen: Screen) -> None:
    screen.raw = b""
    screen.resize(100, 30)
    os.killpg(screen.child.pid, signal.SIGWINCH)
    rows = until(
        lambda: (found := screen.shown()) and "q quit" in found[-1] and len(found) == 30 and found, 60.0
    )
    assert max(map(len, rows)) <= 100


@pytest.mark.slow
@pytest.mark.parametrize(("how", "code"), [("ctrl-c", 0), ("term", 143)])
def test_however_it_ends_the_terminal_is_left_as_it_was(how: str, code: int, screen: Screen) -> None:
    if how == "ctrl-c":
        screen.press("\x03")
    else:
        screen.child.send_signal(signal.SIGTERM)
    assert screen.end() == code
    assert left_clean(screen)


def once(state: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgectl", "top", *words],
        cwd=ROOT, env=environment(state) | {"COLUMNS": "80", "LINES": "24"} | more, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip


@pytest.mark.slow
def test_once_prints_one_screen_without_codes(control: FakeControl, tmp_path: Path) -> None:
    control.picture = troubled()
    done = once(tmp_path, "--once", "--page", "2", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 24
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in done.stdout
    assert "ALARMS wait" in lines[1]


@pytest.mark.slow
def test_without_a_unit_it_says_what_to_do(tmp_path: Path) -> None:
    for words in (("--once",), ("NOWHERE",)):
        done = once(tmp_path, *words)
        assert done.returncode == 3
        assert done.stderr.startswith("top: ")
        assert "Traceback" not in done.stderr
    (tmp_path / "BR-9").mkdir()
    away = once(tmp_path, "BR-9", "--once")
    assert (away.returncode, "CONTROL DOES NOT ANSWER" in away.stdout) == (3, True)


@pytest.mark.slow
def test_a_unit_that_runs_is_shown(tmp_path: Path) -> None:
    """The demo with real processes; what it stores for a broker that is away is counted."""
    with running(tmp_path, 3.0) as unit:
        until(lambda: unit.status()["loops"], 60.0)
        for page in range(1, 7):
            done = once(unit.state, "--once", "--page", str(page))
            assert (done.returncode, done.stderr) == (0, "")
            lines = done.stdout.splitlines()
            assert len(lines) == 24
            assert max(map(len, lines)) <= 80
        shown = until(
            lambda: (text := once(unit.state, "--once").stdout) and "SCADA offline" in text and text, 60.0
        )
        stored = re.search(r"SCADA offline since [\d:]+ UTC .*, (\d+) records stored", shown)
        assert stored
        assert int(stored.group(1)) > 0
        found = unit.command("doctor", "--json")
        document = json.loads(found.stdout)
        assert document["running"]
        about = {(f["group"], f["about"]): f["verdict"] for f in document["findings"]}
        assert about["lines", "line probes"] == "ok"
        assert about["unit", "plan"] == "ok"
        assert about["uplink", f"broker 127.0.0.1:{unit.mqtt}"] == "bad"
        assert not [f for f in document["findings"] if "this check failed" in f["why"]]
        assert found.returncode == 1
