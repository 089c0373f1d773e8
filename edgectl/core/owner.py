"""Remote authority has one owner: the first host that is granted something. What any other host asks is refused, and stands as a conflict."""

from __future__ import annotations

from dataclasses import replace

from edgectl.model.request import Ask, Authority, Origin, Request
from edgectl.model.state import UnitState

CONFLICT_S = 60.0
FIRST = "the first host that was granted something while authority is remote"

_LONGEST_TARGET = 40


def label(state: UnitState) -> str:
    """Whose requests are heard, for people: the authority, and the host that has it."""
    return f"{state.authority.value} of {state.owner}" if state.owner else state.authority.value


def passed(state: UnitState, authority: Authority) -> UnitState:
    """The unit under ``authority``. Ownership ends when authority leaves the hosts; given to them again while they have it, it stays."""
    return state if authority is state.authority else replace(state, authority=authority, owner="")


def objection(state: UnitState, request: Request) -> str:
    """Why another host than the owner is not heard, and what to do; empty if this is not one."""
    if not _strange(state, request):
        return ""
    return (
        f"{state.owner} has remote authority: ask it to give authority back, or give it away anew beside the unit:"
        " edgectl authority local, then remote"
    )


def claimed(state: UnitState, request: Request) -> UnitState:
    """The unit after a request was granted: the first host is the owner."""
    if state.owner or state.authority is not Authority.REMOTE or not _claims(request):
        return state
    return replace(state, owner=request.host)


def disputed(state: UnitState, request: Request) -> UnitState:
    """The unit after a request was refused: that of another host than the owner stands as a conflict."""
    if not _strange(state, request):
        return state
    wish = f"{request.ask.value} of {request.target:.{_LONGEST_TARGET}}"
    conflict = f"{request.who} asks for {wish}, but {state.owner} has remote authority"
    return replace(state, conflict=conflict, conflict_s=CONFLICT_S)


def faded(state: UnitState, dt_s: float) -> UnitState:
    """The unit ``dt_s`` later: a conflict is over when none was added for a minute."""
    if not state.conflict:
        return state
    left_s = state.conflict_s - dt_s
    return replace(state, conflict_s=left_s) if left_s > 0.0 else replace(state, conflict="", conflict_s=0.0)


def _claims(request: Request) -> bool:
    """Whether a request is one that only the owner may make: whoever sees an alarm may say so."""
    return request.origin is Origin.REMOTE and request.ask is not Ask.ACKNOWLEDGE


def _strange(state: UnitState, request: Request) -> bool:
    return bool(state.owner) and _claims(request) and request.host != state.owner
