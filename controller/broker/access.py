"""Who may do what at the broker, and Mosquitto's access list of it.

Each kind of device says in its own file which topics it uses (`DeviceSettings.on_broker`). The controller has all below
the branch's root, and hears what devices say elsewhere. What nobody is given is refused.

Source: mosquitto.conf(5), "acl_file".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from controller.devices import home_assistant
from controller.devices.settings import BrokerUser, DeviceSettings
from drivers.mqtt import LEVEL_TOPICS, TOPICS_BEGIN

CONTROLLER = "lobby"
"""The controller's user name, unless the configuration has another."""
SAID = ("event", "call", "keypad/+/ack", "panel/+/ack", "kiosk/+/ack", *LEVEL_TOPICS)
"""What only the controller publishes, below the branch's root."""


class AccessError(Exception):
    """Why there can be no access list, in one sentence."""


@dataclass(frozen=True, slots=True)
class Right:
    """What a user may do: filters of topics; `of`: the devices that connect as this user, none for the controller and
    for Home Assistant."""

    publishes: tuple[str, ...]
    reads: tuple[str, ...]
    of: tuple[str, ...] = ()


def rights(branch: str, controller: str, discovery: str, devices: Iterable[DeviceSettings]) -> dict[str, Right]:
    """User name -> what it may do, of all that are configured; AccessError.

    `controller`: the name of the controller's user; `discovery`: Home Assistant's prefix, empty if it is not used.
    """
    root = f"{TOPICS_BEGIN}/{branch}/"
    prefixes = dict.fromkeys((discovery or home_assistant.PREFIX, home_assistant.PREFIX))
    announced = [home_assistant.ours(branch, each) for each in prefixes]
    found: dict[str, Right] = {}
    drivers: dict[str, DeviceSettings] = {}
    for device in devices:
        user = device.on_broker(root)
        if user is None:
            continue
        _check(user, root, announced, f'device "{device.id}"')
        first = drivers.setdefault(user.name, device)
        if user.name == controller or (discovery and user.name == home_assistant.USER) or first.driver != device.driver:
            raise AccessError(f'device "{device.id}": the broker has another user "{user.name}"; give it another id')
        found[user.name] = _and(found.get(user.name), user, device.id)
    if discovery:
        user = home_assistant.on_broker(branch, discovery)
        found[user.name] = Right(user.publishes, user.reads)
    own = (f"{root}#", *announced)
    elsewhere = (topic for right in found.values() for topic in right.publishes if not topic.startswith(root))
    return {controller: Right(own, (*own, *dict.fromkeys(elsewhere)))} | found


def _and(known: Right | None, user: BrokerUser, device: str) -> Right:
    """The right of a user that connects for one more device."""
    known = known or Right((), ())
    publishes = dict.fromkeys((*known.publishes, *user.publishes))
    return Right(tuple(publishes), tuple(dict.fromkeys((*known.reads, *user.reads))), (*known.of, device))


def _check(user: BrokerUser, root: str, announced: Sequence[str], who: str) -> None:
    """AccessError if a device could say what is the controller's alone, or anything in another branch's name."""
    for topic in (*user.publishes, *user.reads):
        if not topic.isprintable():
            raise AccessError(f"{who}: its topic has characters that cannot be printed; give it another")
    for topic in user.publishes:
        ours = topic.startswith(root) and not any(overlap(topic, root + each) for each in SAID)
        if not ours and any(overlap(topic, each) for each in (f"{TOPICS_BEGIN}/#", *announced)):
            raise AccessError(f"{who}: it would publish on {topic}, which is the controller's; give it another topic")


def overlap(one: str, other: str) -> bool:
    """Whether a topic can match both filters."""
    ones, others = one.split("/"), other.split("/")
    for here, there in zip(ones, others, strict=False):
        if "#" in (here, there):
            return True
        if here != there and "+" not in (here, there):
            return False
    rest = ones[len(others) :] or others[len(ones) :]
    return not rest or rest == ["#"]


def access_list(users: Iterable[str], rights: Mapping[str, Right], own: str = "") -> str:
    """Mosquitto's access list for these users; those without a right may do nothing. `own`: lines of the branch's own,
    at the end."""
    return "\n".join(_lines(users, rights)) + "\n" + own


def _lines(users: Iterable[str], rights: Mapping[str, Right]) -> Iterator[str]:
    yield "# Made by `lobby mqtt` from the branch's configuration; what is changed here is lost."
    for user in users:
        right = rights.get(user)
        if right:
            yield from ("", f"user {user}")
            yield from (f"topic write {topic}" for topic in right.publishes)
            yield from (f"topic read {topic}" for topic in right.reads)
