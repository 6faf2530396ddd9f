"""The files of the branch's broker: made, kept, brought up to date, renewed. Certificates are openssl's, real ones."""

from __future__ import annotations

import ssl
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which

import pytest

from bench import processes
from controller.broker import authority
from controller.broker.access import Right
from controller.broker.authority import AuthorityError, end_of, host, hosts_of, is_signed_by
from controller.broker.branch_broker import Branch, BranchBroker
from controller.broker.files import FOR_BROKER, Broker, BrokerError, BrokerFiles, write
from controller.broker.passwords import is_of

pytestmark = pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed: apt-get install openssl")

HOSTS = ("192.0.2.10", "lobby.example", "localhost", "::1")
RIGHTS = {"lobby": Right(("lobby/b/#",), ("lobby/b/#",)), "pad-7": Right(("press",), ("ack",), ("pad-7",))}
NOW = datetime.now(UTC)


@dataclass
class Made:
    """A broker's files, and what was said; `now` can be set."""

    directory: Path
    rights: dict[str, Right] = field(default_factory=lambda: dict(RIGHTS))
    now: datetime = NOW
    said: list[str] = field(default_factory=list)

    @property
    def files(self) -> BrokerFiles:
        return BrokerFiles(self.directory / "mqtt")

    @property
    def branch(self) -> Branch:
        return Branch(self.rights, "lobby", self.directory / "mqtt.password")

    def broker(self) -> BranchBroker:
        """As the next command has it."""
        self.said.clear()
        return BranchBroker(self.files, self.said.append, lambda: self.now)

    def make(self, hosts: tuple[str, ...] = HOSTS, port: int = 0) -> BranchBroker:
        broker = self.broker()
        broker.make(Broker(hosts, port, "", self.directory / "mosquitto.conf"), self.branch)
        return broker

    def device(self, user: str = "pad-7") -> dict[str, object]:
        return tomllib.loads(self.files.device(user).read_text("utf-8"))

    def everything(self) -> dict[str, str]:
        """The content of each file."""
        return {str(path): path.read_text("utf-8") for path in self.directory.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Made once, since keys take long; to be copied."""
    made = Made(tmp_path_factory.mktemp("seed"))
    made.make()
    return made


@pytest.fixture
def made(seed: Made, tmp_path: Path) -> Iterator[Made]:
    """A broker that has just been made."""
    processes.run(["cp", "-a", f"{seed.directory}/.", tmp_path], check=True)
    about = tmp_path / "mqtt/broker.toml"
    about.write_text(about.read_text().replace(str(seed.directory), str(tmp_path)))
    made = Made(tmp_path)
    made.broker().bring_up_to_date(made.branch)
    yield made
    leftovers = [path for path in tmp_path.rglob(".*") if path.is_file()]
    assert leftovers == []


def test_what_is_made_is_private_where_it_has_to_be(made: Made) -> None:
    made.broker().add("pad-7", made.branch)
    files = made.files
    modes = {path.name: path.stat().st_mode & 0o777 for path in made.directory.rglob("*")}
    assert modes == {
        "mqtt": 0o755,
        "mqtt.password": 0o600,
        "mosquitto.conf": 0o644,
        "authority.pem": 0o644,
        "authority.key": 0o600,
        "broker.toml": 0o644,
        "broker": 0o755,
        "server.pem": 0o644,
        "server.key": 0o640,
        "passwords": 0o640,
        "access": 0o640,
        "devices": 0o700,
        "pad-7.toml": 0o600,
    }
    assert files.passwords.stat().st_uid == files.key.stat().st_uid


def test_the_certificates_stand_the_strictest_look(made: Made) -> None:
    files = made.files
    strict = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", files.authority]
    for name in ("-verify_ip", "192.0.2.10"), ("-verify_hostname", "localhost"), ("-verify_ip", "::1"):
        processes.run([*strict, *name, files.certificate], check=True, capture_output=True)
    assert processes.run([*strict, "-verify_ip", "192.0.2.11", files.certificate], capture_output=True).returncode
    assert hosts_of(files.certificate) == set(HOSTS)
    assert end_of(files.authority) > NOW + timedelta(days=19 * 365)
    context = ssl.create_default_context(cafile=files.authority)
    (known,) = context.get_ca_certs()
    assert ssl.cert_time_to_seconds(known["notBefore"]) == authority.BEGINS.timestamp(), "a clock that woke up early"


def test_what_is_there_is_kept_and_what_lacks_is_made(made: Made) -> None:
    before = made.everything()
    broker = made.make(())
    assert made.everything() == before
    assert not broker.changed
    assert not broker.settings_changed
    assert [line.partition(":")[0] for line in made.said] == ["kept"] * 6
    files = made.files
    for path in (files.certificate, files.access, made.directory / "mosquitto.conf"):
        path.unlink()
        made.make(())
        assert path.exists(), "as after a power cut in the middle"
    now = made.everything()
    assert {path for path in before if now[path] != before[path]} == {str(files.certificate)}
    assert is_signed_by(files.certificate, files.authority)


def test_an_option_that_contradicts_what_is_there_is_refused(made: Made) -> None:
    with pytest.raises(BrokerError, match=r"--host: .*broker.toml has 192.0.2.10 lobby.example"):
        made.make(("192.0.2.11",))
    with pytest.raises(BrokerError, match="--port"):
        made.make((), port=1234)


def test_without_an_address_nothing_is_made(tmp_path: Path) -> None:
    made = Made(tmp_path)
    with pytest.raises(BrokerError, match="--host: name this machine's address"):
        made.make(())
    with pytest.raises(BrokerError, match="lobby mqtt init"):
        made.broker().add("pad-7", made.branch)


def test_settings_of_somebody_else_are_kept_beside(made: Made) -> None:
    path = made.directory / "mosquitto.conf"
    path.write_text("listener 1883\nallow_anonymous true\n")
    broker = made.make(())
    assert broker.settings_changed
    assert (made.directory / "mosquitto.conf.before").read_text() == "listener 1883\nallow_anonymous true\n"
    assert "allow_anonymous false" in path.read_text()
    assert "allow_anonymous true" not in path.read_text()


def test_a_device_that_is_added_twice_keeps_its_password(made: Made) -> None:
    broker = made.broker()
    assert broker.add("pad-7", made.branch)
    assert broker.changed
    about = made.device()
    assert (about["user"], about["host"], about["port"]) == ("pad-7", "192.0.2.10", 8883)
    assert (about["other_hosts"], about["publish"], about["subscribe"]) == (["lobby.example"], ["press"], ["ack"])
    assert str(about["authority"]).strip() == made.files.authority.read_text().strip()
    assert is_of(str(about["password"]), broker.users()["pad-7"])
    assert "user pad-7\ntopic write press\ntopic read ack\n" in made.files.access.read_text()
    again = made.broker()
    assert again.add("pad-7", made.branch)
    assert not again.changed
    assert made.device() == about
    assert made.broker().add("pad-7", made.branch, new=True)
    assert made.device()["password"] != about["password"]
    assert is_of(str(made.device()["password"]), broker.users()["pad-7"])


def test_a_file_that_was_carried_away_is_not_made_again_by_itself(made: Made) -> None:
    made.broker().add("pad-7", made.branch)
    users = made.broker().users()
    made.files.device("pad-7").unlink()
    broker = made.broker()
    assert not broker.add("pad-7", made.branch)
    assert "--new-password" in made.said[-1]
    assert broker.users() == users


def test_a_file_without_a_user_is_completed(made: Made) -> None:
    """A power cut between the two."""
    made.broker().add("pad-7", made.branch)
    password, text = made.device()["password"], made.files.passwords.read_text()
    made.files.passwords.write_text("".join(line for line in text.splitlines(True) if not line.startswith("pad-7")))
    made.broker().add("pad-7", made.branch)
    assert made.device()["password"] == password
    assert is_of(str(password), made.broker().users()["pad-7"])


def test_a_device_that_is_configured_later_gets_its_topics_then(made: Made) -> None:
    made.broker().add("pad-8", made.branch)
    assert made.device("pad-8")["publish"] == []
    assert "pad-8" not in made.files.access.read_text()
    made.rights["pad-8"] = Right(("press 8",), ("ack 8",), ("pad-8",))
    broker = made.broker()
    broker.bring_up_to_date(made.branch)
    assert broker.changed
    assert made.device("pad-8")["publish"] == ["press 8"]
    assert "user pad-8\ntopic write press 8\n" in made.files.access.read_text()


@pytest.mark.parametrize("name", ["lobby", "../pad", "a:b", "", "a b", "号", "-x", "a" * 65, "a\nb"])
def test_what_is_no_name_of_a_device_is_not_added(made: Made, name: str) -> None:
    before = made.everything()
    with pytest.raises(BrokerError):
        made.broker().add(name, made.branch)
    assert made.everything() == before


def test_a_device_that_is_removed_has_nothing_left(made: Made) -> None:
    made.broker().add("pad-7", made.branch)
    broker = made.broker()
    broker.remove("pad-7", made.branch)
    assert broker.changed
    assert list(broker.users()) == ["lobby"]
    assert not any("pad-7" in content for content in made.everything().values())
    for name in ("pad-7", "lobby"):
        with pytest.raises(BrokerError, match=r"there is no user pad-7; there is none yet|controller's own"):
            made.broker().remove(name, made.branch)


def test_users_and_rights_of_the_branchs_own_stay(made: Made) -> None:
    write(made.files.passwords, made.files.passwords.read_text() + "guest:$7$101$AAAA$AAAA\n", FOR_BROKER)
    made.files.own_access.write_text("user guest\ntopic read lobby/+/board\n")
    made.broker().add("pad-7", made.branch)
    assert list(made.broker().users()) == ["lobby", "guest", "pad-7"]
    assert made.files.access.read_text().endswith("user guest\ntopic read lobby/+/board\n")


def test_a_password_that_was_changed_by_hand_is_the_brokers_too(made: Made) -> None:
    made.branch.password.write_text("of my own\n")
    broker = made.broker()
    broker.bring_up_to_date(made.branch)
    assert broker.changed
    assert is_of("of my own", broker.users()["lobby"])


def test_a_password_that_is_lost_is_made_again_by_init_alone(made: Made) -> None:
    """The service has its own since it was started, and must not be locked out by a timer."""
    users = made.broker().users()
    made.branch.password.unlink()
    broker = made.broker()
    broker.bring_up_to_date(made.branch)
    assert [line.partition("; ")[2] for line in made.said] == [
        "the broker keeps the old one: lobby mqtt init makes another"
    ]
    assert broker.users() == users
    assert not made.branch.password.exists()
    made.make(())
    assert is_of(made.branch.password.read_text().strip(), made.broker().users()["lobby"])


def test_certificates_are_renewed_before_they_end_with_the_same_keys(made: Made) -> None:
    files = made.files
    first, key, old = files.certificate.read_text(), files.key.read_text(), made.directory / "old.pem"
    old.write_text(files.authority.read_text())
    made.now = NOW + authority.SERVER_LASTS - authority.SERVER_EARLY - timedelta(days=1)
    broker = made.broker()
    broker.renew()
    assert not broker.changed
    made.now += timedelta(days=2)
    broker = made.broker()
    broker.renew()
    assert broker.changed
    assert files.certificate.read_text() != first
    assert files.key.read_text() == key
    assert files.authority.read_text() == old.read_text()
    made.now = NOW + authority.AUTHORITY_LASTS - authority.AUTHORITY_EARLY + timedelta(days=1)
    made.broker().renew()
    assert files.authority.read_text() != old.read_text()
    assert any("give each its file again" in line for line in made.said)
    assert end_of(files.authority) > made.now + authority.AUTHORITY_EARLY
    assert is_signed_by(files.certificate, old), "who knows the old one alone still trusts the broker"
    assert is_signed_by(files.certificate, files.authority)


def test_a_broker_with_another_address_gets_a_certificate_for_it(made: Made) -> None:
    about = made.files.about
    about.write_text(about.read_text().replace('"192.0.2.10"', '"192.0.2.20"'))
    made.broker().renew()
    assert "192.0.2.20" in hosts_of(made.files.certificate)
    about.write_text("hosts = 7\n")
    with pytest.raises(BrokerError, match=r"broker\.toml cannot be used"):
        made.broker().renew()


def test_at_once_if_wanted_and_never_by_a_clock_that_is_wrong(made: Made) -> None:
    first = made.files.certificate.read_text()
    made.now = datetime(1970, 1, 1, 0, 5, tzinfo=UTC)
    made.broker().renew()
    assert made.files.certificate.read_text() == first
    with pytest.raises(AuthorityError, match=r"clock says 1970-01-01 00:05 UTC; set it first"):
        made.broker().renew(now=True)
    assert made.files.certificate.read_text() == first
    made.now = NOW
    made.broker().renew(now=True)
    assert made.files.certificate.read_text() != first


@pytest.mark.parametrize("text", ["a b", "", "x,IP:1.2.3.4", "-a", "a" * 64, "lobby\n", "*.example", "1.2.3.4/24"])
def test_what_is_no_host_is_not_put_into_a_certificate(text: str) -> None:
    with pytest.raises(ValueError, match="neither a host name nor an address"):
        host(text)


def test_a_certificate_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("no certificate")
    with pytest.raises(AuthorityError, match="openssl x509 failed: "):
        end_of(tmp_path / "x.pem")
