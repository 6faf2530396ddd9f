"""The interfaces of the keys that are declared in `controller.lobby.actions` and `controller.record.actions`: MQTT
payloads, keys of 68-terminals, HTTP request bodies, and the command of a press.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, TypeVar

import pydantic
from pydantic import BaseModel, create_model

import controller.lobby.actions
import controller.record.actions  # noqa: F401 - every key is declared in these two
from controller.lobby.actions.command import Command
from controller.lobby.actions.press import KEYS, REASON, REMARK, WORDS, Field, Key, Press, TerminalKey, Where
from drivers import mqtt, terminal68
from drivers.mqtt import PressPayload

M = TypeVar("M", bound=BaseModel)

_SHOWN = {
    Where.COUNTER: (
        "CALL RECALL START FINISH NOSHOW TRANSFER HOLD UNHOLD UNDO PAUSE OPEN CLOSE EVALUATE HELP PROFILE SIGNIN NOTE"
    ),
    Where.PANEL: (
        "GREEN URGENT REASSIGN CALL RETURN CANCEL UNDO REPRINT WHY OPEN PAUSE CLOSE PROFILE ACCEPT DECLINE NOTICE "
        "ENDNOTICE EMERGENCY ENDEMERGENCY ROLL NEWDAY"
    ),
}
"""The order in which keys are shown to people; others follow by name."""


def keys(where: Where) -> Mapping[str, Key]:
    """The keys of a place, in the order in which they are shown."""
    here = {name: key for (place, name), key in KEYS.items() if place is where}
    shown = [name for name in _SHOWN.get(where, "").split() if name in here]
    return {name: here[name] for name in (*shown, *sorted(here.keys() - set(shown)))}


def fields(*where: Where) -> list[Field[Any]]:
    """All fields that can be typed or chosen with keys of these places; in the order of the keys that have the most."""
    here = [key for place in where for key in keys(place).values()]
    having_most = sorted(here, key=lambda key: -len(key.fields))
    return list(dict.fromkeys(field for key in having_most for field in key.fields))


def command(where: Where | Iterable[Where], name: str, press: Press) -> Command | None:
    """The command of a press, where several places' keys are pressed the first one's; None: there is no such key."""
    places = (where,) if isinstance(where, Where) else where
    key = next((found for place in places if (found := KEYS.get((place, name)))), None)
    return key.command(press) if key else None


# -- models of what comes in ---------------------------------------------------------------------------------


def with_fields(*where: Where, read: bool = False) -> Callable[[type[M]], type[M]]:
    """Decorator that adds to a model the fields that can be typed or chosen at these places, and (`read`) those that
    a device there reads itself. Fields that the model has already are not changed."""

    def extend(model: type[M]) -> type[M]:
        found: dict[str, Any] = {
            field.name: _of_pydantic(field)
            for field in fields(*where)
            if field.name not in model.model_fields and (read or not field.read)
        }
        made = create_model(model.__name__, __base__=model, __module__=model.__module__, __doc__=model.__doc__, **found)
        return made

    return extend


def _of_pydantic(field: Field[Any]) -> tuple[object, object]:
    """A field's type and default, as pydantic has them."""
    about: dict[str, Any] = {
        "description": field.means,
        "max_length": field.longest,
        "pattern": field.pattern,
        "alias": field.alias,
        "repr": not field.read,
    }
    if isinstance(field.default, tuple):
        each = Annotated[str, pydantic.Field(max_length=field.each)]
        return Annotated[list[each], pydantic.Field(default_factory=list, **about)], ...
    return Annotated[type(field.default), pydantic.Field(**about)], field.default


@with_fields(Where.COUNTER, read=True)
class KeypadPayload(PressPayload):
    """A key of a counter's keypad."""


@with_fields(Where.PANEL, Where.RECORD, read=True)
class PanelPayload(PressPayload):
    """A button of the lobby manager, for the lobby or for its record."""


@with_fields(Where.KIOSK, read=True)
class KioskPayload(PressPayload):
    """A ticket button."""


PAYLOADS: Mapping[mqtt.Where, type[PressPayload]] = {
    "keypad": KeypadPayload,
    "panel": PanelPayload,
    "kiosk": KioskPayload,
}
"""The payloads of presses on MQTT."""
OVER_MQTT: Mapping[mqtt.Where, tuple[Where, ...]] = {
    "keypad": (Where.COUNTER,),
    "panel": (Where.PANEL, Where.RECORD),
    "kiosk": (Where.KIOSK,),
}
"""The places whose keys are pressed there."""


def typed(content: BaseModel) -> dict[str, Any]:
    """What was typed or chosen, for a `Press`; a reason only as far as an event may hold it."""
    found = dict(content)
    if REASON.name in found:
        found[REASON.name], _ = reason_and_remark(found[REASON.name])
    return found


def remark(content: BaseModel) -> str:
    """What a person typed that events must not hold."""
    return reason_and_remark(getattr(content, REASON.name, ""))[1] or str(getattr(content, WORDS.name, ""))


def reason_and_remark(text: str) -> tuple[str, str]:
    """A reason code for the event, and a person's own words, which events never hold: they go to a separate table."""
    if re.fullmatch(r"[a-z][a-z0-9_-]{0,31}|", text):
        return text, ""
    return REMARK, text


# -- 68-terminals --------------------------------------------------------------------------------------------

ON_TERMINAL: Mapping[str, TerminalKey] = {
    name: key.terminal for name, key in keys(Where.COUNTER).items() if key.terminal
}
"""Key at a counter -> key on a terminal."""


def on_terminal(name: str, digits: str = "") -> tuple[terminal68.Key, str]:
    """The key of a 68-terminal that a key at a counter is, and the digits that are typed before it."""
    key = ON_TERMINAL[name]
    typed = (key.digits or "") + digits if key.more else digits if key.digits is None else key.digits
    return terminal68.Key[key.name], typed


def terminal_key(key: int, digits: str) -> tuple[str, str] | None:
    """The key at a counter (and its digits) that a 68-terminal's key stands for; None: it has no function."""
    here = {name: each for name, each in ON_TERMINAL.items() if terminal68.Key[each.name] == key}
    for name, each in here.items():
        if each.digits == digits and not each.more:
            return name, ""
    for name, each in here.items():
        if each.more and each.digits is not None and digits.startswith(each.digits):
            return name, digits.removeprefix(each.digits)
    return next(((name, digits) for name, each in here.items() if each.digits is None), None)
