"""The configuration: a TOML file turned into checked settings, or into all of its errors at once.

Three passes look at the file, and their findings are reported together, sorted by line: pydantic checks each key
against `controller.config.keys`; cross-checks look at what the keys say about each other, reading only values that
passed; `controller.config.lines` finds the line each of them stands on.
"""

from controller.config.errors import ConfigError, Problem
from controller.config.settings import CardSettings, MqttSettings, Settings, WebSettings, read, shipped, wording

__all__ = [
    "CardSettings",
    "ConfigError",
    "MqttSettings",
    "Problem",
    "Settings",
    "WebSettings",
    "read",
    "shipped",
    "wording",
]
