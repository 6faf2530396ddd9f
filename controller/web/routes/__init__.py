"""The operations and pages, a file for each role. Files here are found automatically; each may have:

* `router(site)`: its operations, an APIRouter;
* `PAGES`: its pages, each a `Page`.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from controller.web.pages import Page


def modules() -> Iterator[ModuleType]:
    """Every file of routes, in the order of their names."""
    for name in sorted(module.name for module in iter_modules(__path__)):
        yield import_module(f"{__name__}.{name}")


def pages() -> dict[str, Page]:
    """Every page, by name."""
    return {page.name: page for module in modules() for page in getattr(module, "PAGES", ())}
