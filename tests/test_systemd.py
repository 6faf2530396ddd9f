"""What is in systemd/: judged by systemd's own tools and by a real Mosquitto, not by reading it."""

import os
import re
import shutil
import socket
import subprocess
import time
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from bench import processes
from bench.ports import free_port
from controller.config import read, shipped

SYSTEMD = Path(__file__).parent.parent / "systemd"
MAX_EXPOSURE = 1.0
CONNECT = bytes.fromhex("10 0d 0004 4d515454 04 02 003c 0001 74")  # MQTT 3.1.1, clean session, client "t"
CONNACK_ACCEPTED = bytes.fromhex("20 02 00 00")


def tool(name: str) -> str:
    """The tool's path. Without it the test is skipped, but fails where everything has to be there."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is missing")
        pytest.skip(f"{name} is not installed")
    return path


def run(*command: str | Path) -> str:
    done = processes.run(command, capture_output=True, text=True, timeout=60, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit as after installation, when its program exists."""
    text = (SYSTEMD / "lobby.service").read_text()
    assert "/opt/lobby/bin/lobby run --config /etc/lobby/branch.toml" in text
    path = tmp_path / "lobby.service"
    path.write_text(text.replace("/opt/lobby/bin/lobby", "/bin/true"))
    return path


def test_the_unit_has_no_mistake(unit: Path) -> None:
    assert run(tool("systemd-analyze"), "verify", "--recursive-errors=no", unit) == ""


@pytest.mark.parametrize("name", ["lobby-mqtt-renew", "lobby-backup", "lobby-purge"])
def test_the_units_of_timers_have_no_mistake_and_are_little_exposed(tmp_path: Path, name: str) -> None:
    service, timer = tmp_path / f"{name}.service", tmp_path / f"{name}.timer"
    service.write_text((SYSTEMD / service.name).read_text().replace("/opt/lobby/bin/lobby", "/bin/true"))
    timer.write_text((SYSTEMD / timer.name).read_text())
    assert run(tool("systemd-analyze"), "verify", "--recursive-errors=no", service, timer) == ""
    run(tool("systemd-analyze"), "security", "--no-pager", "--offline=true", "--threshold=40", service)


def test_the_unit_hands_the_brokers_password_over_and_starts_without_one() -> None:
    lines = (SYSTEMD / "lobby.service").read_text().splitlines()
    assert "LoadCredential=mqtt.password:/etc/lobby/mqtt.password" in lines
    assert "SetCredential=mqtt.password:\\n" in lines, "systemd.exec(5): the default where the file is not there"


def test_a_mistake_in_the_unit_would_be_found(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("ProtectHome=yes", "ProtectHomes=yes"))
    done = processes.run(
        [tool("systemd-analyze"), "verify", "--recursive-errors=no", unit], capture_output=True, text=True, check=False
    )
    assert "ProtectHomes" in done.stderr


def test_the_unit_is_little_exposed(unit: Path) -> None:
    said = run(tool("systemd-analyze"), "security", "--no-pager", "--offline=true", "--threshold=10", unit)
    found = re.search(r"Overall exposure level for lobby\.service: ([\d.]+)", said)
    assert found, said
    assert float(found[1]) <= MAX_EXPOSURE


def test_the_unit_lets_the_serial_ports_and_sound_cards_in() -> None:
    lines = (SYSTEMD / "lobby.service").read_text().splitlines()
    majors = {"ttyS": 4, "input": 13, "snd": 116, "ttyACM": 166, "usb/lp": 180, "ttyUSB": 188, "ttyAMA": 204}
    assert [f"DeviceAllow=char-{major} rw" for major in majors.values()] == [
        line for line in lines if line.startswith("DeviceAllow=")
    ]
    assert {"PrivateDevices=yes", "BindPaths=/dev/lobby-service:/dev/lobby", "BindPaths=-/dev/snd"} <= set(lines)


def test_the_example_asks_for_nothing_that_the_unit_forbids() -> None:
    """Journal and accounts are in the one directory it may write to, and no port is one for the privileged."""
    unit = (SYSTEMD / "lobby.service").read_text()
    assert "\nStateDirectory=lobby\n" in unit
    assert "\nProtectSystem=strict\n" in unit
    assert "\nCapabilityBoundingSet=\n" in unit
    settings = read(shipped("branch.example.toml"))
    assert settings.web is not None
    for path in (settings.journal_path, settings.web.accounts):
        assert path.parent == Path("/var/lib/lobby")
    assert settings.web.port >= 1024


def test_screens_and_phones_of_the_branch_are_let_in_and_nobody_else() -> None:
    found = re.search(r"^IPAddressAllow=(.*)$", (SYSTEMD / "lobby.service").read_text(), re.MULTILINE)
    assert found
    named = {"localhost": ["127.0.0.0/8", "::1/128"], "link-local": ["169.254.0.0/16", "fe80::/64"]}
    networks = [ip_network(each) for word in found[1].split() for each in named.get(word, [word])]
    for address, is_in in (
        ("127.0.0.1", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("172.16.0.9", True),
        ("192.168.1.20", True),
        ("fd00::20", True),
        ("8.8.8.8", False),
        ("172.32.0.1", False),
        ("2001:db8::1", False),
    ):
        assert any(ip_address(address) in network for network in networks) == is_in, address


RULE_TERM = re.compile(r'(?P<key>[A-Z]+(\{[^}"]+\})?)(==|!=|=|\+=|:=)"(?P<value>[^"]*)"')
MATCHED_OR_SET = {
    "ACTION",
    "SUBSYSTEM",
    "KERNEL",
    "KERNELS",
    "ATTRS",
    "ENV",
    "SYMLINK",
    "GROUP",
    "MODE",
    "GOTO",
    "LABEL",
    "RUN",
}


def rules(*, examples: bool, name: str = "90-lobby.rules") -> list[str]:
    """The rules in force, and the examples too when asked for: those are the lines with a # right before the key."""
    lines = (SYSTEMD / name).read_text().splitlines()
    return [line.removeprefix("#") for line in lines if re.match("#?[A-Z]" if examples else "[A-Z]", line)]


@pytest.mark.parametrize("rule", rules(examples=True) + rules(examples=False, name="99-lobby.rules"))
def test_every_udev_rule_is_well_formed(rule: str) -> None:
    terms = [RULE_TERM.fullmatch(term) for term in re.split(r",\s*(?=[A-Z])", rule)]
    assert all(terms), rule
    assert {re.sub(r"\{.*", "", term["key"]) for term in terms if term} <= MATCHED_OR_SET
    assert all(term["value"].startswith("lobby/") for term in terms if term and term["key"] == "SYMLINK")


def test_the_examples_of_udev_rules_are_there_to_be_taken() -> None:
    assert len(rules(examples=True)) - len(rules(examples=False)) >= 5


@pytest.mark.parametrize("examples", [False, True])
def test_udev_takes_the_rules(examples: bool, tmp_path: Path) -> None:
    udevadm = shutil.which("udevadm")
    if udevadm is None or processes.run([udevadm, "verify", "--help"], capture_output=True, check=False).returncode:
        pytest.skip("this udevadm cannot verify (systemd 254 can); the form is tested above")
    path = tmp_path / "90-lobby.rules"
    path.write_text("\n".join(rules(examples=examples)) + "\n")
    run(udevadm, "verify", "--resolve-names=never", path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make nodes of devices")
def test_the_service_is_shown_the_devices_that_have_names(tmp_path: Path) -> None:
    """/dev/full in the place of a port. What udev sets, it sets here too."""
    device = {"DEVNAME": "/dev/full", "MAJOR": "1", "MINOR": "7"}

    def event(action: str, links: str, **other: str) -> set[str]:
        environment = {**os.environ, **device, **other, "NODES": str(tmp_path), "ACTION": action, "DEVLINKS": links}
        done = processes.run([SYSTEMD / "lobby-node"], env=environment, capture_output=True, text=True, timeout=20)
        assert (done.returncode, done.stderr) == (0, "")
        return {path.name for path in tmp_path.iterdir()}

    assert event("add", "/dev/serial/by-id/usb-1 /dev/lobby/printer /dev/lobby/a/b") == {"printer"}
    node = (tmp_path / "printer").stat()
    assert (node.st_rdev, node.st_mode) == (os.makedev(1, 7), os.stat("/dev/full").st_mode)
    assert event("change", "/dev/lobby/printer") == {"printer"}
    # Plugged in again as another port before the first has gone.
    assert event("add", "/dev/lobby/printer", DEVNAME="/dev/zero", MINOR="5") == {"printer"}
    assert event("remove", "/dev/lobby/printer") == {"printer"}
    assert event("remove", "/dev/lobby/printer", DEVNAME="/dev/zero", MINOR="5") == set()
    assert event("add", "") == set()


def test_the_user_would_be_made() -> None:
    run(tool("systemd-sysusers"), "--dry-run", SYSTEMD / "lobby.sysusers")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give directories away")
def test_the_directories_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    run(tool("systemd-sysusers"), f"--root={tmp_path}", SYSTEMD / "lobby.sysusers")
    run(tool("systemd-tmpfiles"), "--create", f"--root={tmp_path}", SYSTEMD / "lobby.tmpfiles")
    assert (tmp_path / "dev/lobby-service").is_dir()
    user = re.search(r"^lobby:x:(\d+):", (tmp_path / "etc/passwd").read_text(), re.MULTILINE)
    assert user
    state, settings = (tmp_path / "var/lib/lobby").stat(), (tmp_path / "etc/lobby").stat()
    assert (state.st_uid, oct(state.st_mode & 0o7777)) == (int(user[1]), "0o750")
    assert (settings.st_uid, oct(settings.st_mode & 0o7777)) == (0, "0o755")
    assert re.search(r"^dialout:.*:lobby$", (tmp_path / "etc/group").read_text(), re.MULTILINE)


def test_mosquitto_takes_its_configuration(tmp_path: Path) -> None:
    port = free_port()
    text = (SYSTEMD / "mosquitto-lobby.conf").read_text()
    assert "\nlistener 1883 127.0.0.1\n" in text
    path = tmp_path / "mosquitto.conf"
    path.write_text(text.replace("listener 1883 ", f"listener {port} "))
    with processes.running([tool("mosquitto"), "-c", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as broker:
        assert answer_to_connect(port) == CONNACK_ACCEPTED, broker.stdout and broker.stdout.read()


def answer_to_connect(port: int) -> bytes:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(CONNECT)
                return connection.recv(16)
        except ConnectionRefusedError:
            time.sleep(0.02)
    return b""
