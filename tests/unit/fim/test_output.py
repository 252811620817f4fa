# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import pytest

from kflowd.fim import work
from kflowd.fim.output import Printer
from tests.unit.fim.hosts import Host


@pytest.mark.parametrize("form", ["compact", "table", "json", "json-min", "ecs", "ocsf", "otlp"])
def test_findings_have_every_form(tmp_path: Path, form: str) -> None:
    """Each text names the file, and those for programs are JSON."""
    host = Host(tmp_path, severity="critical")
    host.write(a="1", b="2")
    host.init()
    host.write(a="x")
    (host.tree / "b").rename(host.tree / "c")
    host.check()
    with work.Session(host.settings, write=False) as session:
        texts = list(Printer(form, "token").texts(session.findings()))
    assert len(texts) == 2
    assert "tree/a" in texts[0]
    assert "tree/b" in texts[1]
    if form not in {"compact", "table"}:
        assert all(json.loads(it) for it in texts)
