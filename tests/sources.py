"""What stands in the program's own source: the codes of refusals, and the blanks that each fills."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from controller.lobby.model.state import ENDED, Stage

ROOT = Path(__file__).parents[1]


def calls_in(path: Path, *names: str) -> Iterator[tuple[str, set[str]]]:
    """Each wording code that a call of one of these functions gives, with the blanks it fills."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in names:
            continue
        given = {keyword.arg for keyword in node.keywords if keyword.arg}
        match node.args[0]:
            case ast.Constant(value=str(code)):
                yield code, given
            case ast.JoinedStr(values=[ast.Constant(value="ticket_"), ast.FormattedValue()]):
                for stage in (Stage.HELD, Stage.MISSED, *ENDED):
                    yield f"ticket_{stage}", given


def refusals_of_decide(room: str = "lobby") -> dict[str, list[set[str]]]:
    """Those of the lobby, or of the record."""
    found: dict[str, list[set[str]]] = {}
    for path in sorted((ROOT / "controller" / room).rglob("*.py")):
        for code, given in (*calls_in(path, "Refused"), *calls_in(path, "Unsure")):
            found.setdefault(code, []).append(given)
    return found
