"""What ``edgectl scan`` found: who answers where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from edgectl.model.instrument import Identity


@dataclass(frozen=True, slots=True)
class Find:
    """An instrument that answered. ``told`` are options that the find decides, ``after_s`` is how long it took, ``note`` what is odd about it."""

    address: str
    driver: str
    identity: Identity = field(default_factory=lambda: Identity("", ""))
    note: str = ""
    told: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0.0

    @property
    def name(self) -> str:
        """Maker and model, or what is known instead."""
        identity = self.identity
        return f"{identity.maker} {identity.model}".strip() or self.note or "unknown"


@dataclass(slots=True)
class Place:
    """A port or host, how it is reached, and who answers there.

    ``protocol`` is empty while nobody answered. ``held`` says why it was not asked, ``strange`` what was heard that nobody knows.
    """

    port: str = ""
    host: str = ""
    tcp_port: int = 502
    protocol: str = ""
    baud: int = 0
    framing: str = ""
    adapter: Mapping[str, str] = field(default_factory=dict)
    finds: list[Find] = field(default_factory=list)
    held: str = ""
    strange: str = ""
    took_s: float = 0.0

    @property
    def name(self) -> str:
        """Where it is."""
        return self.port or f"{self.host}:{self.tcp_port}"

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Place:
        """From JSON.

        Raises:
            KeyError, TypeError: it was not written by ``plain``.
        """
        finds = [Find(**{**find, "identity": Identity(**find["identity"])}) for find in plain["finds"]]
        return cls(**{**plain, "finds": finds})
