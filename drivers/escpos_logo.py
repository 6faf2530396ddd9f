"""A logo at the top of tickets: a picture file in, the printer's bytes out.

It is sent as a raster picture, a bit a dot (GS v 0, Epson's ESC/POS reference), by python-escpos. Grey and colours
become patterns of black dots; what is transparent is white. Nothing is made smaller: a logo is drawn for the paper.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, UnidentifiedImageError

from drivers.escpos_model import DOTS_A_COLUMN, model

FORMATS = ("PNG", "BMP", "PPM", "GIF", "JPEG")
"""As Pillow names them; PPM has PBM among it."""
TALLEST = 480
"""Most dots from top to bottom: 60 mm of paper."""


def check(path: Path, columns: int) -> None:
    """ValueError, whose text is a sentence, if the file is no logo for paper of so many columns."""
    with _opened(path) as picture:
        width, height = picture.size
        most = columns * DOTS_A_COLUMN
        if width > most or height > TALLEST:
            said = f"{path} has {width} x {height} dots, and the paper takes {most} x {TALLEST}; make it smaller"
            raise ValueError(said)
        try:
            picture.load()
        except (OSError, SyntaxError) as error:
            raise ValueError(f"{path} is a broken picture: {str(error).lower()}") from None


def logo(path: Path, columns: int | None = None, profile: str | None = None) -> bytes:
    """The bytes that print a file's picture, centred; empty if the model prints none. ValueError: see `check`."""
    printer = model(profile, columns)
    if not printer.pictures:
        return b""
    check(path, printer.columns)
    out = printer.blank()
    out.set(align="center")
    with _opened(path) as picture:
        out.image(picture, impl="bitImageRaster")
    return bytes(out.output)


def _opened(path: Path) -> Image.Image:
    try:
        return Image.open(path, formats=FORMATS)
    except UnidentifiedImageError:
        raise ValueError(f"{path} is no picture; it takes png, bmp, pbm, gif or jpg") from None
    except (OSError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ValueError(f"{path} cannot be read: {reason.lower()}") from None
