"""The compose files of this checkout, as text."""

from __future__ import annotations

from pathlib import Path

import yaml

CHECKOUT = Path(__file__).parents[2]
COMPOSE = [
    path.read_text() for path in (CHECKOUT / "docker-compose.yaml", *CHECKOUT.glob("compose/*/compose.yaml"))
]
EXAMPLE = (CHECKOUT / ".env.example").read_text()
SECRETS = {name: file for text in COMPOSE for name, file in yaml.safe_load(text).get("secrets", {}).items()}
"""Each secret of the stack, and where it comes from."""
