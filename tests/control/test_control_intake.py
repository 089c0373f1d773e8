"""The control socket answers everybody, believes nobody, and is never waited for."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edgectl.control.control_socket import ControlSocket
from edgectl.control.intake import Intake, parse, refused_from, request_from
from edgectl.control.refusals import Refused
from edgectl.model.request import Ask, Origin, Reply, Request

GOOD = {
    "id": "7",
    "do": "request",
    "ask": "setpoint",
    "target": "TIC-101",
    "value": 37.5,
    "actor": "anna",
    "reason": "batch sheet",
}
FAR = {**GOOD, "origin": "remote", "host": "scada-1"}
STALE = {
    "do": "refused",
    "host": "scada-1",
    "actor": "anna",
    "wish": "setpoint 36",
    "target": "TIC-101",
    "reason": "older than 10 s",
}


@pytest.fixture
async def intake(tmp_path: Path) -> AsyncIterator[Intake]:
    """An intake behind a socket, without a core."""
    desk = Intake()
    served = ControlSocket(tmp_path / "control.sock", desk, lambda: {"unit": "T1", "scan": 3})
    await served.open()
    yield desk
    await served.close()


async def client(tmp_path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(str(tmp_path / "control.sock"))


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes) -> dict[str, Any]:
    writer.write(line + b"\n")
    answer: dict[str, Any] = json.loads(await asyncio.wait_for(reader.readline(), 2))
    return answer


async def next_scan(intake: Intake) -> tuple[Request, ...]:
    while not (taken := intake.take()):  # noqa: ASYNC110 - a scan looks now and then, as here
        await asyncio.sleep(0.001)
    return taken


async def test_a_request_waits_for_the_scan_and_gets_its_answer(intake: Intake, tmp_path: Path) -> None:
    reader, writer = await client(tmp_path)
    asking = asyncio.create_task(exchange(reader, writer, json.dumps(GOOD).encode()))
    (request,) = await next_scan(intake)
    assert request[1:] == (Ask.SETPOINT, "TIC-101", 37.5, "anna", "batch sheet", Origin.LOCAL, "")
    intake.answer((Reply(request.identity, accepted=False, reason="above 42 degC"),))
    assert await asking == {"id": "7", "accepted": False, "reason": "above 42 degC"}
    writer.close()


async def test_two_clients_with_the_same_id_get_their_own_answers(intake: Intake, tmp_path: Path) -> None:
    first, second = await client(tmp_path), await client(tmp_path)
    line = json.dumps(GOOD).encode()
    asking = [asyncio.create_task(exchange(*c, line)) for c in (first, second)]
    taken: list[Request] = []
    while len(taken) < 2:
        taken += await next_scan(intake)
    intake.answer(Reply(r.identity, accepted=n == 0, reason="") for n, r in enumerate(taken))
    answers = await asyncio.gather(*asking)
    assert sorted(a["accepted"] for a in answers) == [False, True]
    for _, writer in (first, second):
        writer.close()


async def test_status_is_one_line_and_the_file_is_for_owner_and_group(intake: Intake, tmp_path: Path) -> None:
    reader, writer = await client(tmp_path)
    assert await exchange(reader, writer, b'{"do": "status"}') == {"id": None, "unit": "T1", "scan": 3}
    assert stat.S_IMODE((tmp_path / "control.sock").stat().st_mode) == 0o660
    writer.close()


def broken_lines(seed: int, count: int) -> list[bytes]:
    """Lines that are nearly requests: cut, flipped, of the wrong kind, too deep, or plain noise."""
    dice = random.Random(seed)
    whole = json.dumps(GOOD).encode()
    wrong: tuple[object, ...] = (None, [], {}, True, "", -1e400)
    fields = [{**GOOD, key: value} for key in GOOD if key != "id" for value in wrong]
    lines = [json.dumps(f).encode() for f in fields if f != GOOD]
    lines += [
        b"[" * 4000,
        b"{" * 500,
        b'{"do": "request", "value": NaN}',
        b'{"do":"request"}',
        b"\xff\xfe",
        b"",
    ]
    lines += [json.dumps({**GOOD, "extra": 1}).encode(), json.dumps({**GOOD, "value": 10**400}).encode()]
    while len(lines) < count:
        cut = bytearray(whole[: dice.randrange(len(whole) - 1)])
        for _ in range(dice.randrange(4)):
            if cut:
                cut[dice.randrange(len(cut))] = dice.choice(b'{}[]",:0aZ\x00\xf0')
        lines.append(bytes(cut).replace(b"\n", b" "))
    return lines[:count]


async def test_a_thousand_malformed_lines_change_nothing_and_are_all_answered(
    intake: Intake, tmp_path: Path
) -> None:
    reader, writer = await client(tmp_path)
    for line in broken_lines(1, 1000):
        answer = await exchange(reader, writer, line)
        assert answer.get("error"), line
        assert intake.take() == (), line
    assert (await exchange(reader, writer, b'{"do": "status"}'))["unit"] == "T1"
    writer.close()


async def test_a_line_without_end_is_answered_and_ends_the_connection(intake: Intake, tmp_path: Path) -> None:
    reader, writer = await client(tmp_path)
    writer.write(b"x" * 10_000)
    assert "at most 4096 bytes" in json.loads(await reader.readline())["error"]
    assert await reader.read() == b""
    writer.close()


async def test_a_client_that_does_not_read_is_dropped_and_nobody_waits_for_it(
    intake: Intake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgectl.control.control_socket._PATIENCE_S", 0.1)
    deaf = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    deaf.connect(str(tmp_path / "control.sock"))
    deaf.setblocking(False)
    flood = b'{"do": "status"}\n' * 200
    dropped = False
    for _ in range(400):
        try:
            deaf.send(flood)
        except BlockingIOError:
            await asyncio.sleep(0.01)
        except (BrokenPipeError, ConnectionResetError):
            dropped = True
            break
        await asyncio.sleep(0)
    deaf.close()
    assert dropped
    reader, writer = await client(tmp_path)
    assert (await exchange(reader, writer, b'{"do": "status"}'))["unit"] == "T1"
    writer.close()


async def test_when_all_places_are_taken_the_longest_silent_client_gives_way(
    intake: Intake, tmp_path: Path
) -> None:
    clients = [await client(tmp_path) for _ in range(16)]
    for each in clients:
        await exchange(*each, b'{"do": "status"}')
    await exchange(*clients[0], b'{"do": "status"}')
    late = await client(tmp_path)
    assert (await exchange(*late, b'{"do": "status"}'))["unit"] == "T1"
    assert await asyncio.wait_for(clients[1][0].read(), 1) == b""
    assert (await exchange(*clients[0], b'{"do": "status"}'))["unit"] == "T1"
    for _, writer in (*clients, late):
        writer.close()


async def test_more_than_a_hundred_waiting_requests_are_refused_at_once() -> None:
    intake = Intake()
    requests = [Request(str(n), Ask.OUTPUT, "x", 1.0, "a", "r") for n in range(101)]
    asking = [asyncio.create_task(intake.ask(r)) for r in requests]
    await asyncio.sleep(0)
    assert (await asking[100]).accepted is False
    assert len(intake.take()) == 100
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"ask": "reboot"}, "ask"),
        ({"value": True}, "value"),
        ({"value": None}, "value"),
        ({"actor": " "}, "actor"),
        ({"reason": "r" * 501}, "reason"),
        ({"target": 3}, "target"),
        ({"vlaue": 3}, "vlaue"),
        ({"actor": "anna\ud800"}, "actor: has half a character"),
        ({"value": "\udfff"}, "value: has half a character"),
        ({"origin": "afar"}, "origin"),
        ({"host": "scada-1"}, "host: only a request of origin remote"),
        ({"host": ""}, "host: only a request of origin remote"),
        ({"origin": "local", "host": "scada-1"}, "host: only a request of origin remote"),
        ({"origin": "remote"}, "host: expected a text"),
        ({"origin": "remote", "host": ""}, "host: expected a text"),
        ({"origin": "remote", "host": None}, "host: expected a text"),
        ({"origin": "remote", "host": " "}, "host: expected a text"),
        ({"origin": "remote", "host": "h" * 65}, "host: expected a name"),
        ({"origin": "remote", "host": "scada-1/anna"}, "host: expected a name"),
        ({"origin": "remote", "host": "scada\n1"}, "host: expected a name"),
    ],
)
def test_a_wrong_request_is_refused_by_the_name_of_the_field(change: dict[str, Any], names: str) -> None:
    with pytest.raises(ValueError, match=names):
        request_from({**GOOD, **change}, "1")


@pytest.mark.parametrize("line", [b"NaN", b"[]", b'{"a": Infinity}', b"[" * 4000, b"nonsense"])
def test_what_is_no_object_is_no_request(line: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(line)


def test_a_request_from_afar_says_through_which_host() -> None:
    request = request_from(FAR, "1")
    assert (request.origin, request.host, request.who) == (Origin.REMOTE, "scada-1", "scada-1/anna")
    assert request_from({**FAR, "host": "h" * 64}, "1").host == "h" * 64
    local = request_from(GOOD, "1")
    assert (local.origin, local.host, local.who) == (Origin.LOCAL, "", "anna")


def test_what_the_uplink_could_not_read_of_a_refused_command_is_empty() -> None:
    assert refused_from(STALE) == Refused("scada-1", "anna", "setpoint 36", "TIC-101", "older than 10 s")
    bare = refused_from({**STALE, "host": "", "actor": "", "wish": "", "target": ""})
    assert (bare, bare.who) == (Refused("", "", "", "", "older than 10 s"), "uplink")
    assert refused_from({**STALE, "actor": ""}).who == "scada-1"
    assert refused_from({**STALE, "id": 7}).who == "scada-1/anna"


@pytest.mark.parametrize("key", Refused._fields)
@pytest.mark.parametrize("value", [None, 3, [], "x" * 501, "half \ud800"])
def test_a_refusal_of_the_uplink_is_checked_as_a_request_is(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=key):
        refused_from({**STALE, key: value})
    with pytest.raises(ValueError, match="reason"):
        refused_from({**STALE, "reason": ""})
    with pytest.raises(ValueError, match="unknown field 'value'"):
        refused_from({**STALE, "value": 36.0})


async def test_the_uplink_is_told_that_it_was_heard(tmp_path: Path) -> None:
    heard: list[Refused] = []
    path = tmp_path / "control.sock"
    served = ControlSocket(path, Intake(), dict, refused=heard.append)
    await served.open()
    reader, writer = await client(tmp_path)
    answer = await exchange(reader, writer, json.dumps({**STALE, "id": "c-7"}).encode())
    assert answer == {"id": "c-7", "heard": True}
    assert "actor" in (await exchange(reader, writer, json.dumps({**STALE, "actor": 3}).encode()))["error"]
    half = b'{"do": "uplink", "connected": true, "detail": "\\ud800"}'
    assert "detail: has half a character" in (await exchange(reader, writer, half))["error"]
    assert heard == [refused_from(STALE)]
    writer.close()
    await served.close()
