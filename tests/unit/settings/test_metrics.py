# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.errors import UsageError
from kflowd.settings.convert import convert


def test_times_of_programs_are_for_who_gets_metrics() -> None:
    """Nobody would see them, and they cost all programs of the host something."""
    table = {"program_times": True}
    with pytest.raises(UsageError, match="^--program-times: only with --listen or --graphite"):
        convert({"metrics": table})
    metrics = convert({"metrics": table | {"listen": "127.0.0.1:9753"}}).metrics
    assert metrics.program_times
    assert metrics.wanted


@pytest.mark.parametrize(("key", "value"), [("prefix", "kflowd.web-1"), ("interval", "5s")])
def test_what_is_of_graphite_is_refused_without_it(key: str, value: str) -> None:
    """It would have no effect."""
    with pytest.raises(UsageError, match=f"^--{key}: only with --graphite"):
        convert({"metrics": {key: value}})
    metrics = convert({"metrics": {key: value, "graphite": "carbon.example.net:2003"}}).metrics
    assert metrics.wanted
    assert value.startswith(str(getattr(metrics, key, 5)))
