"""The configuration: a TOML file turned into checked settings, or into all of its errors at once.

The errors of three passes are reported together, sorted by line: pydantic checks each key against
`controller.config.keys`; cross-checks compare keys with each other, using only values that passed;
`controller.config.lines` finds the line of each error.
"""

from controller.config.errors import ConfigError, Problem
from controller.config.settings import (
    CardSettings,
    MqttSettings,
    PrivacySettings,
    Settings,
    WebSettings,
    checked,
    load,
    read,
    wording,
)
from controller.devices.settings import shipped

__all__ = [
    "CardSettings",
    "ConfigError",
    "MqttSettings",
    "PrivacySettings",
    "Problem",
    "Settings",
    "WebSettings",
    "checked",
    "load",
    "read",
    "shipped",
    "wording",
]
