"""What a branch is installed from: the environment, the version, the manual pages, the scripts."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from system.branch import LOBBY

from bench import processes
from controller import __version__
from controller.version import of_checkout
from docs.generate import manual

ROOT = Path(__file__).parent.parent
PACKAGING = ROOT / "packaging"


@pytest.fixture(scope="module")
def environment() -> dict[str, Any]:
    return runpy.run_path(str(PACKAGING / "environment.py"))


WHEELS = (
    "click-8.5.1-py3-none-any.whl",
    "six-1.17.0-py2.py3-none-any.whl",
    "pillow-13.0.0-cp311-cp311-manylinux_2_28_x86_64.whl",
    "pillow-13.0.0-cp312-cp312-manylinux_2_28_x86_64.whl",
    "pillow-13.0.0-cp312-cp312-manylinux_2_28_aarch64.whl",
    "argon2_cffi_bindings-26.2.0-cp39-abi3-manylinux_2_28_x86_64.whl",
    "argon2_cffi_bindings-26.2.0-cp314-abi3-manylinux_2_28_x86_64.whl",
)


def test_the_wheels_that_fit_a_python_are_chosen(environment: dict[str, Any]) -> None:
    assert environment["fitting"](WHEELS, (3, 12), "x86_64") == [
        "argon2_cffi_bindings-26.2.0-cp39-abi3-manylinux_2_28_x86_64.whl",
        "click-8.5.1-py3-none-any.whl",
        "pillow-13.0.0-cp312-cp312-manylinux_2_28_x86_64.whl",
        "six-1.17.0-py2.py3-none-any.whl",
    ]


@pytest.mark.parametrize(
    ("python", "machine", "missing"),
    [((3, 13), "x86_64", "pillow"), ((3, 11), "aarch64", "argon2_cffi_bindings, pillow")],
)
def test_a_python_for_which_there_are_no_wheels_is_named_with_them(
    environment: dict[str, Any], python: tuple[int, int], machine: str, missing: str
) -> None:
    with pytest.raises(ValueError, match=f"^{missing}$"):
        environment["fitting"](WHEELS, python, machine)


def git(folder: Path, *arguments: str) -> None:
    options = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    processes.run(["git", "-C", folder, *options, *arguments], check=True, capture_output=True)


def test_the_commit_is_that_of_the_checkout(tmp_path: Path) -> None:
    assert of_checkout(tmp_path) == ""
    git(tmp_path, "init")
    assert of_checkout(tmp_path) == "", "nothing is committed"
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "--message", "one")
    commit = of_checkout(tmp_path)
    assert re.fullmatch(r"[0-9a-f]{7,}", commit)
    (tmp_path / "a").write_text("2")
    assert of_checkout(tmp_path) == f"{commit}, changed"


def test_the_folder_of_a_checkout_is_not_taken_for_that_of_an_installed_program(tmp_path: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / "site-packages").mkdir()
    assert of_checkout(tmp_path / "site-packages") == ""


def test_every_command_and_option_has_its_manual_page() -> None:
    pages = manual.pages()
    assert {"lobby.1", "lobby-run.1", "lobby-backup.1", "lobby-user.1", "lobby-user-add.1"} <= pages.keys()
    assert "\n.B \\-\\-keep INTEGER RANGE\n" in pages["lobby-backup.1"]
    assert "\n.B lobby backup\n" in pages["lobby.1"]
    assert "/etc/lobby/branch.toml" in pages["lobby.1"]
    for name, page in pages.items():
        assert page.startswith(f'.TH "{name.removesuffix(".1").upper()}" 1 '.replace("-", "\\-")), name
        assert [line for line in page.splitlines() if line.startswith("'")] == [], name


def test_troff_reads_the_manual_pages(tmp_path: Path) -> None:
    if not (groff := shutil.which("groff")):
        pytest.skip("groff is not installed")
    for name, page in manual.pages().items():
        done = processes.run([groff, "-man", "-ww", "-Tutf8", "-z"], input=page, text=True, stderr=subprocess.PIPE)
        assert (done.returncode, done.stderr) == (0, ""), name


@pytest.mark.parametrize(
    "script", ["service.sh", "install.sh", "debian/preinst", "debian/postinst", "debian/prerm", "debian/postrm"]
)
def test_the_scripts_are_those_of_any_sh(script: str) -> None:
    text = (PACKAGING / script).read_text("utf-8").replace("@SERVICE@", "")
    shell = shutil.which("dash") or "sh"
    done = processes.run([shell, "-n"], input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_configuration_comes_from_the_environment_where_none_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    done = processes.run(
        [LOBBY, "check"], env={**os.environ, "LOBBY_CONFIG": str(missing)}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert str(missing) in done.stderr


@pytest.mark.skipif(Path("/etc/lobby/branch.toml").exists(), reason="this machine is a branch's")
def test_where_there_is_no_configuration_at_all_that_is_said() -> None:
    clean = {name: value for name, value in os.environ.items() if name != "LOBBY_CONFIG"}
    done = processes.run([LOBBY, "check"], env=clean, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "there is no /etc/lobby/branch.toml either; make it: sudo lobby setup" in done.stderr


def test_only_what_a_branch_runs_is_installed_and_its_version_is_that_of_the_package() -> None:
    locked = (ROOT / "requirements.txt").read_text("utf-8")
    for name in ("hatchling", "packaging", "pygments", "pycparser", "setuptools"):
        assert f"\n{name}==" not in f"\n{locked}"
    assert __version__ in (ROOT / "controller" / "__init__.py").read_text("utf-8")
