"""What Airflow asks each provider for at every start."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import yaml

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML was built without libyaml, which is ten times as fast.
    from yaml import SafeLoader  # type: ignore[assignment]


def get_provider_info() -> dict[str, Any]:
    """Return the content of provider.yaml."""
    text = files(__package__).joinpath("provider.yaml").read_text("utf-8")
    info: dict[str, Any] = yaml.load(text, Loader=SafeLoader)
    return info
