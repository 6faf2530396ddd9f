"""How tests that make up their own cases do it: the same ones in every `make test`, new ones in `make verify`."""

from __future__ import annotations

from hypothesis import settings
from hypothesis.internal.conjecture import providers

USUAL = 100
"""Cases of a test that does not say how many."""
TIMES = 10
"""How many times as many cases there are when exploring."""
EXPLORE = "explore"


def register() -> None:
    """The two profiles; `--hypothesis-profile explore` chooses the other one. No case is limited in time.

    When exploring, a run depends on nothing but `--hypothesis-seed`, so that it can be had again.
    """
    # Hypothesis also draws constants from whichever of our modules are loaded at that moment: with one more of them
    # anywhere, or other tests before it, a test would have other cases. It has no setting for that.
    providers._get_local_constants = providers.Constants
    settings.register_profile("same", max_examples=USUAL, derandomize=True, deadline=None, print_blob=True)
    settings.register_profile(
        EXPLORE, max_examples=USUAL * TIMES, derandomize=False, database=None, deadline=None, print_blob=True
    )
    settings.load_profile("same")


def examples(count: int, **more: int) -> settings:
    """The settings of a test with `count` cases, or `TIMES` as many when exploring."""
    return settings(max_examples=count * settings().max_examples // USUAL, **more)  # type: ignore[arg-type]
