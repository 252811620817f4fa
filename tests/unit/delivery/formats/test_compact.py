# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.delivery.formats.compact import CompactFormat
from kflowd.delivery.formats.screen import Screen
from kflowd.delivery.formats.visible import visible
from tests.unit.delivery.formats.hostile import TEXTS, holding, whole_records
from tests.unit.delivery.make import health, numbered
from tests.unit.make import named_socket
from tests.unit.serialize.samples import SAMPLES
from tests.unit.serialize.text import builder

LINES = {
    "filesystem": "15:34:35.643 file    dirk sftp-server(183547) OPEN=1,MODIFY=2,CLOSE_WRITE=1"
    " /home/dirk/malware size=41",
    "socket-tcp-http": "15:39:11.928 tcp     dirk curl(216998) TCP_CLOSE 38.110.1.24:43302 ->"
    ' 15.197.142.173:80 tx=72/6 rx=342/4 age=0.057344028 app=HTTP said="GET / 301"',
    "socket-udp-dns": "15:39:11.463 udp     dirk curl(199856) UDP_ESTABLISHED 38.110.1.24:56664 ->"
    ' 8.8.4.4:53 tx=52/2 rx=155/2 age=0.043689149 app=DNS said="A kflow.co"',
    "socket-unix-syslog": "14:30:19.409 unix    root cron(2122368) - ->"
    " /run/systemd/journal/dev-log tx=192 rx=0 age=18.095146325 app=SYSLOG said=CRON",
}  # fmt: skip
FORM = CompactFormat()


@pytest.mark.parametrize("name", SAMPLES)
def test_lines_of_samples(name: str) -> None:
    """Exactly these."""
    assert FORM(SAMPLES[name]()).decode() == LINES[name]


@pytest.mark.parametrize(
    "line",
    [
        # renamed; what is not known is told
        ("/home/project/new.txt from=old.txt size=1701 [PATH_UNRESOLVED,STALE,EXE_TRUNCATED,"
        "FILELESS,DELETED]"),
        "DELETE=611:EACCES /home/project/new.txt size=1701",
        ("TCP_LAST_ACK [2001:db8:102:304:506:708:90a:b0c]:43302 <- "
        "[fe80:1516:1718:191a:1b1c:1d1e:1f20:2122]:443 tx=50300/2006 rx=72999/3006"),
        # folded peers
        "UDP_ESTABLISHED 38.110.1.24:43302 -> *:* tx=2001/2006",
        "SEQPACKET <- @bus tx=8101 rx=8102",
        ' "" ""(-) STREAM -> /dev/log tx=8101 rx=8102 age=34.000000004 [NO_OWNER]',
        " EXEC=3,FORK=1,EXIT=1 exit=29 rss=19000832 ",
        " EXEC=3,FORK=1,EXIT=1 signal=SIGKILL rss=19000832 ",
        "CORE_DUMPED] /usr/bin/dash -c make",
        " health  FileLostMap=703 FileLostRing=704 ",
    ],
)  # fmt: skip
def test_lines_of_whole_records(line: str) -> None:
    """Among the lines of all kinds of records is one with this."""
    assert any(line in FORM(record).decode() for record in whole_records())


def test_a_host_without_losses_says_so() -> None:
    """And a record of another kind has its time."""
    assert FORM(health()) == b"00:00:00.000 health  lost=none"
    assert FORM(numbered("x")).startswith(b"00:00:00.000 ")


def test_colours_are_around_one_word() -> None:
    """Without them the line is the same."""
    record = SAMPLES["filesystem"]()
    line = CompactFormat(Screen(80, colours=True))(record)
    assert line.count(b"\x1b") == 2
    assert line.replace(b"\x1b[36m", b"").replace(b"\x1b[0m", b"") == FORM(record)


@given(record=st.sampled_from(range(len(whole_records()))), text=TEXTS)
def test_a_record_is_one_line_whatever_it_holds(record: int, text: str) -> None:
    """Nothing that others choose gets out of it as anything but visible characters."""
    line = FORM(holding(whole_records()[record], text)).decode()
    assert line.splitlines() == [line]
    assert visible(line).replace("\\\\", "\\") == line


def test_the_name_that_was_asked_for() -> None:
    """It stands behind the numbers, and is one value whatever it holds."""
    for name, shown in (("www.example.com", " name=www.example.com "), ("a b", ' name="a b" ')):
        line = FORM(builder().socket(named_socket(remote_names=(name, "x"), flags=0))).decode()
        assert shown in line
        assert line.endswith("]")
