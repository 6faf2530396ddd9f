"""The topics of MQTT, each with what a branch has said on it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from controller.broker.access import CONTROLLER, rights
from controller.config import shipped
from controller.devices.home_assistant import BUTTONS, PREFIX, USER
from controller.devices.kit import kinds
from controller.devices.settings import DeviceSettings, Reading
from docs.generate.branch import Branch
from docs.generate.markdown import block, code, page, table
from drivers.device import Health
from drivers.mqtt import LEVEL_TOPICS, PRESS_LIMIT, PRESS_TOPICS, PressPayload

INTRODUCTION = f"""
Everything is below `lobby/<branch id>/`, JSON in UTF-8, QoS 1, by MQTT 5 where the broker has it and 3.1.1 else. The
examples were said by the demo's branch.

**Presses.** `boot` is any text of 1 to 32 characters that is new at each power-up of a device, `seq` counts its presses
from 0. A press sent again with the same two gets the same answer and acts once: send until answered. `at`, where there
is one, is when it was pressed (ms since 1970, UTC); more than 10 s past or to come is refused, and the answer names the
device's clock. A press has at most {PRESS_LIMIT} bytes. It is not to be retained: one that the broker has kept is never
taken, and with MQTT 5 one that is published so is refused. What may be pressed with which fields: [keys.md](keys.md).

**Answers** come on the `ack` topic beside the press, after the journal holds what was done; every press gets one, a
malformed one too. `result` is `ok`, `refused` or `error`; `text` is for people. `printed` is there, and false, where
the ticket has no paper; `advice` is there, and true, where a customer was sent to a machine and got no ticket.

**Levels** are retained, said again after every outage and each within a minute, and the controller's alone: one that
somebody else has written is put right (at once with MQTT 5), and those of devices that are no more are cleared.

**Buttons of other makers** are listened to on their own topics, which [devices.md](../devices.md#buttons-on-mqtt)
names, each exactly; nothing is published there.
""".strip()

HOME_ASSISTANT = """
Where `[mqtt]` has `home_assistant`, its discovery prefix, the branch, each counter and each device announce themselves
below it: `<prefix>/device/lobby-<branch id>/<object>/config`, retained, where the object is `branch`, `counter-<id>`,
`device-<id>` or `page-<account>`. That is said again when `<prefix>/status` says `online`, and cleared when there is no
such thing any more; without the option, what is below `homeassistant` is cleared. Then there are two more topics below
`lobby/<branch id>/`: `call`, which is said as it happens and not retained, and `button/<counter>/<key>`, which is
listened to: the payload `PRESS` is a press, each message once. The keys are {keys}. See
[devices.md](../devices.md#home-assistant).
""".strip()


RIGHTS = """
At a broker that [`lobby mqtt`](../guides/mqtt.md) has made, a user may publish and read its own topics and no others.
Of the devices in `config/branch.example.toml` these are, for the branch `0755-001`:
""".strip()


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic: its name, the one that is shown, and what it is for."""

    name: str
    example: str
    means: str


TOPICS = (
    Topic("keypad/<counter>/ack", "keypad/4/ack", "The answer to a press at a counter."),
    Topic("panel/<device>/ack", "panel/manager/ack", "The answer to one of the lobby manager's buttons."),
    Topic("kiosk/<device>/ack", "kiosk/kiosk/ack", "The answer to a ticket button, with the ticket."),
    Topic(
        "keypad/<counter>/screen",
        "keypad/4/screen",
        "What a counter's keypad shows: the ticket in hand and what it needs, how many wait, who is next.",
    ),
    Topic(
        "board",
        "board",
        "The newest call first, when in ms since 1970; who is soon to come; how many wait for each service; `wait`: "
        "the least and the most minutes that a newcomer will wait, from 600 on: more than ten hours; notices.",
    ),
    Topic(
        "device/<device>",
        "device/hall",
        "How a device does: `ok`, `degraded` or `offline`, why, and since when (ms since 1970). A page that is "
        "signed in with a token is `device/page.<account>`.",
    ),
    Topic("status", "status", "`online`, or `offline`: the last will. Not JSON."),
    Topic("triage", "triage", "The questions that ticket screens ask."),
    Topic(
        "advice",
        "advice",
        "What the lobby manager is advised to do about windows: `open` or `close` a counter, of which group of "
        "services, and the expected wait before and after.",
    ),
    Topic(
        "day",
        "day",
        "The day's figures, in minutes; `above_3`, `above_target` and `share` are parts of one; by class also whom its "
        "calls `passed`; by answer of the triage who was sent to a machine.",
    ),
    Topic(
        "alarms",
        "alarms",
        "What cannot wait, as long as it lasts: since when (ms since 1970), and in words.",
    ),
    Topic("call", "call", "A call or recall, as it happens, for Home Assistant; not said without that option."),
    Topic("event", "event", "Each row of the journal, once it is written: [journal.md](journal.md). Not retained."),
)


def topics(branch: Branch) -> str:
    """The page, of what a branch says while a few customers come."""
    presses = {
        "kiosk": branch.press("kiosk/kiosk", "TAKE", service="corporate"),
        "keypad": branch.press("keypad/4", "CALL", digits=""),
    }
    for service in ("cash", "cash", "personal", "corporate"):
        branch.press("kiosk/kiosk", "TAKE", service=service)
    presses["panel"] = branch.press("panel/manager", "GREEN", ticket="A001", reason="elderly")
    for _ in range(12):
        branch.press("kiosk/kiosk", "TAKE", after=10, service="cash")
    branch.press("kiosk/kiosk", "TAKE", choice="small")
    branch.check_windows()
    branch.device("hall", Health("offline", "offline"))
    branch.look_ahead()
    told = {topic for topic in branch.topics() if not any(_is(topic, known.name) for known in TOPICS)}
    if told or (missing := {level for level in LEVEL_TOPICS if not any(_is(level, each.name) for each in TOPICS)}):
        raise ValueError(f"the reference of topics says nothing of {told or missing}")
    parts = (_presses(presses), _answers(branch), _home_assistant(branch), _rights())
    return page("MQTT", "", ["", INTRODUCTION, *chain.from_iterable(parts)])


def _is(topic: str, known: str) -> bool:
    """Whether a topic, or a filter of topics, is the known one."""
    parts, names = topic.split("/"), known.split("/")
    return len(parts) == len(names) and all(
        name == part or name.startswith("<") for part, name in zip(parts, names, strict=True)
    )


def _presses(examples: dict[str, Any]) -> Iterator[str]:
    yield from ("", "## Presses")
    yield from table(
        ("field", "must be there", "is"),
        [
            (code(name), "yes" if field.is_required() else "", _limits(name))
            for name, field in PressPayload.model_fields.items()
        ],
    )
    for topic in PRESS_TOPICS:
        where = topic.partition("/")[0]
        yield from ("", f"### {topic.replace('+', '<counter>' if where == 'keypad' else '<device>')}")
        yield from block("json", json.dumps(examples[where], ensure_ascii=False))


def _rights() -> Iterator[str]:
    """Who may do what at the branch's own broker, of every kind that is on MQTT."""
    yield from ("", "## Who may publish and read what", "", RIGHTS)
    given = rights("0755-001", CONTROLLER, PREFIX, _devices())
    yield from table(
        ("user", "for", "publishes", "reads"),
        [
            (
                code(user),
                ", ".join(map(code, right.of)) or ("Home Assistant" if user == USER else "the controller"),
                ", ".join(map(code, right.publishes)),
                ", ".join(map(code, right.reads)),
            )
            for user, right in given.items()
        ],
    )


def _devices() -> Iterator[DeviceSettings]:
    """The devices of the example that are on MQTT, those that stand there as comments too."""
    for paragraph in shipped("branch.example.toml").read_text("utf-8").split("\n\n"):
        text = re.sub("^#", "", paragraph, flags=re.MULTILINE) if paragraph.startswith("#[[device]]") else paragraph
        if text.startswith("[[device]]"):
            settings = kinds()[str(re.findall('^driver = "(.+?)"', text, re.MULTILINE)[0])].settings
            if settings.on_broker is not DeviceSettings.on_broker:
                (found,) = tomllib.loads(text)["device"]
                yield settings.model_validate(found, context=Reading(Path("/etc/lobby")))


def _limits(name: str) -> str:
    """What a field of every press may be."""
    about = PressPayload.model_json_schema()["properties"][name]
    about = about.get("anyOf", [about])[0]
    if about["type"] == "string":
        return f"a text of {about['minLength']} to {about['maxLength']} characters"
    return "a whole number from 0"


def _answers(branch: Branch) -> Iterator[str]:
    yield from ("", "## Answers, levels and events")
    for topic in TOPICS:
        retained = any(_is(level, topic.name) for level in LEVEL_TOPICS)
        yield from ("", f"### {topic.name}", "", topic.means + (" Retained." if retained else ""))
        if topic.name == "status":
            continue
        yield from block("json", json.dumps(branch.latest(topic.example), ensure_ascii=False))


def _home_assistant(branch: Branch) -> Iterator[str]:
    yield from ("", "## Home Assistant", "", HOME_ASSISTANT.format(keys=", ".join(BUTTONS)))
    for object in ("branch", "counter-1", "device-hall"):
        (topic,) = (each for each in branch.announced() if each.endswith(f"/{object}/config"))
        yield from ("", f"### {topic}")
        yield from block("json", json.dumps(branch.latest_of(topic), ensure_ascii=False))
