"""The `lobby` command. Errors for people are one line; `--debug` shows where they come from.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted (Ctrl-C).
"""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module
from pkgutil import iter_modules

import click

from controller import commands
from controller.commands.kit import FAILED, INTERRUPTED, WRONG, stop
from controller.operation import journald
from controller.operation.repeated_lines import RepeatsHandler


class Commands(click.Group):
    """The files of `controller.commands`, each with its `COMMAND`; loaded when it is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(module.name for module in iter_modules(commands.__path__) if module.name != "kit")

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(context):
            return None
        command: click.Command = import_module(f"{commands.__name__}.{name}").COMMAND
        return command


def _tell_version(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        from controller.version import version  # noqa: PLC0415

        click.echo(f"lobby, version {version()}")
        context.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show where an error comes from, and log more.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_tell_version,
    help="Show the version and exit.",
)
def lobby(debug: bool) -> None:
    """Run a bank branch's lobby: ticket printer, displays and keypads over serial and MQTT."""
    level = logging.DEBUG if debug else logging.INFO
    if journald.reads(sys.stderr, os.environ):
        logging.basicConfig(level=level, format="%(message)s", handlers=[journald.JournalHandler()])
    else:
        logging.basicConfig(level=level, format="%(levelname)s %(message)s", handlers=[RepeatsHandler()])


def main() -> None:
    """The entry point: what goes wrong is told in one line."""
    from controller.config import ConfigError  # noqa: PLC0415
    from controller.journal import JournalError  # noqa: PLC0415

    try:
        sys.exit(lobby(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ConfigError as error:
        stop(str(error), WRONG)
    except (JournalError, OSError) as error:
        stop(str(error), FAILED)
    except click.Abort as abort:
        # click has made it of Ctrl-C, or of the end of what is typed.
        interrupted = isinstance(abort.__cause__, KeyboardInterrupt)
        stop("interrupted" if interrupted else "Aborted!", INTERRUPTED if interrupted else FAILED)


if __name__ == "__main__":
    main()
