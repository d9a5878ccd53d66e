"""From part, verb and direction to one named movement: which movements a face can make, and what each verb means there.

Each reader takes (action class, directions, degree) and returns the movement's name, a (name, directions) pair, a
"part/name" that belongs to another part, or None when the part cannot do such a thing.
"""

from __future__ import annotations

from collections.abc import Callable

Where = frozenset[str]
Reading = str | tuple[str, Where] | None
Reader = Callable[[str, Where, int], Reading]
Movement = tuple[str, str, Where, str]  # part, name, directions, side
SIDED = frozenset({"eyes", "lids", "brows", "corners", "cheeks", "upperlip"})


def movement(part: str, action: str, where: Where = frozenset(), degree: int = 0, side: str = "") -> Movement | None:
    """What a verb class does to a part; None if such a thing cannot happen."""
    reader = _READERS.get(part)
    reading = reader("move" if action == "go" else action, where, degree) if reader else None
    if reading is None:
        return None
    name, where = reading if isinstance(reading, tuple) else (reading, frozenset())
    if "/" in name:
        part, name = name.split("/")
    return part, name, where, side if part in SIDED else ""


_VERTICAL = {"raise": "up", "lower": "down"}


def _head(action: str, where: Where, degree: int) -> Reading:
    side, vertical = where & {"left", "right"}, where & {"up", "down"}
    if action == "nod" or "updown" in where:
        return "nod"
    if "sidetoside" in where or (action == "sway" and not side and not vertical):
        return "sway"
    if action in ("raise", "lower"):
        return (_VERTICAL[action], side)
    if action == "turn":
        if side:
            return ("turn", side | vertical)
        return ("up" if "up" in vertical else "down") if vertical else "center" if where & {"front", "center"} else (
            "back" if "back" in where else "turn")
    if action in ("tilt", "move", "sway", "stretch", "retract", "pout", "lower", "curl"):
        if side:
            return ("tilt" if action == "tilt" else "move", side | vertical)
        if vertical:
            return "up" if "up" in vertical else "down"
        if "center" in where:
            return "center"
        if "back" in where or action == "retract":
            return "back"
        if "front" in where or action in ("stretch", "pout"):
            return "forward"
        return {"tilt": "tilt", "move": "move"}.get(action)
    if action in ("return", "relax", "face", "look"):
        return ("move", side) if side else ("up" if "up" in vertical else "down") if vertical else "center"
    if action == "tremble":
        return "sway"
    return None


def _brows(action: str, where: Where, degree: int) -> Reading:
    if "updown" in where:
        return "raise"
    if action == "raise":
        return "raise"
    if action in ("lower", "press"):
        return "lower"
    if action in ("furrow", "frown", "tighten", "close", "stretch", "retract", "press", "narrow"):
        return "furrow"
    if action in ("relax", "return"):
        return "relax"
    if action in ("move", "turn", "curl"):
        return "raise" if "up" in where or action == "curl" else "lower" if "down" in where else "relax" if (
            "back" in where) else "move"
    return {"tremble": "move"}.get(action)


def _forehead(action: str, where: Where, degree: int) -> Reading:
    if action == "furrow":
        return ("wrinkles/present", frozenset({"forehead"}))
    if action == "relax":
        return ("wrinkles/gone", frozenset({"forehead"}))
    if action in ("frown", "tighten"):
        return "brows/furrow"
    return None


def _eyes(action: str, where: Where, degree: int) -> Reading:
    if action in ("open", "wideopen", "widen"):
        wide = action != "open" or degree == 1
        return "wide" if wide else "open"
    if action == "halfopen":
        return "half"
    if action in ("close", "press"):
        return "close"
    if action in ("narrow", "tighten", "furrow", "curl"):
        return "narrow"
    if action in ("look", "move", "turn", "roll", "return", "follow", "face", "lower", "raise", "sway", "tilt"):
        if action == "lower" and not where - {"down"}:
            return ("gaze/look", frozenset({"down"}))
        if action == "raise" and not where - {"up"}:
            return ("gaze/look", frozenset({"up"}))
        return _gaze(action, where, degree)
    return {"relax": "relax", "tremble": "blink", "openclose": "blink", "pout": "wide", "puff": "wide",
            "cover": "cover"}.get(action)


def _lids(action: str, where: Where, degree: int) -> Reading:
    if action in ("raise", "open", "widen", "wideopen") or "up" in where:
        return "raise"
    if action in ("lower",) or "down" in where or action == "halfopen":
        return "lower"
    if action == "close":
        return "eyes/close"
    return {"tighten": "eyes/narrow", "narrow": "eyes/narrow", "retract": "eyes/narrow", "relax": "relax",
            "furrow": "eyes/narrow", "tremble": "eyes/blink", "move": "move", "blink": "eyes/blink"}.get(action)


def _gaze(action: str, where: Where, degree: int) -> Reading:
    if "sidetoside" in where:
        return "gaze/around"
    keep = where & {"left", "right", "up", "down"}
    if keep:
        return ("gaze/look", keep)
    if action in ("lower", "raise"):
        return ("gaze/look", frozenset({_VERTICAL[action]}))
    if where & {"front", "center"} or action in ("look", "face", "return"):
        return ("gaze/look", frozenset({"front"}))
    if "back" in where:
        return ("gaze/look", frozenset({"front"}))
    if action == "roll":
        return ("gaze/look", frozenset({"up"}))
    if action in ("move", "turn", "sway", "follow", "stretch"):
        return "gaze/move"
    return {"pout": "eyes/wide", "widen": "eyes/wide", "puff": "eyes/wide", "relax": "relax", "narrow": "eyes/narrow",
            "close": "eyes/close", "open": "eyes/open"}.get(action)


def _mouth(action: str, where: Where, degree: int) -> Reading:
    if "updown" in where and action in ("move",):
        return "move"
    if action in ("open", "wideopen", "widen"):
        return "wide" if action != "open" or degree == 1 else "open"
    if action in ("stretch",):
        return "corners/down" if "down" in where else "corners/up" if "up" in where else "corners/stretch"
    if action == "raise" or (action in ("curl", "turn") and "up" in where):
        return "corners/up"
    if action == "lower" or (action in ("curl", "turn") and "down" in where):
        return "corners/down"
    return {"close": "close", "halfopen": "open", "narrow": "narrow", "purse": "purse", "pout": "pout",
            "press": "press", "tighten": "tighten", "tremble": "tremble", "move": "move", "openclose": "move",
            "relax": "relax", "bite": "bite", "lick": "lick", "retract": "narrow", "turn": "twist",
            "cover": "cover", "furrow": "tighten", "clench": "press", "return": "relax", "sway": "move",
            "puff": "pout"}.get(action)


def _upperlip(action: str, where: Where, degree: int) -> Reading:
    if action in ("lower", "press") or "down" in where:
        return "lower"
    if action in ("raise", "curl", "retract", "stretch") or "up" in where:
        return "raise"
    return _mouth_of(action, where, degree)


def _lowerlip(action: str, where: Where, degree: int) -> Reading:
    if "down" in where or action in ("lower", "stretch"):
        return "lower"
    if action in ("raise", "pout") or "up" in where:
        return "raise"
    return _mouth_of(action, where, degree)


def _mouth_of(action: str, where: Where, degree: int) -> Reading:
    if action in ("widen", "wideopen"):
        return "mouth/open"
    name = _mouth(action, where, degree)
    return f"mouth/{name}" if isinstance(name, str) and "/" not in name else None


def _corners(action: str, where: Where, degree: int) -> Reading:
    if "up" in where or (action == "raise" and "down" not in where):
        return "up"
    if "down" in where or action == "lower":
        return "down"
    sideways = where & {"out", "back", "left", "right", "sidetoside"}
    if action in ("stretch", "widen") or (sideways and action != "retract"):
        return "stretch"
    return {"retract": "retract", "tighten": "tighten", "purse": "tighten", "relax": "relax", "return": "relax",
            "move": "move", "narrow": "relax", "curl": "up", "close": "mouth/close", "press": "mouth/press",
            "tremble": "move", "disappear": "relax", "smile": "up", "open": "stretch", "turn": "move",
            "furrow": "tighten", "appear": "up"}.get(action)


def _teeth(action: str, where: Where, degree: int) -> Reading:
    return {"show": "show", "clench": "clench", "close": "clench", "tighten": "clench", "press": "clench",
            "bite": "clench", "appear": "show", "cover": "hide"}.get(action)


def _chin(action: str, where: Where, degree: int) -> Reading:
    if action == "raise" or "up" in where:
        return "raise"
    if action in ("lower", "open") or "down" in where:
        return "lower"
    return {"tremble": "tremble", "clench": "teeth/clench", "tighten": "tighten", "move": "move", "sway": "move",
            "pout": "forward", "stretch": "forward", "retract": "back", "turn": "move", "tilt": "raise",
            "furrow": "tighten", "close": "mouth/close", "relax": "relax"}.get(action)


def _table(rows: str) -> Reader:
    """A reader from "action:name" words."""
    names = dict(row.split(":") for row in rows.split())
    return lambda action, where, degree: names.get(action)


def _face(action: str, where: Where, degree: int) -> Reading:
    if action in ("turn", "tilt"):
        head = _head(action, where, degree)
        return (f"head/{head[0]}", head[1]) if isinstance(head, tuple) else head and f"head/{head}"
    return {"relax": "relax", "tighten": "tense", "retract": "tense", "tremble": "tremble", "move": "move",
            "furrow": "tense"}.get(action)


def _cheeks(action: str, where: Where, degree: int) -> Reading:
    return "raise" if "up" in where else _CHEEKS(action, where, degree)


def _tongue(action: str, where: Where, degree: int) -> Reading:
    return "in" if where & {"in", "back"} else "out" if where & {"out", "front"} else _TONGUE(action, where, degree)


_CHEEKS = _table("raise:raise puff:puff tighten:tighten relax:relax tremble:tremble lower:lower deflate:relax pout:puff"
                 " furrow:tighten press:raise move:move stretch:raise")
_TONGUE = _table("pout:out show:out stretch:out open:out retract:in move:move press:move lick:move roll:move puff:out"
                 " curl:move bite:bite appear:out turn:move raise:move")
_READERS: dict[str, Reader] = {
    "head": _head, "brows": _brows, "forehead": _forehead, "eyes": _eyes, "lids": _lids, "gaze": _gaze, "mouth": _mouth,
    "upperlip": _upperlip, "lowerlip": _lowerlip, "corners": _corners, "teeth": _teeth, "chin": _chin, "face": _face,
    "cheeks": _cheeks, "tongue": _tongue,
    "lowerlid": _table("tighten:eyes/narrow raise:eyes/narrow lower:relax relax:relax"),
    "nose": _table("furrow:wrinkle tighten:wrinkle relax:relax raise:wrinkle move:wrinkle frown:brows/furrow"
                   " curl:wrinkle"),
    "nostrils": _table("widen:flare open:flare raise:flare narrow:narrow tremble:flare retract:narrow puff:flare"
                       " stretch:flare relax:relax close:narrow"),
    "mouthgap": _table("narrow:mouth/narrow widen:mouth/wide open:mouth/open show:mouth/open raise:mouth/wide"
                       " close:mouth/close lower:mouth/narrow"),
    "hand": _table("move:move raise:move lower:move cover:move sway:move stretch:move turn:move press:move close:move"
                   " nod:move"),
    "body": _table("move:move turn:move tilt:lean sway:sway raise:shrug lower:move tremble:tremble stretch:move"
                   " retract:move"),
}
