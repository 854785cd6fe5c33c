"""The tree of budgets and what is left in each node: plain reckoning in micro-EUR, without clock, disk or network.

A node's name is its path ("team/marco"), and its parent the nearest declared beginning of that path ("team"). What is
charged to a node counts in it and in every node above it, so each cap holds for all that is spent below.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from calibtui.core.errors import BudgetExhaustedError, SettingsError
from calibtui.core.money import MICRO
from calibtui.core.summary import BudgetLine
from calibtui.gateway.money.caps import cap_of
from calibtui.gateway.money.periods import Kind, Period, period_at, zone_named
from calibtui.workspace.reading import did_you_mean
from calibtui.workspace.settings import BudgetSettings

WARN_AT_PERCENT = (50, 80, 95)
CLOCK_BEHIND_S = 60.0
NOT_BEGUN = Period(0.0, 0.0)


@dataclass(slots=True)
class Node:
    """micro-EUR in the current `period`: `spent` by settled calls, `held` for calls in flight, `lost` for calls that a
    crash left without a reply, at their worst case. `warned`: the percentages that were warned of."""

    name: str
    cap: int
    kind: Kind
    zone: tzinfo
    period: Period = NOT_BEGUN
    spent: int = 0
    held: int = 0
    lost: int = 0
    warned: set[int] = field(default_factory=set)

    @property
    def certain(self) -> int:
        """What no reply still to come can give back."""
        return self.spent + self.lost

    def enter(self, now: float) -> None:
        """Begins the period of `now`, with nothing spent, where the last one is over."""
        if now >= self.period.ends_at:
            self.period = period_at(now, self.kind, self.zone)
            self.spent = self.held = self.lost = 0
            self.warned = set()

    def crossed(self) -> list[int]:
        """The percentages of the cap that are reached and not yet warned of; they count as warned from now on."""
        certain = self.certain * 100
        if not self.cap or certain < self.cap * WARN_AT_PERCENT[0]:
            return []
        reached = {p for p in WARN_AT_PERCENT if certain >= self.cap * p}
        new = sorted(reached - self.warned)
        self.warned |= reached
        return new


@dataclass(frozen=True, slots=True)
class Refusal:
    """The node that a call does not fit under. `final`: not even if every call in flight turns out to cost nothing."""

    node: Node
    worst_case: int
    final: bool

    def error(self, behind_s: float = 0.0) -> BudgetExhaustedError:
        """`behind_s`: how far the machine's clock is behind the newest call in the ledger, s."""
        node = self.node
        lost = f" and {written(node.lost)} counted for calls that a crash left open" if node.lost else ""
        each = "" if node.kind == "none" else f" a {node.kind}"
        message = (
            f"The budget {node.name} is exhausted: of {written(node.cap)} EUR{each}, {written(node.spent)} are spent, "
            f"{written(node.held)} held for calls in flight{lost}, "
            f"and the next call may cost {written(self.worst_case)}."
        )
        ways = [f"raise it with `calibtui budget set {node.name} EUR`"]
        if node.lost:
            ways.append("settle what the crash left with `calibtui budget reconcile`")
        if node.kind != "none":
            ways.append(f"wait for its next {node.kind}, which begins {_moment(node)}")
        text = ", or ".join(ways)
        hint = f"{text[0].upper()}{text[1:]}; everything so far is kept, and the same command resumes."
        if behind_s > CLOCK_BEHIND_S:
            hint += (
                f" This machine's clock is {behind_s:,.0f} s behind the newest call, so its period goes on: check it."
            )
        return BudgetExhaustedError(message, hint)


class BudgetTree:
    """The declared nodes, their paths and the users who are charged to them."""

    def __init__(self, nodes: Mapping[str, Node], users: Mapping[str, str]) -> None:
        self._nodes = dict(nodes)
        self._users = dict(users)
        self._paths = {name: tuple(self._nodes[above] for above in _upwards(name, self._nodes)) for name in self._nodes}

    @classmethod
    def from_settings(cls, budgets: Mapping[str, BudgetSettings]) -> BudgetTree:
        """Caps as declared. Raises SettingsError for a name that is no path, a user of two nodes, an unknown zone."""
        nodes: dict[str, Node] = {}
        users: dict[str, str] = {}
        for name, settings in budgets.items():
            _check_name(name)
            zone = zone_named(settings.zone)
            nodes[name] = Node(name, cap_of(settings.eur), settings.period, zone)
            if settings.user is not None and users.setdefault(settings.user, name) != name:
                raise SettingsError(
                    f"[budgets] names the user {settings.user!r} in both {users[settings.user]} and {name}.",
                    "A user's calls are charged to one node and those above it: write `user` in one of them.",
                )
        return cls(nodes, users)

    def __bool__(self) -> bool:
        return bool(self._nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    def node_of(self, user: str) -> str | None:
        """The node that the OS user's calls are charged to, None where there are no budgets at all.

        Raises SettingsError where there are some and none names the user.
        """
        if not self._nodes:
            return None
        if user not in self._users:
            raise SettingsError(
                f"[budgets] has no node with user = {user!r}, so there is nothing to charge this user's calls to.",
                f'Write user = "{user}" in the node that pays. {did_you_mean(user, self._users)}',
            )
        return self._users[user]

    def node(self, name: str) -> Node:
        """Raises SettingsError for a name that [budgets] doesn't declare."""
        if name not in self._nodes:
            raise SettingsError(f"[budgets] has no node {name!r}.", did_you_mean(name, self._nodes))
        return self._nodes[name]

    def path(self, name: str | None) -> tuple[Node, ...]:
        """From the node up to its root; () for None in an empty tree.

        Raises SettingsError for an unknown node, and for none where there are budgets.
        """
        if name is None and not self._nodes:
            return ()
        if name is None:
            raise SettingsError(
                "A call named no budget node, and [budgets] has some.", "Every call is charged to one of them."
            )
        return self._paths[self.node(name).name]

    def lineage(self, name: str) -> tuple[Node, ...]:
        """The declared nodes that a charge to `name` counts in, though `name` itself may be declared no more."""
        return tuple(self._nodes[above] for above in _upwards(name, self._nodes))

    def lines(self, now: float) -> tuple[BudgetLine, ...]:
        """Every node in the period of `now`, in the order they were declared."""
        return tuple(
            BudgetLine(node.name, node.cap, node.spent, node.held + node.lost)
            if now < node.period.ends_at
            else BudgetLine(node.name, node.cap, 0, 0)
            for node in self._nodes.values()
        )


def refusal(path: Iterable[Node], worst_case: int) -> Refusal | None:
    """Why a call of at most `worst_case` micro-EUR may not leave: the node that is final, else the nearest; None where
    it fits under every node of its path."""
    tight = [node for node in path if node.certain + node.held + worst_case > node.cap]
    final = [node for node in tight if node.certain + worst_case > node.cap]
    if final:
        return Refusal(final[0], worst_case, True)
    return Refusal(tight[0], worst_case, False) if tight else None


def take(path: Iterable[Node], worst_case: int) -> None:
    for node in path:
        node.held += worst_case


def settle(path: Iterable[Node], held_at: float, worst_case: int, cost: int) -> None:
    """A call in flight came to `cost`. It counts in the period of its hold alone, which may be over by now."""
    for node in path:
        if held_at in node.period:
            node.held -= worst_case
            node.spent += cost


def correct(path: Iterable[Node], held_at: float, *, lost: int, spent: int) -> None:
    """Changes what is counted for calls that are not in flight, by these differences."""
    for node in path:
        if held_at in node.period:
            node.lost += lost
            node.spent += spent


def carry(path: Iterable[Node], held_at: float, worst_case: int) -> None:
    """A call that a crash left open is in flight again."""
    for node in path:
        if held_at in node.period:
            node.lost -= worst_case
            node.held += worst_case


def written(micro: int) -> str:
    """micro-EUR as EUR, exact, with two to six decimals."""
    sign, micro = ("-" if micro < 0 else ""), abs(micro)
    decimals = f"{micro % MICRO:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}{micro // MICRO}.{decimals}"


def _upwards(name: str, declared: Mapping[str, Node]) -> list[str]:
    parts = name.split("/")
    paths = ["/".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return [path for path in paths if path in declared]


def _check_name(name: str) -> None:
    parts = name.split("/")
    if any(not part or part != part.strip() for part in parts) or not name.isprintable():
        raise SettingsError(
            f"[budgets] {name!r} is no path of a budget node.",
            'Write names joined by single slashes, such as "team/marco".',
        )


def _moment(node: Node) -> str:
    return datetime.fromtimestamp(node.period.ends_at, node.zone).strftime("%Y-%m-%d %H:%M %Z")
