"""How busy a line will be: bytes at its rate, silences and the time instruments take, against the poll periods asked for."""

from __future__ import annotations

from collections.abc import Mapping

from edgectl.config.actuator import Actuators
from edgectl.config.draft import Draft
from edgectl.config.instrument import InstrumentPart, Instruments
from edgectl.config.quantity import show_duration
from edgectl.model.plan import LinePlan, Medium, Parity, Protocol

_MOST = 0.8
# Estimates where the true figure is the instrument's own: characters out and in, and its time to answer.
_CHARACTERS: Mapping[Protocol, int] = {
    Protocol.MODBUS_RTU: 8 + 25 + 7,
    Protocol.MODBUS_TCP: 0,
    Protocol.ASCII: 8 + 45,
}
_ANSWER_S: Mapping[Protocol, float] = {
    Protocol.MODBUS_RTU: 0.010,
    Protocol.MODBUS_TCP: 0.005,
    Protocol.ASCII: 0.020,
}


def exchange_s(line: LinePlan) -> float:
    """About how long one request and its reply keep a line busy, s."""
    parity = 0 if line.parity is Parity.NONE else 1
    bits = 1 + line.data_bits + parity + line.stop_bits
    wire_s = _CHARACTERS[line.protocol] * bits / line.baud if line.medium is Medium.SERIAL else 0.0
    return (wire_s + _ANSWER_S[line.protocol]) / line.in_flight


def check_loads(
    draft: Draft, lines: Mapping[str, LinePlan | None], instruments: Instruments, actuators: Actuators
) -> None:
    """Warn of lines that would be busy more than 80 % of the time."""
    for name, line in lines.items():
        if line is None:
            continue
        parts = [part for part in instruments.values() if part and part.plan.line == name]
        shares = {part.plan.name: _share(part, exchange_s(line), actuators) for part in parts}
        load = sum(shares.values())
        if load > _MOST:
            sums = " + ".join(f"{instrument} {share:.0%}" for instrument, share in shares.items())
            draft.warn(
                ("lines", name),
                f"the line would be busy {load:.0%} of the time, more than {_MOST:.0%}: {sums}, "
                f"at about {show_duration(exchange_s(line))} an exchange",
                "poll less often, raise the baud rate, or move an instrument to another line",
                on_key=True,
            )


def _share(part: InstrumentPart, cost_s: float, actuators: Actuators) -> float:
    polls = sum(cost_s / (part.plan.poll_s * poll.every) for poll in part.polls)
    prefix = f"{part.plan.name}."
    writes = sum(cost_s / a.renew_s for a in actuators.values() if a and a.channel.startswith(prefix))
    return polls + writes
