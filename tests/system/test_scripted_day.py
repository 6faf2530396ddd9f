"""`lobby demo --script`: a day on which things go wrong, on simulated hardware, and what is said of a bad script."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.config import shipped
from system.branch import lobby


@pytest.mark.long
@pytest.mark.parametrize("script", sorted(path.stem for path in shipped("scripts").glob("*.toml")))
async def test_every_step_of_a_script_that_comes_with_it_is_seen(script: str) -> None:
    code, said = await lobby("demo", "--script", script, "--language", "en")
    assert code == 0, said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no such script; there are faulty-day, or name a file"),
        ("[[step]", "it cannot be read: "),
        ('title = { en = "x" }\nstep = []', "step: List should have at least 1 item"),
        ('title = { en = "x" }\n[[step]]\ntells = { en = "x" }\nat = "9:5"', "step.1.at: String should match"),
        ('title = { en = "x" }\n[[step]]\ntells = { en = "x" }\nwiht = 1', "step.1.wiht: Extra inputs"),
    ],
)
async def test_a_bad_script_is_refused_in_one_sentence(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "day.toml"
    if text is not None:
        path.write_text(text)
    code, told = await lobby("demo", "--script", path)
    assert code == 2
    assert f"{path}: {said}" in told
    assert len(told.strip().splitlines()) == 1
