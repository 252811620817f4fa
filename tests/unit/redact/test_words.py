# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.redact.words import program_name, redact_words, split


def words(text: bytes) -> list[bytes]:
    return [text[start:end] for start, end in split(text, 0, len(text))]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a b  c", ["a", "b", "c"]),
        ("a 'b c' d", ["a", "b c", "d"]),
        ('a "b \\" c" d', ["a", 'b \\" c', "d"]),
        ("a -p'b c' d", ["a", "-p'b c'", "d"]),
        ("a|b;c&&d>e", ["a", "b", "c", "d", "e"]),
        ("a 'b c", ["a", "b c"]),
        ("a\\ b", ["a\\", "b"]),
        ("''", [""]),
        ("", []),
    ],
)
def test_a_line_is_parted_as_a_shell_does(line: str, expected: list[str]) -> None:
    """Quotes around the whole of a word are none of it."""
    assert words(line.encode()) == [each.encode() for each in expected]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sshpass|-p|a|ssh|-p|22|h", "sshpass|-p|***|ssh|-p|22|h"),
        ("curl|-u|me:a:b|-u|me", "curl|-u|me:***|-u|me"),
        ("x|--password|--host|h", "x|--password|--host|h"),
        ("x|--password|-uroot|h", "x|--password|***|h"),
        ("x|--password||y", "x|--password||y"),
        ("x|--password", "x|--password"),
        ("mysql|-p|db|-pa", "mysql|-p|db|-p***"),
        ("docker|run|-p|1:2|x", "docker|run|-p|1:2|x"),
        ("docker|login|-p|a", "docker|login|-p|***"),
        ("sh|-c|mysql -pa x|-pb", "sh|-c|mysql -p*** x|-pb"),
        ("watch|mysql -p'a b' x", "watch|mysql -p*** x"),
        ("sh|-c|sh -c 'sh -c \"mysql -pa x\" y' z", "sh|-c|sh -c 'sh -c \"mysql -p*** x\" y' z"),
        ("redis-cli|auth|me|a", "redis-cli|auth|***|***"),
        ("htpasswd|-b|f|me|a", "htpasswd|-b|f|me|***"),
        ("htpasswd|-c|f|me", "htpasswd|-c|f|me"),
    ],
)
def test_a_secret_is_known_by_its_place(line: str, expected: str) -> None:
    """Behind an option, in one, or at its number; no other argument is touched."""
    found, _ = redact_words(line.replace("|", "\0").encode())
    assert found.decode().replace("\0", "|") == expected


def test_command_lines_are_told() -> None:
    """By their number: what a shell gets behind -c, what ssh runs."""
    assert redact_words(b"sh\0-c\0a b\0c d")[1] == {2}
    assert redact_words(b"/bin/bash\0-lc\0a")[1] == {2}
    assert redact_words(b"ssh\0h\0a b")[1] == {1, 2}
    assert redact_words(b"echo\0a b")[1] == set()


def test_programs_are_known_without_path_and_version() -> None:
    """And with the dash of a login shell."""
    names = (b"/usr/bin/mysql", b"MYSQL.EXE", b"mysql5.7", b"mysql-8", b"-bash", b"7z", b"x" * 99)
    assert [program_name(it) for it in names] == [*[b"mysql"] * 4, b"bash", b"7z", b""]
