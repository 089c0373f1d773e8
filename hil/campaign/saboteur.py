"""Exceptions and standstills inside the unit's own processes, by a module that Python itself imports at their start.

Nothing in the product knows of it. What it breaks is said in a file it looks at before each call, so a row can begin and end it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_HOOK = """
import asyncio, functools, importlib.abc, importlib.machinery, inspect, json, sys, time

ORDERS = {orders!r}
TARGETS = {targets!r}


def orders(target):
    with open(ORDERS) as file:
        return json.load(file).get(target)


def broken(target, what):
    def strike(args):
        order = orders(target)
        names = ["", *(getattr(getattr(one, "instrument", one), "name", "") for one in args)]
        if order is None or order["about"] not in names:
            return False
        if order["how"] == "raise":
            raise RuntimeError("sabotage")
        return True

    @functools.wraps(what)
    def sync(*args, **words):
        while strike(args):
            time.sleep(0.1)
        return what(*args, **words)

    @functools.wraps(what)
    async def later(*args, **words):
        while strike(args):
            await asyncio.sleep(0.1)
        return await what(*args, **words)

    return later if inspect.iscoroutinefunction(what) else sync


class Saboteur(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        places = [place for place in TARGETS if place.partition(":")[0] == name]
        spec = importlib.machinery.PathFinder.find_spec(name, path) if places else None
        if spec is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            for place in places:
                *owners, last = place.partition(":")[2].split(".")
                owner = functools.reduce(getattr, owners, module)
                setattr(owner, last, broken(place, getattr(owner, last)))

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Saboteur())
"""


class Saboteur:
    """Breaks functions named like `package.module:Class.function` in every process that gets its `env`."""

    def __init__(self, folder: Path, *targets: str) -> None:
        self._folder = folder / "saboteur"
        self._folder.mkdir()
        self._orders = self._folder / "orders.json"
        self.order()
        hook = _HOOK.format(orders=str(self._orders), targets=targets)
        (self._folder / "sitecustomize.py").write_text(hook)

    @property
    def env(self) -> dict[str, str]:
        """What puts it into a process."""
        return {"PYTHONPATH": str(self._folder)}

    def order(self, target: str = "", how: str = "", about: str = "") -> None:
        """From now on calls of `target` that are `about` something `raise` or `stand`; without a target, none."""
        orders: dict[str, Any] = {target: {"how": how, "about": about}} if target else {}
        new = self._orders.with_suffix(".new")
        new.write_text(json.dumps(orders))
        new.replace(self._orders)
