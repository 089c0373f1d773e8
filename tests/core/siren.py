"""A unit whose alarms are driven by words: the pressure rises and falls, the stirrer stops, people ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from edgectl.core.alarm import label
from edgectl.model.codec import from_plain, to_plain
from edgectl.model.event import Event
from edgectl.model.plan import Plan
from edgectl.model.request import Ask, Reply, Request
from edgectl.model.safety import AlarmPlan, AuthorityPlan, Cause, InterlockPlan, Priority, Relation, Watch
from edgectl.model.state import AlarmState, Result, State
from tests.core.rig import Bench, demo

ON_S, OFF_S = 5, 4
VALUES = {"PT-101": 5.0, "ST-101": 150.0, "TT-101": 37.0}
STOP = InterlockPlan("stop", "ST-101", Relation.BELOW, 30.0, ("P-102",))
PAH = AlarmPlan(
    name="PAH",
    cause=Cause(Watch.TAG, "PT-101", Relation.ABOVE, 50.0, 10.0),
    priority=Priority.MEDIUM,
    on_delay_s=float(ON_S),
    off_delay_s=float(OFF_S),
    suppressed_by="stop",
)


def many(count: int, priority: Priority = Priority.LOW, prefix: str = "A") -> tuple[AlarmPlan, ...]:
    """Alarms without delays: the first calls above 50 mbar, the next above 51 and so on."""
    return tuple(
        AlarmPlan(f"{prefix}{i}", Cause(Watch.TAG, "PT-101", Relation.ABOVE, 50.0 + i), priority)
        for i in range(count)
    )


def plan_of(*alarms: AlarmPlan) -> Plan:
    """The outputs of the demo unit with these alarms and one interlock; an alarm may be shelved for 100 s."""
    tags = tuple(tag for tag in demo().tags if tag.name in VALUES)
    authority = AuthorityPlan(shelve_s=100.0)
    return demo(tags=tags, loops=(), alarms=alarms, interlocks=(STOP,), authority=authority)


@dataclass
class Siren(Bench):
    """A bench that speaks of alarms. ``restart``: the state passes through its plain form before every scan."""

    restart: bool = False
    words: Mapping[str, Callable[[], object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.values = dict(VALUES)
        self.words = {
            "high": lambda: self.press(60.0, ON_S),
            "almost": lambda: self.press(60.0, ON_S - 1),
            "back": lambda: self.press(5.0, OFF_S),
            "almost back": lambda: self.press(5.0, OFF_S - 1),
            "suppress": lambda: self.stir(0.0),
            "stir": lambda: self.stir(150.0),
            "ack": lambda: self.put(Ask.ACKNOWLEDGE),
            "reset": lambda: self.put(Ask.RESET),
            "shelve": lambda: self.put(Ask.SHELVE, value=50.0),
            "once": lambda: self.put(Ask.SHELVE),
            "unshelve": lambda: self.put(Ask.UNSHELVE),
            "retire": lambda: self.put(Ask.RETIRE),
            "return": lambda: self.put(Ask.RETURN),
            "scan": self.scan,
            "50 s": lambda: self.run(50),
            "100 s": lambda: self.run(100),
        }

    def scan(self, *requests: Request, dt_s: float | None = None) -> Result:
        if self.restart:
            self.state = from_plain(State, to_plain(self.state))
        return super().scan(*requests, dt_s=dt_s)

    def press(self, mbar: float | None, seconds: int = 1) -> None:
        self.values["PT-101"] = mbar
        self.run(seconds)

    def stir(self, rpm: float) -> None:
        self.values["ST-101"] = rpm
        self.scan()

    def put(self, ask: Ask, name: str = "PAH", value: float | str = 0.0, reason: str = "trial") -> Reply:
        return self.scan(Request("r", ask, name, value, "anna", reason)).replies[0]

    def say(self, words: str) -> str:
        """Do these things, separated by commas; how the alarm stands then."""
        for word in words.split(", "):
            self.words[word]()
        return self.label()

    def alarm(self, name: str = "PAH") -> AlarmState:
        return self.state.alarms[name]

    def label(self, name: str = "PAH") -> str:
        return label(self.alarm(name))

    def alarm_events(self) -> list[Event]:
        return [event for event in self.events if event.kind == "alarm"]

    def calls(self, name: str | None = None) -> list[Event]:
        """Calls so far: transitions to UNACK that nobody held back."""
        return [e for e in self.alarm_events() if e.after == "UNACK" and name in (None, e.subject)]


def siren(*alarms: AlarmPlan, restart: bool = False, **changes: object) -> Siren:
    """A unit in order, with PAH changed or with these alarms, for long enough that its interlock has cleared."""
    found = alarms or (replace(PAH, **changes),)  # type: ignore[arg-type]
    bench = Siren(plan_of(*found), restart=restart)
    bench.run(2)
    bench.events.clear()
    return bench
