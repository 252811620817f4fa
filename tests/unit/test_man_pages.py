# SPDX-License-Identifier: Apache-2.0
import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from kflowd import cli
from kflowd.settings import Settings
from kflowd.settings.walk import settings_of
from tools import man_pages

# what may stand behind a backslash, and what may begin a line that is a request
ESCAPE = re.compile(r"\\(?:[e&-]|f[BR]|\((?:aq|ga|ha|ti|dq))")
REQUEST = re.compile(r"\.(?:TH|SH|SS|TP|PP|nf|fi)(?: |$)")


@pytest.fixture
def pages(tmp_path: Path) -> list[Path]:
    """Write the pages: of the program, and of the file."""
    man_pages.main(tmp_path / "man")
    return sorted((tmp_path / "man").iterdir())


def shown(page: Path) -> str:
    """Return what a page says, without the escapes."""
    return page.read_text().replace(r"\-", "-")


def test_each_option_and_command_is_there(pages: list[Path]) -> None:
    """All that --help lists, of all commands."""
    text = shown(pages[0])
    for name, found in (("kflowd", cli.command), *man_pages.commands(cli.command, "kflowd")):
        assert name in text
        for param in found.params:
            if isinstance(param, click.Option):
                assert all(re.search(rf"\\fB.*{re.escape(it)}\b", text) for it in param.opts)


def test_each_key_is_there(pages: list[Path]) -> None:
    """With its help and its table."""
    text = shown(pages[1])
    for setting in settings_of(Settings):
        assert f".TP\n\\fB{setting.key}\\fR\n" in text
        assert setting.option.help.split("'")[0] in text
    for table in ("[trace]", "[enrich]", "[[output]]"):
        assert f'.SS "{table}"' in text


def test_pages_are_roff(pages: list[Path]) -> None:
    """Each backslash begins an escape and each dot at the begin of a line a request of ours."""
    for page in pages:
        for line in page.read_text().splitlines():
            assert "\\" not in ESCAPE.sub("", line)
            assert REQUEST.match(line) or not line.startswith((".", "'"))


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff here")
def test_groff_has_no_warnings(pages: list[Path]) -> None:
    """All warnings are on."""
    for page in pages:
        command = ["groff", "-man", "-Tutf8", "-ww", "-z", str(page)]
        run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        assert (run.stdout, run.stderr) == ("", "")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (".TH is\n  'no' request", r"\&.TH is \(aqno\(aq request"),
        ("'x", r"\(aqx"),
        ("a\\fB --b", r"a\efB \-\-b"),
    ],
)
def test_text_is_no_roff(text: str, line: str) -> None:
    """What stands in a help is shown as it is."""
    assert man_pages.escaped(text) == line
