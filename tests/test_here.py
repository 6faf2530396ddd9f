"""`lobby check --here`: what a configuration asks of this machine, and what the machine has."""

from __future__ import annotations

import os
import pty
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import processes
from controller.config import ConfigError, read

HOUSE = """\
[branch]
id = "b-1"
name = "B"
language = "en"
[[service]]
id = "cash"
name = "Cash"
prefix = "A"
[[counter]]
id = "1"
serves = { cash = 0 }
"""
LINE = len(HOUSE.splitlines()) + 1


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Path]:
    """A port of a device, by a name as a udev rule gives it."""
    ours, theirs = pty.openpty()
    path = tmp_path / "printer"
    path.symlink_to(os.ttyname(theirs))
    yield path
    os.close(ours)
    os.close(theirs)


def keypad(link: object, id: str = "pad") -> str:
    return f'[[device]]\nid = "{id}"\ndriver = "line-keypad"\ncounter = "1"\nlink = "{link}"\n'


def looked(directory: Path, *parts: str) -> tuple[list[str], list[str]]:
    """What is wrong, and what is doubtful, each without the file's name; without `machine` nothing is either."""
    config = directory / "branch.toml"
    config.write_text("".join((HOUSE, *parts)))
    assert read(config, files=True).warnings == ()
    try:
        settings = read(config, files=True, machine=True)
    except ConfigError as error:
        return [line.removeprefix(f"{config}:") for line in str(error).splitlines()], []
    return [], [line.removeprefix(f"{config}:") for line in settings.warnings]


def test_a_port_that_is_there_is_well(tmp_path: Path, port: Path) -> None:
    assert looked(tmp_path, keypad(f"serial:{port}?baud=9600")) == ([], [])


def test_a_port_that_is_not_there_may_come(tmp_path: Path) -> None:
    wrong, (doubtful,) = looked(tmp_path, keypad(f"serial:{tmp_path}/gone"))
    assert not wrong
    assert doubtful.startswith(
        f"{LINE + 4}: device[pad].link: warning: {tmp_path}/gone is not there; plug the device in"
    )


def test_what_cannot_work_is_wrong(tmp_path: Path, port: Path) -> None:
    (tmp_path / "file").write_text("")
    second = port.with_name("other")
    second.symlink_to(port)
    wrong, _ = looked(tmp_path, keypad(f"serial:{port}?baud=9660"))
    (told,) = wrong
    assert told == f"{LINE + 4}: device[pad].link: 9660 baud is no speed of a port here; use one such as 9600 or 115200"
    ((told,), _) = looked(tmp_path, keypad(f"file:{tmp_path}/file"))
    assert told == (
        f"{LINE + 4}: device[pad].link: {tmp_path}/file is no port of a device, but a file; see ls -l /dev/lobby"
    )
    reader = f'[[device]]\nid = "window"\ndriver = "vfd"\ndialect = "epson"\ncounter = "1"\nlink = "serial:{second}"\n'
    ((told,), _) = looked(tmp_path, keypad(f"serial:{port}"), reader)
    assert f'{second} is the same port as that of device "pad"' in told


def test_files_programs_and_ports_that_are_lacking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = f'password_file = "{tmp_path}/p"\nca_file = "{tmp_path}/c"\n'
    mqtt = f'[mqtt]\nbroker = "mqtts://10.0.0.2"\nusername = "u"\n{files}'
    wrong, _ = looked(tmp_path, mqtt)
    assert wrong == [
        f"{LINE + 3}: mqtt.password_file: {tmp_path}/p cannot be read: no such file or directory",
        f"{LINE + 4}: mqtt.ca_file: {tmp_path}/c cannot be read: no such file or directory",
    ]
    monkeypatch.setenv("PATH", str(tmp_path))
    voice = '[[device]]\nid = "voice"\ndriver = "voice"\nplayer = "aplay -q -"\n'
    _, doubtful = looked(tmp_path, voice, '[web]\nlisten = "127.0.0.1:80"\n')
    assert [line.partition(": ")[2] for line in doubtful] == [
        "device[voice]: warning: there are no clips and no espeak-ng, so it cannot speak; install espeak-ng",
        "device[voice].player: warning: there is no program aplay; install it, or name another",
        "web.listen: warning: port 80 is root's; take one from 1024, with a proxy before it",
    ]


def certified(key: Path, certificate: Path, days: int) -> None:
    """Makes a certificate that is valid for so many days."""
    request = ("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=b", "-keyout", key)
    asked = processes.run([*map(str, request)], check=True, capture_output=True).stdout
    sign = ("openssl", "x509", "-req", "-signkey", key, "-days", days, "-out", certificate)
    processes.run([*map(str, sign)], check=True, capture_output=True, input=asked)


@pytest.mark.parametrize(("days", "said"), [(-1, "has expired; renew it"), (5, "ends in less than a month; renew it")])
def test_a_certificate_that_ends(tmp_path: Path, days: int, said: str) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    certified(key, certificate, days)
    web = f'[web]\nlisten = "127.0.0.1:8443"\ncertificate = "{certificate}"\nkey = "{key}"\n'
    wrong, doubtful = looked(tmp_path, web)
    assert [line.endswith(said) for line in (*wrong, *doubtful)] == [True]


BROKER = """\
[mqtt]
broker = "mqtts://10.0.0.2"
username = "lobby"
password_file = "mqtt.password"
ca_file = "mqtt/authority.pem"
[[device]]
id = "pad-1"
driver = "mqtt-keypad"
counter = "1"
"""


def test_the_password_of_the_broker_and_its_certificates(tmp_path: Path) -> None:
    password, folder = tmp_path / "mqtt.password", tmp_path / "mqtt"
    (folder / "broker").mkdir(parents=True)
    certified(tmp_path / "key.pem", folder / "authority.pem", 80)
    certified(tmp_path / "key.pem", folder / "broker/server.pem", 20)
    password.write_text("\n")
    ((told,), _) = looked(tmp_path, BROKER)
    assert f"mqtt.password_file: {password} is empty; lobby mqtt init makes" in told
    password.write_text("secret\n")
    password.chmod(0o644)
    wrong, doubtful = looked(tmp_path, BROKER)
    assert not wrong
    assert [line.partition(": ")[2] for line in doubtful] == [
        f"mqtt.broker: warning: {folder}/broker/server.pem ends in less than a month; renew it: lobby mqtt renew",
        f"mqtt.password_file: warning: everybody here may read {password}; chmod 600 {password}",
        f"mqtt.ca_file: warning: {folder}/authority.pem ends in less than three months; renew it: lobby mqtt renew",
    ]


def test_who_is_not_let_in_by_the_broker(tmp_path: Path) -> None:
    folder = tmp_path / "mqtt"
    (folder / "broker").mkdir(parents=True)
    (tmp_path / "mqtt.password").write_text("secret\n")
    (tmp_path / "mqtt.password").chmod(0o600)
    (folder / "broker/passwords").write_text("lobby:$7$101$AAAA$AAAA\n")
    (folder / "broker/access").write_text("")
    (folder / "authority.pem").write_text("something")
    _, doubtful = looked(tmp_path, BROKER)
    assert [line.partition(": ")[2] for line in doubtful] == [
        "mqtt.broker: warning: its access list is not what this file says; sudo lobby mqtt renew",
        "device[pad-1]: warning: the broker does not let it in; sudo lobby mqtt add pad-1",
    ]


def test_a_bare_name_is_first_that_of_a_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, credentials = tmp_path / "branch.toml", tmp_path / "credentials"
    config.write_text(HOUSE + BROKER)
    credentials.mkdir()

    def password() -> Path | None:
        mqtt = read(config).mqtt
        assert mqtt
        return mqtt.password_file

    assert password() == tmp_path / "mqtt.password"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert password() == tmp_path / "mqtt.password", "there is none"
    (credentials / "mqtt.password").write_text("x")
    assert password() == credentials / "mqtt.password"
    config.write_text(HOUSE + BROKER.replace('"mqtt.password"', '"./mqtt.password"'))
    assert password() == tmp_path / "mqtt.password"


def test_a_port_that_the_service_cannot_see_is_told_of(tmp_path: Path) -> None:
    said = "warning: /dev/null is not seen by the service; name it /dev/lobby/.. by a udev rule"
    assert looked(tmp_path, keypad("serial:/dev/null?baud=9600")) == ([], [f"{LINE + 4}: device[pad].link: {said}"])


def test_the_secrets_of_other_systems(tmp_path: Path) -> None:
    webhook = '[[webhook]]\nid = "crm"\nurl = "https://crm.example.com"\nsecret_file = "crm.secret"\n'
    notify = '[notify]\nurl = "https://sms.example.com"\nkey_file = "key"\n'
    wrong, _ = looked(tmp_path, webhook, notify)
    assert [line.partition(": ")[2] for line in wrong] == [
        f"webhook[crm].secret_file: {tmp_path}/crm.secret cannot be read: no such file or directory",
        f"notify.key_file: {tmp_path}/key cannot be read: no such file or directory",
    ]
    for name in ("crm.secret", "key"):
        (tmp_path / name).write_text(f"whsec_{'A' * 32}")
        (tmp_path / name).chmod(0o600)
    assert looked(tmp_path, webhook, notify)[0] == []
