"""A small template language for the explanation engine.

``[a|b|c]`` chooses one of the alternatives (which may be empty or hold further brackets), ``{name}`` takes the value
of ``name`` from the call. Templates are compiled once; a ``Voice`` expands them and avoids repeating itself within
one text.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping

Slot = tuple[str]
Node = str | Slot | list
Value = str | Callable[[], str]

_TOKEN = re.compile(r"[\[\]|]|\{\w+\}|[^\[\]|{}]+")


class Template:
    """One compiled template; ``slots`` are the names it asks for."""

    __slots__ = ("nodes", "source", "slots")

    def __init__(self, source: str) -> None:
        self.source = source
        tokens = _TOKEN.findall(source)
        if "".join(tokens) != source:
            raise ValueError(f"stray brace in template {source!r}")
        self.nodes, rest = _sequence(tokens, 0)
        if rest != len(tokens):
            raise ValueError(f"unbalanced bracket in template {source!r}")
        self.slots = frozenset(t[1:-1] for t in tokens if t[0] == "{")

    def __repr__(self) -> str:
        return f"Template({self.source!r})"


def _sequence(tokens: list[str], at: int) -> tuple[list[Node], int]:
    """The nodes from ``at`` to the next ``|`` or ``]`` of this level, and where that is."""
    nodes: list[Node] = []
    while at < len(tokens) and tokens[at] not in "|]":
        if tokens[at] == "[":
            options: list[list[Node]] = []
            while at < len(tokens) and tokens[at] != "]":
                option, at = _sequence(tokens, at + 1)
                options.append(option)
            at += 1
            nodes.append(options)
        elif tokens[at][0] == "{":
            nodes.append((tokens[at][1:-1],))
            at += 1
        else:
            nodes.append(tokens[at])
            at += 1
    return nodes, at


Pool = tuple[Template, ...]


def pool(*sources: str) -> Pool:
    """Compile several templates."""
    return tuple(Template(s) for s in sources)


def sentence(text: str) -> str:
    """With a capital at the start and a full stop at the end."""
    text = text[0].upper() + text[1:]
    return text if text[-1] in ".?!" else text + "."


class Plain(random.Random):
    """A generator whose voices prefer the first wordings of every pool: place ``int(n * u ** skew)`` of n, u uniform.

    A small language model spends what it can learn on choosing the facts, not on the wordings.
    """

    def __init__(self, seed: int | None = None, skew: float = 6.0) -> None:
        super().__init__(seed)
        self.skew = skew


class Voice:
    """Draws templates and words for one text, and keeps from drawing the same one twice where it can.

    ``rng`` is a ``random.Random``: its seed decides the text; skew: as in ``Plain``, by default the generator's own.
    """

    __slots__ = ("rng", "used", "skew")

    def __init__(self, rng: random.Random, skew: float | None = None) -> None:
        self.rng = rng
        self.skew: float = getattr(rng, "skew", 1.0) if skew is None else skew
        self.used: set[int | str] = set()

    def _place(self, count: int) -> int:
        return int(count * self.rng.random() ** self.skew)

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def one(self, options: list | tuple):
        """One of ``options``, any."""
        return options[self._place(len(options))]

    def fresh(self, options: list | tuple):
        """One of ``options`` that this text has not used yet, where four draws find one."""
        for _ in range(4):
            option = options[self._place(len(options))]
            key = option if isinstance(option, str) else id(option)
            if key not in self.used:
                break
        self.used.add(key)
        return option

    def expand(self, template: Template, values: Mapping[str, Value] = {}) -> str:
        out: list[str] = []
        self._into(template.nodes, values, out)
        return "".join(out)

    def _into(self, nodes: list[Node], values: Mapping[str, Value], out: list[str]) -> None:
        for node in nodes:
            if type(node) is str:
                out.append(node)
            elif type(node) is list:
                self._into(node[self._place(len(node))], values, out)
            else:
                value = values[node[0]]
                out.append(value if type(value) is str else value())

    def say(self, options: Pool, **values: Value) -> str:
        """One template of ``options``, expanded; as it stands, without capital or full stop."""
        return self.expand(self.fresh(options), values)

    def listed(self, items: Iterable[str], word: str = "and") -> str:
        """'a', 'a and b', 'a, b and c'."""
        items = list(items)
        if len(items) < 2:
            return items[0] if items else ""
        return f"{', '.join(items[:-1])} {word} {items[-1]}"
