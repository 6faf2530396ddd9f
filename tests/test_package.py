"""What a plain `pip install .` carries, and whether the papers still describe the house."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from bench import processes
from controller import __version__
from controller.version import version

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that the package was installed into, with nothing of the checkout about it."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    processes.run([*pip, "--target", str(target), str(ROOT)], check=True, capture_output=True, timeout=100)
    return target


def lobby(installed: Path, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the installed `lobby` from a directory where nothing is; modules in `path` are found first."""
    return processes.run(
        [sys.executable, str(installed / "bin" / "lobby"), *arguments],
        cwd="/",
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, filter(None, (path, installed))))},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_an_installed_lobby_has_its_layouts_wording_and_demo(installed: Path) -> None:
    shipped = installed / "controller" / "shipped"
    for name in ("demo.toml", "branch.example.toml", "ticket.zh.toml", "ticket.en.toml", "wording/zh.toml"):
        assert (shipped / name).is_file(), name
    done = lobby(installed, "check", "--config", str(shipped / "demo.toml"))
    assert (done.returncode, done.stderr) == (0, "")


def test_an_installed_lobby_says_its_version_and_has_its_types_and_licence(installed: Path) -> None:
    assert lobby(installed, "--version").stdout == f"lobby, version {version()}\n"
    (about,) = installed.glob("lobby_controller-*.dist-info")
    assert about.name == f"lobby_controller-{__version__}.dist-info"
    assert (about / "licenses" / "LICENSE").read_text("utf-8") == (ROOT / "LICENSE").read_text("utf-8")
    assert all((installed / package / "py.typed").is_file() for package in ("controller", "drivers", "simulators"))


@pytest.mark.long
def test_an_installed_demo_runs_from_any_directory(installed: Path) -> None:
    done = lobby(installed, "demo", "--headless", "--customers", "3", "--seed", "1", "--speed", "400")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WRONG" not in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("missing", ["amqtt", "transitions"])
def test_without_its_broker_the_demo_says_what_to_install(installed: Path, tmp_path: Path, missing: str) -> None:
    (tmp_path / f"{missing}.py").write_text("raise ImportError", "utf-8")
    done = lobby(installed, "demo", "--headless", "--customers", "1", path=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == ["The demo has a broker of its own: pip install 'lobby-controller[demo]'"]


def locked(name: str) -> set[str]:
    """The packages of a lock file."""
    return set(re.findall(r"^([a-z0-9-]+)==", (ROOT / name).read_text("utf-8"), re.MULTILINE))


def test_a_branch_installs_neither_the_demos_broker_nor_tools() -> None:
    branch, all_of_it = locked("requirements.txt"), locked("requirements-dev.txt")
    assert branch < all_of_it
    assert {"python-escpos", "aiomqtt", "uvicorn"} <= branch
    more = all_of_it - branch
    assert {"amqtt", "transitions", "psutil", "websockets", "appdirs", "argcomplete", "setuptools", "pytest"} <= more
    assert "amqtt" not in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]


def test_what_a_branch_installs_is_enough() -> None:
    """Every module can be imported, and a ticket drawn, where nothing but the branch's packages can be."""
    more = locked("requirements-dev.txt") - locked("requirements.txt")
    owners = {module: {name(owner) for owner in of} for module, of in packages_distributions().items()}
    blocked = sorted(module for module, of in owners.items() if of <= more)
    assert {"amqtt", "psutil", "matplotlib", "appdirs", "argcomplete", "setuptools", "pytest"} <= set(blocked)
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked!r}))\n"
        "import importlib, pkgutil, controller, drivers, simulators\n"
        "for package in (controller, drivers, simulators):\n"
        "    for module in pkgutil.walk_packages(package.__path__, f'{package.__name__}.'):\n"
        "        importlib.import_module(module.name)\n"
        "from drivers.paper import Layout\n"
        "for profile in (None, 'POS-5890'):\n"
        "    assert Layout.from_dict({'line': [{'qr': 'A017'}, {'cut': 'full'}]}).render({}, profile=profile)\n"
    )
    done = processes.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def name(distribution: str) -> str:
    """As it stands in a lock file."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_nothing_is_shipped_that_a_branch_has_written(installed: Path) -> None:
    """Accounts and journals made while somebody tried a shipped configuration would be everybody's."""
    shipped = [path for path in (installed / "controller" / "shipped").rglob("*") if path.is_file()]
    assert shipped
    assert [path.name for path in shipped if path.suffix != ".toml"] == []


def test_an_installed_lobby_has_its_pages(installed: Path) -> None:
    for folder in ("controller/web/pages", "simulators/virtual_lobby/pages"):
        there = {path.name for path in (installed / folder).iterdir()}
        assert there == {path.name for path in (ROOT / folder).iterdir()} != set()


NAMED = ("controller", "controller/lobby", "controller/web", "drivers", "simulators", "simulators/days")
"""Where every file has a name in the tree; elsewhere a folder is told of as one."""


def test_the_architecture_names_every_file_and_folder_of_the_house() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    assert text.count("\n") < 150
    tree = text.split("```")[1]
    words = set(re.findall(r"[\w*]+(?:\.py)?", tree))
    for folder in NAMED:
        for path in sorted((ROOT / folder).glob("*.py")):
            known = {path.name, path.stem} & words or any(
                re.fullmatch(word.replace("*", r"\w*"), path.name) for word in words if "*" in word
            )
            assert known or path.stem == "__init__", f"{path.relative_to(ROOT)} is not in ARCHITECTURE.md"
    for package in ("controller", "drivers", "simulators", "bench", "docs/generate"):
        for folder in {path.parent.relative_to(ROOT) for path in (ROOT / package).rglob("__init__.py")}:
            assert f"{folder.name}/" in tree, f"{folder} is not in ARCHITECTURE.md"


def test_the_architecture_names_no_file_that_is_gone() -> None:
    tree = (ROOT / "ARCHITECTURE.md").read_text("utf-8").split("```")[1]
    tracked = processes.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    there = {Path(name).name for name in tracked}
    assert {name for name in re.findall(r"\b\w+\.py\b", tree) if name not in there} == set()


def test_a_commit_is_checked_as_make_check_does() -> None:
    """The hooks of pre-commit are the lines of `make check`, and leave nobody's machine."""
    lines = re.findall(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)[
        0
    ].splitlines()
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    entries = re.findall(r"entry: (.*)", hooks)
    checks = [line.strip().replace("$(BIN)", ".venv/bin").removesuffix(" .") for line in lines]
    assert [check for check in checks if check not in entries] == []
    assert re.findall(r"repo: (.*)", hooks) == ["local"]


def test_no_file_we_ship_holds_an_address_or_a_path_of_somebodys_machine() -> None:
    tracked = processes.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    private = re.compile(r"/home/\w+/|/root/\.|pypi\." + r"org|registry\.npmjs|deb\.debian")
    for name in tracked:
        path = ROOT / name
        if path.is_file() and path.suffix in (".py", ".toml", ".md", ".txt", ".yaml", ".service", ".conf", ""):
            found = private.search(path.read_text("utf-8", "replace"))
            assert not found, f"{name} holds {found[0]!r}" if found else ""
