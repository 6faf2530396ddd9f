"""What can be done in the lobby: one file per action, with its command, its events, how it is decided and what its
events change.

A file is registered by being in this directory: nothing lists them.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
