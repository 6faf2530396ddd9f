"""The keys and buttons, from their declarations beside the actions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from controller.lobby.actions.press import Field, Key, Where
from controller.presses import fields, keys
from docs.generate.markdown import code, page, table
from drivers.mqtt import PressPayload

PLACES = {
    Where.COUNTER: (
        "At a counter",
        "MQTT `keypad/<counter>/press`, HTTP `POST /api/counters/<counter>/keys`, and terminals on a 68-frame bus, "
        "where digits are typed before the key.",
    ),
    Where.PANEL: ("The lobby manager's buttons", "MQTT `panel/<device>/press`, HTTP `POST /api/panel`."),
    Where.KIOSK: ("Ticket buttons", "MQTT `kiosk/<device>/press`, HTTP `POST /api/tickets` (without `key`)."),
    Where.RECORD: (
        "The day's record",
        "MQTT `panel/<device>/press`, HTTP `POST /api/record`, `lobby record KEY field=value ..`.",
    ),
    Where.RATER: ("Raters", "On a 68-frame bus."),
}


def reference() -> str:
    """The page."""
    return page("Keys and buttons", "From the declarations in `controller/lobby/actions/`.", _places())


def _places() -> Iterator[str]:
    must, may = (
        [name for name, field in PressPayload.model_fields.items() if field.is_required() is is_required]
        for is_required in (True, False)
    )
    yield ""
    yield f"Every press on MQTT has {_list(must)}, and may have {_list(may)}; over HTTP it has `key` alone of these."
    for where, (title, doors) in PLACES.items():
        here = keys(where).values()
        yield from ("", f"## {title}", "", doors)
        if any(key.terminal for key in here):
            rows = [(code(key.name), _terminal(key), _names(key), key.does) for key in here]
            yield from table(("key", "68-terminal", "fields", "does"), rows)
        else:
            yield from table(("key", "fields", "does"), [(code(key.name), _names(key), key.does) for key in here])
        means = [(code(wire(field)), limits(field), _means(field)) for field in fields(where)]
        yield from table(("field", "is", "means"), means)


def _list(names: list[str]) -> str:
    return ", ".join(map(code, names))


def _names(key: Key) -> str:
    return _list([wire(field) for field in key.fields])


def _means(field: Field[Any]) -> str:
    return field.means + (" (MQTT alone)" if field.read else "")


def _terminal(key: Key) -> str:
    return " ".join(filter(None, (key.terminal.digits, key.terminal.name))) if key.terminal else ""


def wire(field: Field[Any]) -> str:
    """A field's name in JSON."""
    return field.alias or field.name


def limits(field: Field[Any]) -> str:
    """What a field may be."""
    match field.default:
        case bool():
            return "true or false"
        case int():
            return "a number"
        case tuple():
            return f"at most {field.longest} texts of at most {field.each} characters"
    return f"a text that fits `{field.pattern}`" if field.pattern else f"a text of at most {field.longest} characters"
