"""What Mosquitto is told, and what a device is given, as text."""

from __future__ import annotations

from controller.broker.access import Right
from controller.broker.files import HERE, Broker, BrokerFiles

MADE = "# Made by `lobby mqtt`"
"""How files begin that are ours."""

SETTINGS = """\
{made} for Mosquitto 2; what is changed here is lost. In a branch it is /etc/mosquitto/conf.d/lobby.conf.
# Settings of its own, such as another listener, go into another file there; it must not open the door again.

per_listener_settings true

# Nagle's algorithm would hold a key's answer back for 40 ms now and then.
set_tcp_nodelay true

# The controller sends every retained topic again whenever it connects. What a broker remembered over a power cut
# would only be yesterday's board.
persistence false

# No message of the lobby comes near this size.
max_packet_size 65536

# Encrypted, with a password, and each user on its own topics alone; the controller comes this way too.
listener {listener}
certfile {files.certificate}
keyfile {files.key}
allow_anonymous false
password_file {files.passwords}
acl_file {files.access}
# Who connects under the client id of another ends the other's connection: so everybody has the user name for it.
use_username_as_clientid true
"""

DEVICE = """\
{made} for {user}. The password stands here: carry the file to the device, and remove it here.

host = "{host}"
port = {port}
{also}user = "{user}"
password = "{password}"
client_id = "{user}"

# What it may publish and read. {about}
publish = [{publish}]
subscribe = [{subscribe}]

# The authority by which it knows the broker, as PEM.
authority = \"\"\"
{authority}\"\"\"
"""


def settings(files: BrokerFiles, broker: Broker) -> str:
    """Mosquitto's settings."""
    listener = f"{broker.port} {broker.address}".strip()
    return SETTINGS.format(made=MADE, listener=listener, files=files)


def device_file(broker: Broker, user: str, password: str, right: Right | None, authority: str) -> str:
    """All that a device has to be told, as TOML."""
    about = "Presses are told apart by boot and seq: see the reference, MQTT."
    if right is None:
        about = "Nothing yet: branch.toml does not have it."
    others = ", ".join(f'"{each}"' for each in broker.hosts[1:] if each not in HERE)
    return DEVICE.format(
        made=MADE,
        user=user,
        host=broker.hosts[0],
        also=f"other_hosts = [{others}]\n" if others else "",
        port=broker.port,
        password=password,
        about=about,
        publish=_listed(right.publishes if right else ()),
        subscribe=_listed(right.reads if right else ()),
        authority=authority,
    )


def _listed(topics: tuple[str, ...]) -> str:
    quoted = ('"' + each.replace("\\", "\\\\").replace('"', '\\"') + '"' for each in topics)
    return ", ".join(quoted)
