# SPDX-License-Identifier: Apache-2.0
import re

import pytest
import wcwidth
from hypothesis import given
from hypothesis import strategies as st

from kflowd.delivery.formats.screen import PAPER, Screen
from kflowd.delivery.formats.table import WIDE, TableFormat, head_line
from kflowd.delivery.formats.visible import visible
from kflowd.serialize.blocks.file import FILE_EVENTS
from kflowd.serialize.blocks.lifetime import PROCESS_EVENTS
from tests.unit.delivery.formats.hostile import TEXTS, holding, whole_records
from tests.unit.delivery.make import health, numbered
from tests.unit.serialize.samples import SAMPLES

HEAD = "TIME         WHAT PROCESS         PID EVENTS         SIZE OBJECT"
LINES = {
    "filesystem": "15:34:35.643 file sftp-server  183547 F,OP,MO,CW       41 /home/dirk/malware",
    "socket-tcp-http": "15:39:11.928 tcp  curl         216998 CLOSE           414"
    " >15.197.142.173:80 GE…",
    "socket-udp-dns": "15:39:11.463 udp  curl         199856 ESTABLISHED     207"
    " >8.8.4.4:53 A kflow.co",
    "socket-unix-syslog": "14:30:19.409 unix cron        2122368                 192"
    " …stemd/journal/dev-log",
}  # fmt: skip
WIDTHS = (80, 100, WIDE - 1, WIDE, 237)
FORMS = {
    (width, colours): TableFormat(Screen(width, colours))
    for width in WIDTHS
    for colours in (False, True)
}


def unpainted(line: str) -> str:
    """Return a line without its colours."""
    return re.sub("\x1b\\[[0-9]+m", "", line)


@pytest.mark.parametrize("name", SAMPLES)
def test_lines_of_samples(name: str) -> None:
    """Exactly these, where lines have 80 cells."""
    assert TableFormat()(SAMPLES[name]()).decode() == LINES[name]
    assert head_line(PAPER).decode() == HEAD


def test_a_wide_terminal_has_more_columns() -> None:
    """User, sum of events, duration, and both ends of a connection."""
    screen = Screen(WIDE)
    lines = [head_line(screen), *(TableFormat(screen)(make()) for make in SAMPLES.values())]
    assert [line.decode() for line in lines] == [
        (
            "TIME         WHAT USER       PROCESS             PID EVENTS            TOTAL DURATION"
            "  SIZE OBJECT"
        ),
        (
            "15:34:35.643 file dirk       sftp-server      183547 F,OP,MO,CW            4    0.811"
            "    41 /home/dirk/malware"
        ),
        (
            "15:39:11.928 tcp  dirk       curl             216998 CLOSE                10    0.057"
            "   414 38.110.1.24:43302 -> 15.197.142.173:80 GET / 301"
        ),
        (
            "15:39:11.463 udp  dirk       curl             199856 ESTABLISHED           4    0.043"
            "   207 38.110.1.24:56664 -> 8.8.4.4:53 A kflow.co"
        ),
        (
            "14:30:19.409 unix root       cron            2122368                           18.095"
            "   192 -> /run/systemd/journal/dev-log"
        ),
    ]


@pytest.mark.parametrize(
    "line",
    [
        " H,CR,…F,MT,DE  1701 old.txt>/ho…ct/new.txt",
        " EACCE…F,MT,DE  1701 /home/project/new.txt",
        " LAST_ACK       120K …c:1d1e:1f20:2122]:443",
        " >*:*",
        " SEQPACKET     15.8K <- @bus",
        " SIGKILL       18.1M /usr/bin/dash -c make",
        " exit 29       18.1M /usr/bin/dash -c make",
        " stat                     LOST                FileLostMap=703 FileL…",
    ],
)
def test_lines_of_whole_records(line: str) -> None:
    """Among the lines of all kinds of records is one that ends so."""
    assert any(TableFormat()(record).decode().endswith(line) for record in whole_records())


def test_a_host_without_losses_says_so() -> None:
    """And a record of another kind has its time."""
    assert TableFormat()(health()).decode().endswith(" nothing lost")
    assert TableFormat()(numbered("x")) == b"00:00:00.000"


def test_each_event_has_its_code() -> None:
    """Two letters that no other has."""
    from kflowd.delivery.formats.table import CODES

    assert set(CODES) == {*dict(FILE_EVENTS), *PROCESS_EVENTS}
    assert len(set(CODES.values())) == len(CODES)


@pytest.mark.parametrize("screen", FORMS)
@given(record=st.sampled_from(range(len(whole_records()))), text=TEXTS)
def test_a_line_never_exceeds_its_width(screen: tuple[int, bool], record: int, text: str) -> None:
    """As wcwidth counts it; nothing but our colours drives the terminal, and columns stay."""
    painted = FORMS[screen](holding(whole_records()[record], text)).decode()
    line = unpainted(painted)
    assert painted.count("\x1b") == (2 if screen[1] else 0)
    assert line.splitlines() == [line]
    assert visible(line).replace("\\\\", "\\") == line
    assert 0 < wcwidth.wcswidth(line) <= screen[0]


@pytest.mark.parametrize("width", WIDTHS)
def test_columns_stand_below_their_titles(width: int) -> None:
    """Names of wide letters move nothing: the size ends where its title does."""
    screen = Screen(width)
    end = head_line(screen).decode().index("SIZE") + 4
    record = holding(SAMPLES["filesystem"](), "漢字漢字漢字漢字漢字")
    line = TableFormat(screen)(record).decode()
    size_end = line.rindex(" 41 ") + 3
    assert wcwidth.wcswidth(line[:size_end]) == end
