"""Labels with QR codes as an HTML sheet for A4: 16 on a page, each with what it is for and what it leads to."""

from __future__ import annotations

import io
from collections.abc import Iterator
from html import escape
from typing import NamedTuple
from urllib.parse import quote

import qrcode
import qrcode.image.svg

from controller.record.actions.complaints import ComplaintSettings
from controller.record.rules import RecordRules

_SHEET = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
@page {{ size: A4; margin: 10mm; }}
body {{ margin: 0; font-family: "Noto Sans CJK SC", "WenQuanYi Zen Hei", sans-serif; color: #000; }}
main {{ display: grid; grid-template-columns: repeat(4, 1fr); gap: 2mm; }}
figure {{ margin: 0; padding: 3mm 2mm; border: .2mm dashed #888; text-align: center; break-inside: avoid; }}
figure svg {{ width: 38mm; height: 38mm; }}
h2 {{ margin: 0; font-size: 4.4mm; overflow-wrap: anywhere; }}
figcaption {{ font-size: 3.2mm; }}
small {{ display: block; font-size: 2mm; overflow-wrap: anywhere; color: #444; }}
</style>
</head>
<body>
<main>
{labels}
</main>
</body>
</html>
"""


class Label(NamedTuple):
    """`name`: of the thing or the counter; `hint`: what scanning it is for; `address`: what the code holds."""

    name: str
    hint: str
    address: str


def labels_of(rules: RecordRules, url: str, language: str) -> Iterator[Label]:
    """The labels of a branch whose pages are at `url`: for customers, if the form is open, then for the staff."""
    lobby = rules.lobby.spoken(language)
    say = lobby.wording.say
    if rules.of(ComplaintSettings).form:
        yield Label(lobby.branch_name, say("labels.opinion"), f"{url}/opinion")
        for counter in lobby.counters:
            address = f"{url}/opinion?counter={quote(counter)}"
            yield Label(say("labels.counter", counter=counter), say("labels.opinion"), address)
    for id, thing in rules.things.items():
        yield Label(thing.name, say("labels.fault"), f"{url}/record?thing={quote(id)}")


def sheet(rules: RecordRules, url: str, language: str) -> str:
    """The sheet of a branch's labels, as a page that needs nothing else."""
    drawn = (
        f"<figure><h2>{escape(name)}</h2>{_code(address)}<figcaption>{escape(hint)}</figcaption>"
        f"<small>{escape(address)}</small></figure>"
        for name, hint, address in labels_of(rules, url.rstrip("/"), language)
    )
    title = rules.lobby.spoken(language).wording.say("labels.title", branch=rules.lobby.branch_name)
    html = {"zh": "zh-CN"}.get(language, language)
    return _SHEET.format(language=html, title=escape(title), labels="\n".join(drawn))


def _code(text: str) -> str:
    """A QR code as an SVG element."""
    picture = io.BytesIO()
    made = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, box_size=10, border=4)
    made.add_data(text)
    made.make_image(image_factory=qrcode.image.svg.SvgPathImage).save(picture)
    return picture.getvalue().decode().partition("?>")[2].strip()
