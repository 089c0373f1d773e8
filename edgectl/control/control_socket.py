"""The control socket: one JSON object a line, in and out, for the command line and the uplink."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from edgectl.control.intake import Intake, check_whole, parse, refused_from, request_from
from edgectl.control.refusals import Refused

_LONGEST_LINE = 4096
_LONGEST_DETAIL = 200
_LONGEST_NOTICE = 1000
_MOST_CLIENTS = 16
_PATIENCE_S = 2.0
_MODE = 0o660


def _deaf(*_: object) -> None:
    """For a socket whose unit has no use for the uplink's word."""


class ControlSocket:
    """Serves status and requests on a Unix stream socket.

    ``experiment`` gives what an experiment on a loop recorded. ``hear`` is told whether the uplink says it is connected, what else it says, and
    its notice; ``refused`` which commands it refused itself; ``adopt`` which plan it shall go on under; ``edited`` how the unit's files differ from
    what is approved.
    A line that is not understood is answered with ``error``. A line too long ends the connection, and so does a client that does not
    read its answers for 2 s. When all places are taken the client silent for longest gives way.
    """

    def __init__(
        self,
        path: Path,
        intake: Intake,
        status: Callable[[], dict[str, Any]],
        hear: Callable[[bool, str, str], None] = _deaf,
        refused: Callable[[Refused], None] = _deaf,
        adopt: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]] | None = None,
        experiment: Callable[[str], dict[str, Any] | None] = _deaf,
        edited: Callable[[str], None] = _deaf,
    ) -> None:
        self._path, self._intake, self._status = path, intake, status
        self._hear, self._refused, self._adopt, self._experiment = hear, refused, adopt, experiment
        self._edited = edited
        self._clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._numbers = itertools.count(1)
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen. A socket file left by a process that died is replaced: the unit's lock says nobody else is there."""
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, str(self._path), limit=_LONGEST_LINE)
        self._path.chmod(_MODE)

    async def close(self) -> None:
        """Stop listening and drop every client."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
        clients = list(self._clients)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._clients) >= _MOST_CLIENTS:
            next(iter(self._clients)).cancel()
        self._clients[task] = writer
        try:
            with contextlib.suppress(ConnectionError, TimeoutError, asyncio.CancelledError):
                await self._converse(reader, writer, task)
        finally:
            del self._clients[task]
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, task: asyncio.Task[None]
    ) -> None:
        name = f"client {next(self._numbers)}"
        for count in itertools.count(1):
            try:
                line = await reader.readline()
            except ValueError:
                await self._send(
                    writer, {"id": None, "error": f"a line is at most {_LONGEST_LINE} bytes long"}
                )
                return
            if not line.endswith(b"\n"):
                return
            self._clients[task] = self._clients.pop(task)  # the order of the dictionary is who spoke last
            await self._send(writer, await self._answer(line, f"{name} request {count}"))

    async def _answer(self, line: bytes, identity: str) -> dict[str, Any]:
        try:
            data = parse(line)
        except ValueError as error:
            return {"id": None, "error": str(error)}
        try:
            return {"id": data.get("id"), **await self._act(data, identity)}
        except ValueError as error:
            return {"id": data.get("id"), "error": str(error)}

    async def _act(self, data: dict[str, Any], identity: str) -> dict[str, Any]:
        match data.get("do"):
            case "status":
                return self._status()
            case "request":
                reply = await self._intake.ask(request_from(data, identity))
                return {"accepted": reply.accepted, "reason": reply.reason}
            case "apply" if self._adopt is not None:
                return await self._adopt(data)
            case "experiment":
                return {"experiment": self._experiment(str(data.get("loop")))}
            case "uplink":
                self._hear(*_word(data))
            case "refused":
                self._refused(refused_from(data))
            case "files":
                self._edited(_differing(data))
            case other:
                words = "status, request, apply, experiment, uplink, refused or files"
                raise ValueError(f"do: expected {words}, found {other!r}")
        return {"heard": True}

    async def _send(self, writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
        writer.write(json.dumps(answer).encode() + b"\n")
        async with asyncio.timeout(_PATIENCE_S):
            await writer.drain()


def _word(data: dict[str, Any]) -> tuple[bool, str, str]:
    """What the uplink says of itself.

    Raises:
        ValueError: it does not say whether it is connected.
    """
    connected, detail, notice = data.get("connected"), data.get("detail", ""), data.get("notice", "")
    if not isinstance(connected, bool) or not isinstance(detail, str) or not isinstance(notice, str):
        raise ValueError("connected: expected true or false; detail, notice: expected a text")
    check_whole(detail, "detail")
    check_whole(notice, "notice")
    return connected, detail[:_LONGEST_DETAIL], notice[:_LONGEST_NOTICE]


def _differing(data: dict[str, Any]) -> str:
    """How files differ, in words.

    Raises:
        ValueError: it is no text.
    """
    text = data.get("differ")
    if not isinstance(text, str):
        raise ValueError("differ: expected a text, empty when the files agree")
    check_whole(text, "differ")
    return text[:_LONGEST_NOTICE]
