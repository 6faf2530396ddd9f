"""Writes the commit into a wheel that is built from a checkout, as `controller/commit`."""

import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CommitHook(BuildHookInterface):  # type: ignore[misc,type-arg]
    """Installed in editable form, the program asks git itself."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        found: dict[str, Any] = {}
        source = Path(self.root, "controller", "version.py")
        exec(compile(source.read_text("utf-8"), source, "exec"), found)
        if version != "editable" and (commit := found["of_checkout"](Path(self.root))):
            with tempfile.NamedTemporaryFile("w", delete=False) as file:
                file.write(commit)
            Path(file.name).chmod(0o644)
            build_data["force_include"][file.name] = "controller/commit"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        for path, target in build_data["force_include"].items():
            if target == "controller/commit":
                Path(path).unlink()
