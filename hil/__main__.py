"""`python -m hil`: serve a rig, give it orders, listen to a broker, run a broker."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from hil.broker import Broker
from hil.rig import Rig, RigError
from hil.serve import ask, serve
from hil.still import StillPlant
from hil.subscriber import Subscriber


def main() -> int:
    """Run one command; 0 is success, 1 a refusal, 2 a wrong command line."""
    arguments = _parser().parse_args()
    try:
        return int(arguments.run(arguments))
    except (RigError, OSError, TimeoutError) as error:
        print(f"hil {arguments.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hil", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    command = commands.add_parser("serve", help="serve a rig on pseudo-terminals and TCP")
    command.add_argument("rig", help="demo, bench, or a rig file")
    command.add_argument("--dir", type=Path, help="where links and control socket go (default: a new one)")
    command.add_argument("--speed", type=float, default=1.0, help="plant seconds in a line second (1)")
    command.add_argument(
        "--clock", type=float, default=1.0, help="line seconds in a second (1): instruments hurry as well"
    )
    command.add_argument("--seed", type=int, default=1)
    command.add_argument("--paced", action="store_true", help="serial lines take their wire time")
    command.add_argument(
        "--strict", action="store_true", help="RTU instruments miss requests after a short gap"
    )
    command.add_argument(
        "--still", action="store_true", help="a plant that stands still: order `still` moves it"
    )
    command.add_argument(
        "--start", action="append", default=[], metavar="NAME=VALUE", help="such as temperature_c=37"
    )
    command.add_argument("--with-parent", action="store_true", help="stop when standard input closes")
    command.set_defaults(run=_serve)

    command = commands.add_parser(
        "ask",
        help="give a served rig an order",
        epilog="orders: truth outputs fault clear faults log counts where hold swap second still sessions",
    )
    command.add_argument("control", help="the rig's control socket")
    command.add_argument("order", help="such as truth, or fault probes/1 mute rate=0.5")
    command.add_argument("words", nargs="*", help="target, verb, name=value")
    command.set_defaults(run=_ask)

    command = commands.add_parser("listen", help="print MQTT messages as JSON lines")
    command.add_argument("host")
    command.add_argument("port", type=int)
    command.add_argument("topics", nargs="+")
    command.add_argument("--count", type=int, default=0, help="stop after so many messages")
    command.add_argument("--for", dest="for_s", type=float, default=None, help="stop after so many seconds")
    command.set_defaults(run=_listen)

    command = commands.add_parser("broker", help="run a small MQTT broker")
    command.add_argument("--host", default="127.0.0.1")
    command.add_argument("--port", type=int, default=0, help="0 takes a free port")
    command.add_argument("--with-parent", action="store_true", help="stop when standard input closes")
    command.set_defaults(run=_broker)
    return parser


def _serve(arguments: argparse.Namespace) -> int:
    if min(arguments.speed, arguments.clock) <= 0.0:
        raise RigError(f"--speed {arguments.speed} --clock {arguments.clock}: must be above 0")
    directory = arguments.dir or Path(tempfile.mkdtemp(prefix="hil-"))
    rig = Rig.load(
        arguments.rig,
        arguments.seed,
        speed=arguments.speed,
        paced=arguments.paced or arguments.strict,
        strict=arguments.strict,
        plant=StillPlant() if arguments.still else None,
        start={name: float(value) for name, _, value in (word.partition("=") for word in arguments.start)},
    )
    serve(rig, directory.absolute(), with_parent=arguments.with_parent, clock=arguments.clock)
    return 0


def _ask(arguments: argparse.Namespace) -> int:
    order: dict[str, Any] = {"do": arguments.order}
    positions = ["target", "verb"]
    for word in arguments.words:
        name, equals, value = word.partition("=")
        if equals:
            order[name] = _number(value)
        elif positions:
            order[positions.pop(0)] = word
        else:
            raise RigError(f"{word!r}: expected name=value")
    reply = ask(arguments.control, order)
    print(json.dumps(reply))
    return 0 if reply["ok"] else 1


def _number(text: str) -> Any:
    """A JSON value where the text is one, otherwise the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _listen(arguments: argparse.Namespace) -> int:
    return asyncio.run(_print_messages(arguments))


async def _print_messages(arguments: argparse.Namespace) -> int:
    started_s, heard = time.monotonic(), 0
    try:
        async with (
            asyncio.timeout(arguments.for_s),
            Subscriber(
                arguments.host,
                arguments.port,
                arguments.topics,
                client_id=f"hil-listener-{time.monotonic_ns() % 1_000_000:06d}",
            ) as listener,
        ):
            async for message in listener:
                heard += 1
                print(
                    json.dumps(
                        {
                            "t_s": round(time.monotonic() - started_s, 3),
                            "topic": message.topic,
                            "payload": message.payload.decode(errors="backslashreplace"),
                            "qos": message.qos,
                            "retain": message.retain,
                        }
                    ),
                    flush=True,
                )
                if heard == arguments.count:
                    return 0
    except TimeoutError:
        return 0 if heard or arguments.count == 0 else 1
    print("hil listen: the broker closed the connection", file=sys.stderr)
    return 1


def _broker(arguments: argparse.Namespace) -> int:
    return asyncio.run(_run_broker(arguments))


async def _run_broker(arguments: argparse.Namespace) -> int:
    loop, stopped, broker = asyncio.get_running_loop(), asyncio.Event(), Broker()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if arguments.with_parent:
        loop.add_reader(sys.stdin.fileno(), lambda: stopped.set() if not os.read(0, 4096) else None)
    print(json.dumps({"port": await broker.start(arguments.host, arguments.port)}), flush=True)
    await stopped.wait()
    await broker.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
