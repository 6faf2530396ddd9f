"""Labels with QR codes: each can be read, and leads to its page."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from click.testing import CliRunner

from controller.cli import lobby
from controller.record.actions.complaints import ComplaintSettings
from controller.record.rules import Thing
from controller.reports.labels import labels_of, sheet
from record.desk import Desk

URL = "https://lobby.example:8443"


def test_a_label_for_the_form_each_counter_and_each_thing() -> None:
    desk = Desk(things=(Thing("water", "<b>Water</b> & ice"), Thing("bus.1", "Keypad")))
    found = [*labels_of(desk.rules, URL, "en")]
    assert [label.address.removeprefix(URL) for label in found] == [
        "/opinion",
        "/opinion?counter=1",
        "/opinion?counter=2",
        "/record?thing=water",
        "/record?thing=bus.1",
    ]
    text = sheet(desk.rules, f"{URL}/", "en")
    assert "<b>Water" not in text
    assert [unescape(address) for address in re.findall(r"<small>(.*?)</small>", text)] == [
        label.address for label in found
    ]
    assert text.count("<svg") == len(found)
    assert "size: A4" in text


def test_a_closed_form_has_no_labels() -> None:
    desk = Desk(ComplaintSettings(form=False))
    assert [label.address for label in labels_of(desk.rules, URL, "zh")] == [
        f"{URL}/record?thing=printer",
        f"{URL}/record?thing=water",
    ]


@pytest.mark.parametrize(("language", "word"), [("zh", "窗口"), ("en", "Counter")])
def test_the_command_writes_the_sheet(language: str, word: str, tmp_path: Path) -> None:
    good = Path(__file__).parents[1] / "errors" / "good.toml"
    config, out = tmp_path / "branch.toml", tmp_path / "labels.html"
    config.write_text(good.read_text("utf-8"), "utf-8")
    refused = CliRunner().invoke(lobby, ["labels", "--config", str(config), str(out)])
    assert refused.exit_code == 2
    assert "web.url" in refused.output
    web = f'\n[web]\nlisten = "127.0.0.1:8080"\nurl = "{URL}"\naccounts = "{tmp_path}/accounts.db"\n'
    config.write_text(good.read_text("utf-8") + web, "utf-8")
    written = CliRunner().invoke(lobby, ["labels", "--config", str(config), "--language", language, str(out)])
    assert written.exit_code == 0, written.output
    assert word in out.read_text("utf-8")
    lost = CliRunner().invoke(lobby, ["labels", "--config", str(config), str(tmp_path / "no" / "labels.html")])
    assert lost.exit_code == 1
    assert "cannot be written" in lost.output
