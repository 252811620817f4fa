# SPDX-License-Identifier: Apache-2.0
import pytest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric

from kflowd.metrics.lines import MOST_LETTERS, lines, segment


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("stdout", "stdout"),
        ("file /var/log/kflowd.json", "file_var_log_kflowd_json"),
        ("tcp [2001:db8::1]:5170", "tcp_2001_db8_1_5170"),
        ("file/kf_open (standby)", "file_kf_open_standby"),
        ("a\n b.c 1 2\n", "a_b_c_1_2"),
        ("..", "_"),
        ("", "_"),
        ("Größe", "Gr_e"),
        ("x" * 300, "x" * MOST_LETTERS),
    ],
)
def test_any_text_is_one_level(text: str, safe: str) -> None:
    """No dot, blank or end of a line is left, and no path that leads elsewhere."""
    assert segment(text) == safe


def lost(*outputs: str) -> Metric:
    """Return a family with two labels."""
    family = CounterMetricFamily("kflowd_output_lost", "w", labels=["output", "reason"])
    for number, output in enumerate(outputs):
        family.add_metric([output, "full"], number)
    return family


def test_a_line_for_each_number() -> None:
    """Values of labels are levels; whole numbers have no dot; what is a text has no line."""
    families = [
        InfoMetricFamily("kflowd_build", "w", value={"version": "1"}),
        GaugeMetricFamily("kflowd_drain_lag_seconds", "w", value=0.25),
        CounterMetricFamily("kflowd_file_events", "w", value=12345678901),
        GaugeMetricFamily("process_open_fds", "w", value=7),
        lost("stdout", "file /a"),
    ]
    assert lines(families, "kflowd.web 1", 1_700_000_000) == (
        b"kflowd.web_1.drain_lag_seconds 0.25 1700000000\n"
        b"kflowd.web_1.file_events_total 12345678901 1700000000\n"
        b"kflowd.web_1.process_open_fds 7 1700000000\n"
        b"kflowd.web_1.output_lost_total.stdout.full 0 1700000000\n"
        b"kflowd.web_1.output_lost_total.file_a.full 1 1700000000\n"
    )


def test_no_two_numbers_share_a_name() -> None:
    """Texts that are one as levels are told apart, in their order."""
    text = lines([lost("file /a/b", "file /a.b", "file /a:b")], "p", 1)
    assert [line.split()[0] for line in text.decode().splitlines()] == [
        "p.output_lost_total.file_a_b.full",
        "p.output_lost_total.file_a_b.full-2",
        "p.output_lost_total.file_a_b.full-3",
    ]
