"""The branch's own broker: the real daemon, the real Mosquitto, what `lobby mqtt` makes, and who may do what there."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from controller.operation import doctor_broker
from controller.operation.doctor_broker import examine_broker
from drivers.mqtt import LEVEL_TOPICS
from system.branch import HOUSE, Branch
from system.broker import Mosquitto
from system.test_check import lobby
from system.waiting import until

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl is not installed: apt-get install openssl"
)

DEVICES = """
[mqtt]
broker = "mqtts://localhost:{port}"
username = "controller"
password_file = "mqtt.password"
ca_file = "mqtt/authority.pem"
home_assistant = "homeassistant"

[[device]]
id = "pad-1"
driver = "mqtt-keypad"
counter = "1"

[[device]]
id = "pad-2"
driver = "mqtt-keypad"
counter = "2"

[[device]]
id = "manager"
driver = "mqtt-panel"

[[device]]
id = "kiosk"
driver = "mqtt-kiosk"
hold_off = 0

[[device]]
id = "zigbee-1"
driver = "zigbee2mqtt"
topic = "zigbee2mqtt/one"
counter = "3"
keys = {{ single = "CALL" }}

[[device]]
id = "shelly-1"
driver = "shelly"
topic = "shelly"
counter = "3"
keys = {{ "0 single_push" = "FINISH" }}
"""

THIRD = """
[[device]]
id = "pad-3"
driver = "mqtt-keypad"
counter = "3"
"""


class Client:
    """Somebody at the broker, as far as it is let in: what the broker answered, and what has come."""

    def __init__(self, port: int, authority: str | None, user: str | None, password: str | None, id: str = "") -> None:
        self.answers: list[str] = []
        """What the broker said to each connection, and each end of one."""
        self.published: dict[int, str] = {}
        self.heard: list[tuple[str, bytes]] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=id, protocol=MQTTProtocolVersion.MQTTv5)
        if user is not None:
            self._client.username_pw_set(user, password)
        if authority is not None:
            self._client.tls_set_context(ssl.create_default_context(cadata=authority))
        self._client.on_connect = lambda client, data, flags, code, about: self.answers.append(str(code))
        self._client.on_disconnect = lambda client, data, flags, code, about: self.answers.append("ended")
        self._client.on_publish = lambda client, data, mid, code, about: self.published.update({mid: str(code)})
        self._client.on_message = lambda client, data, it: self.heard.append((it.topic, it.payload))
        self._client.connect("localhost", port)
        self._client.loop_start()

    async def publish(self, topic: str, payload: str | bytes, *, retain: bool = False) -> bool:
        """Whether the broker takes it."""
        mid = self._client.publish(topic, payload, qos=1, retain=retain).mid
        return await until(lambda: self.published.get(mid)) != "Not authorized"

    def listen(self, topic: str) -> None:
        """What comes on these topics is heard, as far as it may be."""
        self._client.subscribe(topic, qos=1)

    def on(self, topic: str) -> list[bytes]:
        """What has been heard on a topic."""
        return [payload for heard, payload in self.heard if heard == topic]

    def close(self) -> None:
        """Go."""
        self._client.disconnect()
        self._client.loop_stop()


@dataclass
class House:
    """A branch with a broker of its own, made by `lobby mqtt`."""

    branch: Branch
    broker: Mosquitto
    _boots = count(1)

    @property
    def files(self) -> Path:
        return self.branch.directory / "mqtt"

    @property
    def authority(self) -> str:
        return (self.files / "authority.pem").read_text()

    async def mqtt(self, command: str, *arguments: object, code: int = 0) -> str:
        """`lobby mqtt`, and what it says."""
        done, out, err = await lobby("mqtt", command, "--config", self.branch.config, *arguments)
        assert done == code, out + err
        return out + err

    def device(self, user: str) -> dict[str, Any]:
        """The file that a device was given."""
        return tomllib.loads((self.files / "devices" / f"{user}.toml").read_text())

    @contextmanager
    def client(self, user: str, *, id: str = "") -> Iterator[Client]:
        """Whoever has this user's file."""
        about = self.device(user)
        client = Client(about["port"], about["authority"], about["user"], about["password"], id or about["client_id"])
        try:
            yield client
        finally:
            client.close()

    async def pressed(self, client: Client, device: str, key: str, **fields: object) -> dict[str, Any]:
        """A press and its answer."""
        boot, root = f"b{next(self._boots)}", self.branch.root
        press = {"key": key, "boot": boot, "seq": 0, **fields}
        assert await client.publish(f"{root}{device}/press", json.dumps(press))

        def answer() -> dict[str, Any] | None:
            answers = map(json.loads, client.on(f"{root}{device}/ack"))
            return next((each for each in answers if each["boot"] == boot), None)

        return await until(answer)


@asynccontextmanager
async def house(directory: Path, monkeypatch: pytest.MonkeyPatch, *, runs: bool = True) -> AsyncIterator[House]:
    """The daemon has its password as systemd hands it over: in a directory of credentials."""
    (directory / "broker").mkdir()
    broker = Mosquitto(directory / "broker")
    async with Branch(directory, broker.port, (HOUSE, DEVICES), starts=False, plugged=False) as branch:
        made = House(branch, broker)
        hosts = ("--host", "localhost", "--host", "127.0.0.1")
        said = await made.mqtt("init", *hosts, "--port", broker.port, "--listen", "127.0.0.1")
        assert "systemctl restart mosquitto" in said
        assert said.endswith("[mqtt] is right; lobby mqtt add NAME lets a device in\n")
        await made.mqtt("add", "pad-1", "pad-2", "manager", "kiosk", "zigbee-1", "shelly-1", "homeassistant")
        broker.configure((made.files / "mosquitto.conf").read_text())
        broker.start()
        try:
            if runs:
                credentials = directory / "credentials"
                credentials.mkdir()
                (directory / "mqtt.password").rename(credentials / "mqtt.password")
                monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
                await branch.start()
                monkeypatch.delenv("CREDENTIALS_DIRECTORY")
                (credentials / "mqtt.password").rename(directory / "mqtt.password")
            yield made
        finally:
            if branch.process:
                await branch.stop()
            broker.stop()


async def test_each_does_what_it_is_for_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house(tmp_path, monkeypatch) as home:
        root = home.branch.root
        with (
            home.client("pad-1") as pad,
            home.client("pad-2", id=f"lobby-{home.branch.id}") as other,
            home.client("kiosk") as kiosk,
            home.client("manager") as manager,
            home.client("zigbee2mqtt") as zigbee,
            home.client("shelly-1") as shelly,
            home.client("homeassistant") as assistant,
        ):
            everybody = {
                **{"pad-1": pad, "pad-2": other, "kiosk": kiosk, "manager": manager},
                **{"zigbee2mqtt": zigbee, "shelly-1": shelly, "homeassistant": assistant},
            }
            for client in everybody.values():
                await until(lambda client=client: client.answers == ["Success"])
                client.listen("#")
                client.listen("$SYS/#")

            # What they are for.
            for _ in range(4):
                assert (await home.pressed(kiosk, "kiosk/kiosk", "TAKE", service="cash"))["result"] == "ok"
            assert (await home.pressed(pad, "keypad/1", "CALL"))["ticket"] == "A001"
            assert (await home.pressed(manager, "panel/manager", "OPEN", counter="2"))["result"] == "ok"
            assert await zigbee.publish("zigbee2mqtt/one", '{"action":"single"}')
            await until(lambda: len(home.branch.rows("ticket_called")) == 2)
            push = {"component": "input:0", "event": "single_push"}
            said = json.dumps({"src": "shelly", "method": "NotifyEvent", "params": {"events": [push]}})
            assert await shelly.publish("shelly/events/rpc", said)
            await until(lambda: home.branch.tickets("ticket_finished") == ["A002"])
            assert await assistant.publish(f"{root}button/3/CALL", "PRESS")
            await until(lambda: home.branch.tickets("ticket_called") == ["A001", "A002", "A003"])
            calls = ["A001", "A002", "A003"]
            await until(lambda: [json.loads(each)["ticket"] for each in assistant.on(f"{root}call")] == calls)
            announced = f"homeassistant/device/lobby-{home.branch.id}/branch/config"
            assert assistant.on(announced)
            assert await assistant.publish("homeassistant/status", "online")
            await until(lambda: len(assistant.on(announced)) > 1)
            await until(
                lambda: pad.on(f"{root}keypad/1/screen") and kiosk.on(f"{root}triage") and manager.on(f"{root}board")
            )
            assert pad.on(f"{root}status")[-1] == b"online"

            # What nobody but the controller says, and whose topics others are.
            levels = [root + level.replace("+", "1") for level in LEVEL_TOPICS]
            foreign = [*levels, announced, f"{root}event", f"{root}call", "$SYS/broker/uptime", "anything"]
            foreign += [f"lobby/other/{what}" for what in ("keypad/1/press", "board", "status")]
            own = {
                "pad-1": f"{root}keypad/1",
                "pad-2": f"{root}keypad/2",
                "kiosk": f"{root}kiosk/kiosk",
                "manager": f"{root}panel/manager",
                "zigbee2mqtt": "zigbee2mqtt/one",
                "shelly-1": "shelly/events",
                "homeassistant": f"{root}button/1",
            }
            rows = len(home.branch.rows())
            for name, client in everybody.items():
                theirs = [
                    f"{place}/{what}" for it, place in own.items() if it != name for what in ("press", "ack", "rpc")
                ]
                for topic in (*foreign, *theirs, f"{own[name]}/ack"):
                    if not (name in ("zigbee2mqtt", "shelly-1") and topic == f"{own[name]}/ack"):
                        assert not await client.publish(topic, "{}", retain=True), (name, topic)
            assert len(home.branch.rows()) == rows
            assert "has published" not in home.branch.log()

            # What they have read: their own, never another's answers, and nothing of the broker itself.
            assert (await home.pressed(other, "keypad/2", "CALL"))["ticket"] == "A004"
            assert (await home.pressed(pad, "keypad/1", "RECALL"))["result"] == "ok"
            mine = {f"{root}keypad/1/ack", f"{root}keypad/1/screen", f"{root}status"}
            assert {topic for topic, _ in pad.heard} == mine
            assert not [topic for topic, _ in kiosk.heard if "keypad" in topic or "event" in topic]
            assert {topic.partition("/")[0] for topic, _ in zigbee.heard} == {"zigbee2mqtt"}
            assert not [topic for each in everybody.values() for topic, _ in each.heard if topic.startswith("$SYS")]
            assert b"offline" not in pad.on(f"{root}status"), "the controller's client id does not end its connection"
            assert all(client.answers == ["Success"] for client in everybody.values())


@pytest.mark.long
async def test_who_is_not_let_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house(tmp_path, monkeypatch, runs=False) as home:
        port, pad = home.broker.port, home.device("pad-1")
        for user, password in (
            (None, None),
            ("pad-1", "wrong"),
            ("pad-1", ""),
            ("nobody", "x"),
            ("pad-2", pad["password"]),
        ):
            client = Client(port, home.authority, user, password, "somebody")
            await until(lambda client=client: client.answers)
            assert client.answers[0] == "Not authorized", user
            client.close()
        plain = Client(port, None, "pad-1", pad["password"], "pad-1")
        await until(lambda: plain.answers)
        assert "Success" not in plain.answers
        plain.close()
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        shutil.copy(home.branch.config, elsewhere)
        code, _, err = await lobby("mqtt", "init", "--config", elsewhere / "branch.toml", "--host", "localhost")
        assert code == 0, err
        context = ssl.create_default_context(cafile=elsewhere / "mqtt/authority.pem")
        with socket.create_connection(("localhost", port)) as line, pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(line, server_hostname="localhost")

        # The doctor connects as the controller, and has doubts.
        password = home.branch.directory / "mqtt.password"
        finding = await examine_broker(home.branch.settings, 0, lambda text: None)
        assert (finding.state, finding.found) == ("ok", [])
        password.chmod(0o644)
        monkeypatch.setattr(doctor_broker, "CERTIFICATE_DAYS", 1000)
        finding = await examine_broker(home.branch.settings, 0, lambda text: None)
        assert (finding.state, finding.detail) == ("look", "password_open")
        assert finding.found[0] == f"everybody on this machine may read {password}"
        assert finding.found[1].startswith("the broker's certificate ends in 7")
        assert len(finding.remedies) == 2

        # The controller says why it is not let in, and is once that is mended.
        right = password.read_text()
        authority, known = home.files / "authority.pem", home.authority
        password.write_text("\n")
        authority.write_text((elsewhere / "mqtt/authority.pem").read_text())
        await home.branch.start()
        await until(lambda: home.branch.logged("mqtt: "))
        assert "password is empty" in home.branch.logged("mqtt: ")[0]
        await home.branch.stop()
        password.write_text("wrong\n")
        await home.branch.start()
        await until(lambda: "certificate is not accepted" in home.branch.log())
        authority.write_text(known)
        password.write_text(right)
        with home.client("pad-1") as watcher:
            watcher.listen(f"{home.branch.root}status")
            await until(lambda: watcher.on(f"{home.branch.root}status")[-1:] == [b"online"])


@pytest.mark.long
async def test_users_come_and_go_and_certificates_are_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house(tmp_path, monkeypatch) as home:
        root = home.branch.root
        with home.client("pad-1") as pad, home.client("pad-2") as other, home.client("kiosk") as kiosk:
            for client in (pad, other, kiosk):
                await until(lambda client=client: client.answers == ["Success"])
                client.listen(f"{root}#")
            served = serial(home)
            said = await home.mqtt("renew", "--now")
            assert "systemctl reload mosquitto" in said
            home.broker.reload()
            await until(lambda: serial(home) != served)
            assert (await home.pressed(kiosk, "kiosk/kiosk", "TAKE", service="cash"))["result"] == "ok"
            assert await home.mqtt("renew") == "nothing has to be renewed\n"

            # A second time: the same password. Another one: the old is worth nothing any more.
            before = home.device("pad-1")
            assert "keeps its password" in await home.mqtt("add", "pad-1")
            assert home.device("pad-1") == before
            assert (await home.pressed(pad, "keypad/1", "CALL"))["ticket"] == "A001"
            await home.mqtt("add", "--new-password", "pad-1")
            home.broker.reload()
            await until(lambda: "Not authorized" in pad.answers)
            with home.client("pad-1") as again:
                await until(lambda: again.answers == ["Success"])

            # Not configured yet: let in, and may do nothing; then configured.
            assert "is not in" in await home.mqtt("add", "pad-3")
            home.broker.reload()
            with home.client("pad-3") as new:
                await until(lambda: new.answers == ["Success"])
                assert not await new.publish(f"{root}keypad/3/press", "{}")
                home.branch.config.write_text(home.branch.config.read_text() + THIRD)
                assert (await lobby("reload", "--config", home.branch.config))[0] == 0
                code, _, err = await lobby("check", "--here", "--config", home.branch.config)
                assert code == 0
                assert "mqtt.broker: warning: its access list is not what this file says; sudo lobby mqtt renew" in err
                assert "access" in await home.mqtt("renew")
                home.broker.reload()
                while not await new.publish(f"{root}keypad/3/press", "{}"):
                    pass  # the broker has not read its files yet
                new.listen(f"{root}#")
                await until(lambda: new.on(f"{root}keypad/3/screen"))
                assert (await home.pressed(new, "keypad/3", "CALL"))["text"], "an answer that it may read"

            # Removed: its connection ends, and no other begins; the rest go on.
            about = home.device("pad-2")
            assert "still has it" in await home.mqtt("remove", "pad-2")
            home.broker.reload()
            await until(lambda: "ended" in other.answers and "Not authorized" in other.answers)
            late = Client(about["port"], about["authority"], "pad-2", about["password"], "pad-2")
            await until(lambda: late.answers)
            late.close()
            assert late.answers[0] == "Not authorized"
            assert (await home.pressed(kiosk, "kiosk/kiosk", "TAKE", service="cash"))["result"] == "ok"
            said = await home.mqtt("list")
            assert "pad-2; not added" in said
            assert "localhost" in said

            # The doctor beside the daemon does not end its connection, and tells how long the certificate is good.
            found = tmp_path / "found.json"
            assert (await lobby("doctor", "--config", home.branch.config, "--device", "mqtt", "--json", found))[0] == 0
            (finding,) = json.loads(found.read_text())
            assert finding["measured"]["certificate_days"] > 700
            assert kiosk.on(f"{root}status")[-1] == b"online"
            assert b"offline" not in kiosk.on(f"{root}status")
            assert kiosk.answers == ["Success"]


def serial(home: House) -> bytes:
    """The certificate that the broker shows at present."""
    return ssl.get_server_certificate(("127.0.0.1", home.broker.port)).encode()
