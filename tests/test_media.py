"""Pictures and clips of a folder: which are shown, and what is said of those that are not."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from controller.web import media
from controller.web.media import Media

BEGINNINGS = {
    "b.png": b"\x89PNG\r\n\x1a\n",
    "a.jpg": b"\xff\xd8\xff\xe0",
    "c.JPEG": b"\xff\xd8\xff\xe1",
    "d.webp": b"RIFF\0\0\0\0WEBP",
    "e.mp4": b"\0\0\0\x18ftypmp42",
    "f.webm": b"\x1a\x45\xdf\xa3",
}


def shown(found: Media) -> list[str]:
    """The names of the files that are shown."""
    return [medium.path.name for medium in found]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What has been logged since the last look."""
    lines = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return lines


def test_pictures_and_clips_are_shown_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name, begins in BEGINNINGS.items():
        (tmp_path / name).write_bytes(begins + b"x" * 100)
    (tmp_path / "g.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / ".hidden.png").write_bytes(BEGINNINGS["b.png"])
    (tmp_path / "readme.txt").write_text("x")
    found = Media(tmp_path)
    assert found.look()
    assert shown(found) == ["a.jpg", "b.png", "c.JPEG", "d.webp", "e.mp4", "f.webm"]
    assert [medium.kind.clip for medium in found] == [False] * 4 + [True] * 2
    assert not found.look(), "nothing has changed"
    for medium in found:
        assert found.get(medium.name) is medium
        assert re.fullmatch(r"[0-9a-f]{24}\.(png|jpe?g|webp|mp4|webm)", medium.name)
    assert found.get("a.jpg") is None

    before = [medium.name for medium in found]
    (tmp_path / "a.jpg").write_bytes(BEGINNINGS["a.jpg"] + b"y")
    (tmp_path / "b.png").unlink()
    assert found.look()
    assert shown(found) == ["a.jpg", "c.JPEG", "d.webp", "e.mp4", "f.webm"]
    assert before[0] not in [medium.name for medium in found], "what has changed is loaded anew"


def test_what_cannot_be_shown_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(BEGINNINGS["b.png"])
    folder = tmp_path / "media"
    folder.mkdir()
    (folder / "broken.png").write_bytes(b"no picture at all")
    (folder / "empty.mp4").touch()
    (folder / "folder.png").mkdir()
    (folder / "link.png").symlink_to(secret)
    os.mkfifo(folder / "a-pipe.webm")
    (folder / "good.png").write_bytes(BEGINNINGS["b.png"])
    (folder / "long.png").write_bytes(BEGINNINGS["b.png"])
    with (folder / "long.png").open("r+b") as file:
        file.truncate(20 * media.MB + 1)
    monkeypatch.setattr(media, "MOST", 2)
    (folder / "much.png").write_bytes(BEGINNINGS["b.png"])
    (folder / "much-more.png").write_bytes(BEGINNINGS["b.png"])
    found = Media(folder)
    found.look()
    assert shown(found) == ["good.png", "much-more.png"]
    said = warnings(caplog)
    assert {Path(line.partition(": ")[0]).name: line.rpartition(": ")[2] for line in said} == {
        "broken.png": "it is no png file, or is damaged",
        "empty.mp4": "it is no mp4 file, or is damaged",
        "folder.png": "it is no file",
        "link.png": "too many levels of symbolic links",
        "long.png": "it is longer than 20 MB",
        "much.png": "2 files are shown already; remove some",
        "a-pipe.webm": "it is no file",
    }
    assert not found.look()
    assert warnings(caplog) == []


def test_a_folder_that_is_not_there_is_said_once_and_looked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "media"
    found = Media(folder)
    assert not found.look()
    assert not found.look()
    assert warnings(caplog) == [f"{folder}: televisions show no pictures: no such file or directory"]
    folder.mkdir()
    (folder / "a.png").write_bytes(BEGINNINGS["b.png"])
    assert found.look()
    assert shown(found) == ["a.png"]
    (folder / "a.png").unlink()
    folder.rmdir()
    assert found.look()
    assert shown(found) == []
    assert len(warnings(caplog)) == 1
