# SPDX-License-Identifier: Apache-2.0
import tomllib
from pathlib import Path

import pytest

from kflowd.settings import EnrichSettings, OutputSettings, Settings
from kflowd.settings.convert import convert
from kflowd.support.configured import redacted, settings_text, without_secrets

SETTINGS = Settings(
    enrich=EnrichSettings(token="Zq7vXk29"),
    output=(OutputSettings(), OutputSettings(sink="file", path=Path("/x"))),
)


def test_settings_read_as_a_file_with_origins() -> None:
    """Secrets are three asterisks, all else is as it is."""
    text = settings_text(SETTINGS, lambda place: f"from {place[-1]}")
    assert "Zq7vXk29" not in text
    assert 'token = "***"  # from token' in text
    assert convert(tomllib.loads(text)) == without_secrets(SETTINGS)


def test_what_is_no_secret_stays() -> None:
    """No token is no secret."""
    assert without_secrets(Settings()) == Settings()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('path = "https://user:Zq7vXk29@host/x"', 'path = "https://user:***@host/x"'),
        ('address = "logs.example.net:5170"', 'address = "logs.example.net:5170"'),
        ('path = "/x"  # --password=Zq7vXk29', 'path = "/x"  # --password=***'),
        ("idle = 15", "idle = 15"),
    ],
)
def test_what_looks_like_a_secret_is_none_for_others(line: str, expected: str) -> None:
    """As in arguments of programs."""
    assert redacted(line) == expected
