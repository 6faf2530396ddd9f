"""`lobby devices`: what can be configured of devices."""

from __future__ import annotations

import click


@click.command()
def devices() -> None:
    """What can be configured of each kind of device that is installed, as Markdown."""
    from controller.devices.reference import reference  # noqa: PLC0415

    click.echo(reference())


COMMAND = devices
