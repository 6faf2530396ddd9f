"""The items of the record: one file each, with what it remembers, its commands, its events, how they are decided, what
they change, what it shows.

A file is registered by being in this directory: nothing lists them.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
