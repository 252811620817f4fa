# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd import settings
from kflowd.errors import UsageError
from kflowd.settings import NS_PER_SECOND, Output, Settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [("file", {"file"}), ("socket", {"socket"}), ("socket,file", {"file", "socket"})],
)
def test_subsystems_are_exact_words(text: str, expected: set[str]) -> None:
    """-m takes the words in any order."""
    assert settings.parse_subsystems(text) == expected


@pytest.mark.parametrize("text", ["", "f", "File", "file,", "file, socket", "files", "file;socket"])
def test_other_subsystems_are_refused(text: str) -> None:
    """No prefix, no other case, no blank."""
    with pytest.raises(UsageError, match="^-m: "):
        settings.parse_subsystems(text)


@pytest.mark.parametrize(
    ("text", "idle", "active"),
    [
        ("1", 1, 1800),
        ("0.5", 0.5, 1800),
        (".25,2", 0.25, 2),
        ("2,1", 2, 1),
        ("15.,1800", 15, 1800),
        ("0.000000001,1000000000", 1e-9, 1e9),
    ],
)
def test_timeouts(text: str, idle: float, active: float) -> None:
    """-t takes one or two decimals; ACTIVE has a default."""
    expected = (round(idle * NS_PER_SECOND), round(active * NS_PER_SECOND))
    assert settings.parse_timeouts(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "0", "0.0", "-1", "1,0", "1,2,3", "1,", ",1", "1e3", "0x1", "inf", "nan", "1 ", "٣"],
)
def test_other_timeouts_are_refused(text: str) -> None:
    """Zero, signs, exponents, a third value and foreign digits are errors."""
    with pytest.raises(UsageError, match="^-t: "):
        settings.parse_timeouts(text)


def test_negative_numbers_are_called_so() -> None:
    """A number below zero is a number, but none that is taken."""
    for text in ("-1", "-0.5", "-.5", "-3."):
        with pytest.raises(UsageError, match=f"^-t: '{text}' is negative, the value must be posit"):
            settings.parse_timeouts(text)
    with pytest.raises(UsageError, match="^-e: '-7' is negative, the value must be positive$"):
        settings.parse_export_at("-7")


@given(st.text())
def test_any_text_is_a_value_or_one_line(text: str) -> None:
    """Whatever an option is given, the answer is a value or a message of one printable line."""
    for parse in (
        settings.parse_subsystems,
        settings.parse_timeouts,
        settings.parse_output,
        settings.parse_attach_mode,
        settings.parse_export_at,
        settings.parse_count,
        settings.parse_ring_bytes,
        lambda given: settings.parse_entries("--file-entries", given),
    ):
        try:
            parse(text)
        except UsageError as error:
            assert str(error).isprintable()
            assert len(str(error)) < 200


@pytest.mark.parametrize("text", ["16384", "8388608"])
def test_ring_is_a_power_of_two(text: str) -> None:
    """A power of two of whole pages is taken."""
    assert settings.parse_ring_bytes(text) == int(text)


@pytest.mark.parametrize("text", ["8192", "20000", "0", "2147483648", "8M"])
def test_other_rings_are_refused(text: str) -> None:
    """What the kernel would refuse is refused before."""
    with pytest.raises(UsageError, match="^--ring-bytes: "):
        settings.parse_ring_bytes(text)


def test_numbers_have_limits() -> None:
    """-e and --count begin at 1."""
    assert settings.parse_export_at("1") == 1
    assert settings.parse_count("7") == 7
    for parse in (settings.parse_export_at, settings.parse_count):
        with pytest.raises(UsageError):
            parse("0")


def test_output_and_attach_mode() -> None:
    """Both are exact words."""
    assert settings.parse_output("json-min") is Output.JSON_MIN
    assert settings.parse_attach_mode("kprobe") == "kprobe"
    with pytest.raises(UsageError, match="^-o: 'table' is none of json, json-min$"):
        settings.parse_output("table")
    with pytest.raises(UsageError, match="^--attach: "):
        settings.parse_attach_mode("fexit")


def test_defaults() -> None:
    """Without options both subsystems are traced, with the documented times."""
    given = Settings()
    assert given.subsystems == {"file", "socket"}
    assert (given.idle_ns, given.active_ns) == (15 * NS_PER_SECOND, 1800 * NS_PER_SECOND)
