"""Writes the commit into a wheel that is built from a checkout, as `controller/commit`."""

import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CommitHook(BuildHookInterface):  # type: ignore[misc,type-arg]
    """Installed in editable form, the program asks git itself."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        sys.path.insert(0, self.root)  # the program is not installed yet where this runs
        try:
            of_checkout = import_module("controller.version").of_checkout
        finally:
            sys.path.remove(self.root)
        if commit := of_checkout(Path(self.root)):
            with tempfile.NamedTemporaryFile("w", delete=False) as file:
                file.write(commit)
            Path(file.name).chmod(0o644)
            build_data["force_include"][file.name] = "controller/commit"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        for path, target in build_data["force_include"].items():
            if target == "controller/commit":
                Path(path).unlink()
