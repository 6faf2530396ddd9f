"""Backups: taken while people press, put back in place, refused where they would do harm; and whose files are."""

from __future__ import annotations

import asyncio
import os
import pwd
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from controller.journal import Journal, JournalError
from system.branch import HOUSE, MQTT, Branch, lobby
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until


@pytest.mark.long
async def test_a_backup_of_a_busy_branch_is_its_day_again(tmp_path: Path, broker: Mosquitto) -> None:
    backup = tmp_path / "kept.db"
    async with (
        Branch(tmp_path, broker.port, (HOUSE, MQTT)) as branch,
        Network(broker.port, branch.root) as network,
    ):
        busy, presses = True, []

        async def people() -> None:
            while busy:
                presses.append(await network.press("kiosk/kiosk", "TAKE", service="cash"))

        coming = asyncio.create_task(people())
        await until(lambda: len(presses) > 30)
        code, said = await lobby("backup", "--config", branch.config, backup)
        busy = False
        await coming
        assert code == 0, said
        assert said.endswith("; replayed, whole\n")
        with closing(sqlite3.connect(f"file:{backup}?mode=ro", uri=True)) as copy:
            kept = [
                ticket
                for (ticket,) in copy.execute(
                    "SELECT data ->> 'ticket' FROM event WHERE kind = 'ticket_issued' ORDER BY seq"
                )
            ]
        assert len(kept) >= 30
        assert kept == branch.tickets("ticket_issued")[: len(kept)]
        assert sorted(name for name in os.listdir(tmp_path) if name.startswith("kept")) == ["kept.db"], "one file"

        assert await lobby("backup", "--config", branch.config, backup) == (
            1,
            f"{backup} is there already; name another file\n",
        )
        running = f"{branch.settings.journal_path}: another controller is using this journal; stop it first\n"
        assert await lobby("restore", "--config", branch.config, backup) == (1, running)
        assert len(branch.tickets("ticket_issued")) == len(presses), "nothing has been touched"

        await branch.stop()
        code, said = await lobby("restore", "--config", branch.config, backup)
        assert code == 0, said
        aside = Path(said.splitlines()[-1].removeprefix("what was there before is kept as "))
        await branch.start()
        assert branch.tickets("ticket_issued") == kept
        next_one = await network.press("kiosk/kiosk", "TAKE", service="cash")
        assert next_one["ticket"] == f"A{len(kept) + 1:03}"
        with closing(sqlite3.connect(f"file:{aside}?mode=ro", uri=True)) as before:
            (issued,) = before.execute("SELECT count(*) FROM event WHERE kind = 'ticket_issued'").fetchone()
        assert issued == len(presses)


@pytest.mark.long
async def test_what_is_no_backup_of_this_branch_is_not_put_in_place(tmp_path: Path, broker: Mosquitto) -> None:
    async with Branch(tmp_path, broker.port, (HOUSE, MQTT)) as branch:
        for _ in range(3):
            code, said = await lobby("backup", "--config", branch.config, tmp_path / "backups", "--keep", 2)
            assert code == 0, said
            await asyncio.sleep(1)  # the names of backups have seconds
        backups = [tmp_path / "backups" / name for name in sorted(os.listdir(tmp_path / "backups"))]
        assert len(backups) == 2
    other = tmp_path / "other.toml"
    other.write_text(branch.config.read_text().replace(branch.id, "b-2").replace("lobby.db", "other.db"))
    assert await lobby("restore", "--config", other, backups[0]) == (
        1,
        f"{backups[0]}: this is of branch {branch.id}, and the configuration is of branch b-2\n",
    )
    assert not (tmp_path / "other.db").exists()
    damaged = tmp_path / "damaged.db"
    content = bytearray(backups[0].read_bytes())
    content[4096:8192] = b"\xff" * 4096
    damaged.write_bytes(content)
    code, said = await lobby("restore", "--config", branch.config, damaged)
    assert code == 1
    assert str(damaged) in said
    assert "Traceback" not in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run as somebody else")
def test_whose_the_files_are_is_said_with_the_command_that_gives_them_back(tmp_path: Path) -> None:
    """The service's user is daemon here. As root nothing is made in its folder; what root has left there is named."""
    daemon = pwd.getpwnam("daemon")
    home = Path(tempfile.mkdtemp(prefix="lobby-"))
    try:
        home.chmod(0o755)
        folder = home / "var"
        folder.mkdir()
        os.chown(folder, daemon.pw_uid, daemon.pw_gid)
        config = home / "branch.toml"
        config.write_text(HOUSE.format(id="b-1", directory=folder))
        code, said = asyncio.run(lobby("run", "--config", config))
        assert (code, os.listdir(folder)) == (1, [])
        assert f"run it as daemon: sudo -u daemon lobby run --config {config}" in said

        (folder / "lobby.db.lock").touch(mode=0o600)
        journal, back = folder / "lobby.db", f"give it back: sudo chown -R daemon: {folder}"
        whose = f"{journal}.lock belongs to root, and this program runs as daemon; {back}"
        with pytest.raises(JournalError, match=re.escape(whose)):
            as_user(daemon, lambda: Journal(journal, "b-1"))
    finally:
        shutil.rmtree(home)


def as_user(user: pwd.struct_passwd, do: Callable[[], object]) -> None:
    """Do something with the rights of another user."""
    os.setegid(user.pw_gid)
    os.seteuid(user.pw_uid)
    try:
        do()
    finally:
        os.seteuid(0)
        os.setegid(0)
