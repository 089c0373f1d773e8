"""Requests from people and hosts on their way to the next scan, and the answers on their way back."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterable
from typing import Any, NoReturn

from edgectl.control.refusals import Refused
from edgectl.model.request import LONGEST_HOST, Ask, Origin, Reply, Request, is_host

_MOST_WAITING = 100
_LONGEST_TEXT = 500
_KEYS = {"id", "do", "ask", "target", "value", "actor", "reason", "origin", "host"}
_REFUSED_KEYS = {"id", "do", *Refused._fields}


class Intake:
    """Holds requests for the next scan. Bounded: what does not fit is refused at once."""

    def __init__(self) -> None:
        self._requests: list[Request] = []
        self._waiting: dict[str, asyncio.Future[Reply]] = {}

    async def ask(self, request: Request) -> Reply:
        """Put a request to the core and wait for its answer, which comes with the next scan."""
        if len(self._waiting) >= _MOST_WAITING:
            return Reply(
                request.identity, accepted=False, reason="too many requests are waiting; ask again later"
            )
        if request.identity in self._waiting:
            return Reply(
                request.identity, accepted=False, reason="a request of this identity is waiting already"
            )
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[request.identity] = answer
        self._requests.append(request)
        try:
            return await answer
        finally:
            self._waiting.pop(request.identity, None)

    def take(self) -> tuple[Request, ...]:
        """Everything asked since the last scan, in order."""
        if not self._requests:
            return ()
        requests, self._requests = tuple(self._requests), []
        return requests

    def answer(self, replies: Iterable[Reply]) -> None:
        """Hand out the answers of a scan."""
        for reply in replies:
            answer = self._waiting.get(reply.identity)
            if answer is not None and not answer.done():
                answer.set_result(reply)


def parse(line: bytes) -> dict[str, Any]:
    """One line of the control socket as an object.

    Raises:
        ValueError: it is not one; the text says why.
    """
    try:
        data = json.loads(line, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(data, dict):
        raise ValueError('expected one JSON object per line, such as {"do": "status"}')
    return data


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number here")


def request_from(data: dict[str, Any], identity: str) -> Request:
    """A request as the core understands it. Whether it may be granted is the core's to say.

    Raises:
        ValueError: a field is missing, unknown or of the wrong kind; the text names it.
    """
    _check_keys(data, _KEYS)
    word = text_of(data, "ask")
    if word not in {ask.value for ask in Ask}:
        raise ValueError(f"ask: expected one of {', '.join(ask.value for ask in Ask)}, found {word!r}")
    origin = _origin(data)
    return Request(
        identity,
        Ask(word),
        text_of(data, "target"),
        _value(data),
        text_of(data, "actor"),
        text_of(data, "reason"),
        origin,
        _host(data, origin),
    )


def refused_from(data: dict[str, Any]) -> Refused:
    """What the uplink tells of a command that it refused itself. It says why; what it could not read of the command is empty.

    Raises:
        ValueError: a field is missing, unknown, too long or of the wrong kind; the text names it.
    """
    _check_keys(data, _REFUSED_KEYS)
    said = {
        key: "" if data.get(key) == "" else text_of(data, key) for key in Refused._fields if key != "reason"
    }
    return Refused(**said, reason=text_of(data, "reason"))


def _check_keys(data: dict[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(data) - known):
        raise ValueError(f"unknown field {unknown[0]!r}; known are {', '.join(sorted(known))}")


def _origin(data: dict[str, Any]) -> Origin:
    word = data.get("origin", Origin.LOCAL.value)
    if word not in {origin.value for origin in Origin}:
        raise ValueError(
            f"origin: expected one of {', '.join(origin.value for origin in Origin)}, found {word!r}"
        )
    return Origin(word)


def _host(data: dict[str, Any], origin: Origin) -> str:
    """Which host asks: without one nobody far away is heard, and nobody beside the unit speaks for one."""
    if origin is Origin.LOCAL:
        if "host" in data:
            raise ValueError("host: only a request of origin remote comes from a host")
        return ""
    host = text_of(data, "host")
    if not is_host(host):
        raise ValueError(f"host: expected a name of 1 to {LONGEST_HOST} printable characters without /")
    return host


def text_of(data: dict[str, Any], key: str) -> str:
    """A text of the control socket.

    Raises:
        ValueError: there is none, or it is too long.
    """
    value = data.get(key)
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST_TEXT:
        raise ValueError(f"{key}: expected a text of 1 to {_LONGEST_TEXT} characters")
    check_whole(value, key)
    return value


def check_whole(text: str, key: str) -> None:
    """JSON can spell half a character, which no record can hold.

    Raises:
        ValueError: ``text`` has one.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{key}: has half a character (a lone surrogate)") from None


def _value(data: dict[str, Any]) -> float | str:
    value = data.get("value")
    if isinstance(value, str):
        return text_of(data, "value")
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise ValueError("value: expected a finite number, or a word")
