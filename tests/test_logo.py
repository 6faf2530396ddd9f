"""A logo at the top of tickets: from a picture file to dots on paper, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest
from configurations import plus, problems
from golden import vectors
from PIL import Image

from controller.config import read
from drivers.escpos_logo import TALLEST, check, logo
from drivers.paper import Layout
from simulators.devices.escpos import PrinterFarEnd
from simulators.faults import Faults
from simulators.paper import Line, Picture

GOLDEN = vectors("escpos")
BLACK, WHITE = (0, 0, 0, 255), (255, 255, 255, 255)
NOTHING = (0, 0, 0, 0)
LAYOUT = Layout.from_dict({"line": [{"text": "A017"}, {"cut": "full"}]})
PRINTER = '[[device]]\nid = "p"\ndriver = "escpos"\nlink = "serial:/dev/lobby/p?baud=9600"\nlogo = "logo.png"\n'


def drawn(path: Path, rows: list[str]) -> Path:
    """A picture file: # black, . white, a blank for nothing."""
    picture = Image.new("RGBA", (len(rows[0]), len(rows)))
    picture.putdata([{"#": BLACK, ".": WHITE, " ": NOTHING}[dot] for row in rows for dot in row])
    picture.save(path)
    return path


@pytest.mark.parametrize("transparent", [".", " "])
def test_a_picture_becomes_the_vendors_command(tmp_path: Path, transparent: str) -> None:
    rows = ["#..............#", "########........"]
    path = drawn(tmp_path / "logo.png", [row.replace(".", transparent) for row in rows])
    assert GOLDEN["picture of 16 x 2 dots"] in logo(path)


def test_it_comes_out_above_the_ticket_in_the_middle(tmp_path: Path) -> None:
    path = drawn(tmp_path / "logo.png", ["#" * 100, "#" + "." * 98 + "#", "#" * 100])
    printer = PrinterFarEnd(Faults(), columns=32, seconds_per_line=0.0)
    printer.plugged(0.0)
    printer.receive(LAYOUT.render({}, 32, head=logo(path, 32)), 0.0)
    (paper,) = printer.tickets
    picture, text = (row for row in paper.rows if isinstance(row, Picture | Line))
    assert isinstance(picture, Picture)
    assert isinstance(text, Line)
    assert picture.align == "center"
    assert [row[:100] for row in picture.rows] == [[True] * 100, [True, *[False] * 98, True], [True] * 100]
    assert "A017" in paper.words
    assert paper.png().startswith(b"\x89PNG")


def test_a_model_without_pictures_prints_none(tmp_path: Path) -> None:
    path = drawn(tmp_path / "logo.png", ["####"])
    assert logo(path, profile="TM-T88III")
    assert logo(path, profile="TM-U220") == b""


def test_what_is_no_logo_is_said_in_a_sentence(tmp_path: Path) -> None:
    wide, tall = tmp_path / "wide.png", tmp_path / "tall.png"
    Image.new("1", (385, 10)).save(wide)
    Image.new("1", (10, TALLEST + 1)).save(tall)
    text, broken = tmp_path / "text.png", tmp_path / "broken.png"
    text.write_text("a logo")
    drawn(tmp_path / "whole.png", ["#." * 100] * 100)
    broken.write_bytes((tmp_path / "whole.png").read_bytes()[:-40])
    for path, said in (
        (wide, "has 385 x 10 dots, and the paper takes 384 x 480; make it smaller"),
        (tall, "has 10 x 481 dots, and the paper takes 384 x 480; make it smaller"),
        (text, "is no picture; it takes png, bmp, pbm, gif or jpg"),
        (broken, "is a broken picture: "),
        (tmp_path / "none.png", "cannot be read: no such file or directory"),
        (tmp_path, "cannot be read: is a directory"),
    ):
        with pytest.raises(ValueError, match=path.name) as caught:
            check(path, 32)
        assert str(caught.value).startswith(f"{path} {said}")


def test_the_configuration_is_checked_with_its_picture(tmp_path: Path) -> None:
    config, picture = tmp_path / "branch.toml", tmp_path / "logo.png"
    (line,) = problems(config, plus(PRINTER))
    assert line == f"15: device[p].logo: {picture} cannot be read: no such file or directory"
    Image.new("1", (500, 10)).save(picture)
    (line,) = problems(config, plus(PRINTER))
    assert "500 x 10 dots, and the paper takes 384 x 480" in line
    assert problems(config, plus(PRINTER + "columns = 48\n")) == []
    Image.new("1", (384, 200)).save(picture)
    assert problems(config, plus(PRINTER)) == []
    (warning,) = read(config).warnings
    assert "device[p].logo: warning: at 9600 baud it delays each ticket by 10 s; make it smaller" in warning
    assert problems(config, plus(PRINTER.replace("9600", "115200"))) == []
    assert list(read(config).warnings) == []
