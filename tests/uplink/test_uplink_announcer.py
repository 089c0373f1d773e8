"""The uplink says whether it is connected, again and again, and no control process can stop it from working."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edgectl.control.control_socket import ControlSocket
from edgectl.control.intake import Intake
from edgectl.uplink.announcer import Announcer

Heard = list[tuple[bool, str, str]]


@contextlib.asynccontextmanager
async def control(path: Path) -> AsyncIterator[Heard]:
    """A control socket that remembers what it hears."""
    heard: Heard = []
    served = ControlSocket(path, Intake(), dict, lambda *word: heard.append(word))
    await served.open()
    try:
        yield heard
    finally:
        await served.close()


@contextlib.asynccontextmanager
async def announcing(path: Path, every_s: float) -> AsyncIterator[Announcer]:
    announcer = Announcer(path, every_s)
    task = asyncio.create_task(announcer.run())
    try:
        yield announcer
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait({task})


async def until(heard: Heard, count: int) -> Heard:
    async with asyncio.timeout(5):
        while len(heard) < count:  # noqa: ASYNC110 - nobody signals what a test waits for
            await asyncio.sleep(0.01)
    return heard


async def test_it_says_so_at_once_when_it_changes_and_again_while_it_lasts(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    async with control(path) as heard, announcing(path, 30.0) as announcer:
        assert await until(heard, 1) == [(False, "not connected yet", "")]
        announcer.say(connected=True)
        assert (await until(heard, 2))[1:] == [(True, "", "")]
        announcer.say(connected=False, detail="refused")
        assert (await until(heard, 3))[2:] == [(False, "refused", "")]
        announcer.note("the certificate ends")
        announcer.note("the certificate ends")
        assert (await until(heard, 4))[3:] == [(False, "refused", "the certificate ends")]
    async with control(path) as heard, announcing(path, 0.05):
        await until(heard, 4)


async def test_control_may_come_late_go_and_come_back(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    async with announcing(path, 0.05) as announcer:
        announcer.say(connected=True)
        await asyncio.sleep(0.1)
        for _ in range(2):
            async with control(path) as heard:
                assert (await until(heard, 2))[0] == (True, "", "")


@pytest.mark.parametrize("answer", [b'{"error": "do: expected status or request"}\n', b"not json\n", b""])
async def test_an_answer_that_makes_no_sense_is_no_reason_to_end(answer: bytes, tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    asked = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(answer)
        writer.close()

    server = await asyncio.start_unix_server(serve, str(path))
    async with announcing(path, 0.05):
        async with asyncio.timeout(5):
            while len(asked) < 3:  # noqa: ASYNC110 - nobody signals what a test waits for
                await asyncio.sleep(0.01)
    server.close()


@pytest.mark.parametrize(
    "line", [b'{"do": "uplink"}', b'{"do": "uplink", "connected": 1}', b'{"do": "uplink", "connected": true, "detail": 3}',
     b'{"do": "uplink", "connected": true, "notice": null}']
)  # fmt: skip
async def test_a_word_that_says_nothing_is_refused_and_not_heard(line: bytes, tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    async with control(path) as heard:
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(line + b"\n")
        assert b"connected: expected true or false" in await reader.readline()
        writer.write(b'{"do": "uplink", "connected": true, "notice": "\\ud800"}\n')
        assert b"half a character" in await reader.readline()
        writer.write(
            b'{"do": "uplink", "connected": true, "detail": "'
            + b"x" * 999
            + b'", "notice": "'
            + b"y" * 2000
            + b'"}\n'
        )
        assert b'"heard": true' in await reader.readline()
        assert heard == [(True, "x" * 200, "y" * 1000)]
        writer.close()
