"""The branch's own authority and its broker's certificate, made by the program openssl.

Both begin before any clock of a branch stands, since machines without a clock battery wake up in the past, and keep
their keys when they are renewed: a device that knows the old certificate of the authority goes on trusting the broker,
and one that knows the broker's key by its fingerprint too. RSA with 2048 bits is what the smallest devices can check.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

BEGINS = datetime(2020, 1, 1, tzinfo=UTC)
"""From when the certificates are valid."""
PLAUSIBLE = datetime(2026, 1, 1, tzinfo=UTC)
"""A clock that is before this is wrong."""
AUTHORITY_LASTS, SERVER_LASTS = timedelta(days=20 * 365), timedelta(days=2 * 365)
AUTHORITY_EARLY, SERVER_EARLY = timedelta(days=5 * 365), timedelta(days=60)
"""How long before its end each is renewed; of the authority, every device then has to learn the new certificate."""
AUTHORITY, SERVER = "Lobby authority", "Lobby broker"
"""Their names, which stay: what the authority has signed is found by it."""
TIMEOUT = 60.0
"""Seconds that openssl may take."""
STAMP = "%Y%m%d%H%M%SZ"
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")

CONFIGURATION = """\
[ca]
default_ca = branch
[branch]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
unique_subject = no
policy = any
[any]
commonName = supplied
[req]
distinguished_name = subject
prompt = no
[subject]
CN = {subject}
[authority]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[server]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
{names}
"""


class AuthorityError(Exception):
    """Why there is no certificate, in one sentence."""


def host(text: str) -> str:
    """A host name or an address as certificates have it; ValueError."""
    try:
        return str(ip_address(text))
    except ValueError:
        if not _NAME.fullmatch(text):
            raise ValueError(f'"{text}" is neither a host name nor an address') from None
        return text.lower()


def new_key() -> str:
    """A private key, as PEM."""
    return _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")


def authority_certificate(key: Path, now: datetime) -> str:
    """A branch's authority, as PEM, signed by itself."""
    return _signed(AUTHORITY, key, "authority", (), now + AUTHORITY_LASTS, ("-selfsign", "-keyfile", key), now)


def server_certificate(hosts: Iterable[str], key: Path, authority: Path, authority_key: Path, now: datetime) -> str:
    """A broker's certificate for these host names and addresses, as PEM; never longer than the authority's."""
    until = min(now + SERVER_LASTS, end_of(authority))
    signer = ("-cert", authority, "-keyfile", authority_key)
    return _signed(SERVER, key, "server", hosts, until, signer, now)


def _signed(
    subject: str,
    key: Path,
    section: str,
    hosts: Iterable[str],
    until: datetime,
    signer: tuple[str | Path, ...],
    now: datetime,
) -> str:
    if now < PLAUSIBLE:
        raise AuthorityError(f"this machine's clock says {now:%Y-%m-%d %H:%M} UTC; set it first")
    names = ", ".join(f"{'IP' if _is_address(each) else 'DNS'}:{each}" for each in hosts)
    with TemporaryDirectory(prefix="lobby-authority-") as directory:
        work = Path(directory)
        (work / "index.txt").touch()
        text = CONFIGURATION.format(subject=subject, names=f"subjectAltName = {names}" if names else "")
        (work / "openssl.cnf").write_text(text)
        asked = ("-config", "openssl.cnf", "-key", key.absolute(), "-out", "request.pem")
        _openssl("req", "-new", *asked, directory=work)
        dates = ("-startdate", BEGINS.strftime(STAMP), "-enddate", until.strftime(STAMP))
        files = ("-config", "openssl.cnf", "-in", "request.pem", "-extensions", section)
        absolute = (each.absolute() if isinstance(each, Path) else each for each in signer)
        _openssl("ca", "-batch", "-notext", *files, *dates, *absolute, "-out", "made.pem", directory=work)
        return (work / "made.pem").read_text()


def end_of(certificate: Path) -> datetime:
    """Until when a certificate is valid; AuthorityError."""
    said = _openssl("x509", "-noout", "-enddate", "-in", certificate)
    stamp = said.partition("=")[2].strip()
    return datetime.strptime(stamp, "%b %d %H:%M:%S %Y %Z").replace(tzinfo=UTC)


def hosts_of(certificate: Path) -> set[str]:
    """The host names and addresses in a certificate; AuthorityError."""
    said = _openssl("x509", "-noout", "-ext", "subjectAltName", "-in", certificate)
    found = re.findall(r"(?:DNS|IP Address):([^,\s]+)", said)
    return {host(each) for each in found}


def is_signed_by(certificate: Path, authority: Path) -> bool:
    """Whether an authority has signed a certificate, both valid."""
    try:
        _openssl("verify", "-CAfile", authority, certificate)
    except AuthorityError:
        return False
    return True


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _openssl(*arguments: str | Path, directory: Path | None = None) -> str:
    """What openssl says, run in a directory; AuthorityError. No secret is an argument or leaves a private file."""
    program = shutil.which("openssl", path="/usr/local/bin:/usr/bin:/bin") or shutil.which("openssl")
    if program is None:
        raise AuthorityError("there is no program openssl; apt-get install openssl")
    try:
        done = subprocess.run(  # noqa: TID251 - neither a test nor a measurement
            [program, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd=directory,
            timeout=TIMEOUT,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AuthorityError(f"openssl {arguments[0]} does not work: {error}") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise AuthorityError(f"openssl {arguments[0]} failed: {said[-1] if said else done.returncode}")
    return done.stdout
