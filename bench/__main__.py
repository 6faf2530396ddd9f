"""`make bench`: run the measurements, print the table, write the JSON. The exit code does not depend on the figures."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench import commands, days, estimate, faults, mqtt, pick, press, reload, report, rush, screens, startup
from bench.figures import Figure, table, write_json

NAMES = (
    "press",
    "faults",
    "screens",
    "commands",
    "pick",
    "estimate",
    "days",
    "startup",
    "mqtt",
    "rush",
    "reload",
    "report",
)
DIRECTORY = Path(".bench")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Small counts, to see that everything works; the figures mean little.")
@click.option("--only", multiple=True, type=click.Choice(NAMES), help="Only this measurement; may be repeated.")
@click.option("--json", "out", type=click.Path(path_type=Path, dir_okay=False), help="Default: a file in .bench/.")
def main(quick: bool, only: Sequence[str], out: Path | None) -> None:
    """Measure the controller. A journal of millions of rows is made once and kept in .bench/."""
    # A partial run must not overwrite a complete one.
    out = out or DIRECTORY / ("-".join(["bench", *(["quick"] if quick else []), *only]) + ".json")
    logging.getLogger().setLevel(logging.ERROR)
    DIRECTORY.mkdir(exist_ok=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    figures: list[Figure] = []
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        for name in only or NAMES:
            figures += _measure(name, quick, progress)
    console = Console() if sys.stdout.isatty() else Console(width=120)
    console.print(table(figures))
    write_json(out, figures, quick=quick)
    console.print(f"{out} has every run.", highlight=False)


def _measure(name: str, quick: bool, progress: Progress) -> list[Figure]:
    def task(description: str, total: int) -> Callable[[], None]:
        progress.console.print(f"{description} ..")
        added = progress.add_task(description, total=total)
        return lambda: progress.advance(added)

    runs = 1 if quick else 3
    presses = 20 if quick else 300
    match name:
        case "press":
            return [
                figure
                for counters, echoing in ((1, False), (12, False), (1, True))
                for figure in press.measure(
                    DIRECTORY,
                    counters,
                    presses,
                    runs,
                    task(f"press to board, counters: {counters}{', echoing bus' * echoing}", presses * runs),
                    echoing=echoing,
                )
            ]
        case "faults":
            return faults.measure(DIRECTORY, presses, runs, task("press to board, lines broken", 2 * presses * runs))
        case "screens":
            some = presses // 3
            return screens.measure(DIRECTORY, some, runs, task("press to board with pages open", 2 * some * runs))
        case "commands":
            return commands.measure(DIRECTORY, 0.5 if quick else 3.0, runs, task("durable commands", runs))
        case "pick":
            rounds = 20 if quick else 200
            return pick.measure(DIRECTORY, rounds, task("picks", rounds))
        case "estimate":
            rounds = 5 if quick else 50
            return estimate.measure(DIRECTORY, rounds, task("estimated waits", rounds))
        case "days":
            some = 2 if quick else 10
            return days.measure(some, runs, task("branch-days", some * runs))
        case "mqtt":
            return mqtt.measure(DIRECTORY, presses, runs, task("MQTT press to acknowledgement", presses * runs))
        case "rush":
            return rush.measure(DIRECTORY, 2.0 if quick else 20.0, runs, task("a rush of MQTT presses", runs))
        case "reload":
            reloads = 2 if quick else 20
            return reload.measure(DIRECTORY, reloads, task("presses during reloads", reloads))
        case "report":
            rows, module, task_name = (200_000 if quick else 2_100_000), report.measure, "reports"
        case _:
            rows, module, task_name = (200_000 if quick else 5_000_000), startup.measure, "start-up and memory"
    times = 1 if quick else 5
    building = progress.add_task(f"the journal of {rows:,} rows (made once, kept in {DIRECTORY}/)", total=rows)
    figures = module(
        DIRECTORY, rows, times, lambda made: progress.update(building, completed=made), task(task_name, times)
    )
    progress.update(building, completed=rows)
    return figures


if __name__ == "__main__":
    main()
