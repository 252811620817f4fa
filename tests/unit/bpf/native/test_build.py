# SPDX-License-Identifier: Apache-2.0
"""The build of the extension: what is declared, and where libbpf is found."""

from pathlib import Path

import pytest

from kflowd.bpf.native import _build


def test_cut_takes_what_is_between_the_marks() -> None:
    """Only the text between the marks is declared to cffi."""
    text = "#ifndef X\n/* cffi: begin */\nint a;\n/* cffi: end */\n#endif\n"
    assert _build.cut(text) == "int a;\n"


def test_a_header_without_marks_is_an_error() -> None:
    """A header that lost its marks does not declare nothing in silence."""
    with pytest.raises(ValueError, match="no marks"):
        _build.cut("int a;\n")


def test_declarations_hold_libbpf_the_contract_and_the_glue() -> None:
    """All three headers are declared in an order in which names are known."""
    text = _build.declarations()
    places = [text.index(name) for name in ("bpf_object__load", "struct kf_header {", "kf_drain__")]
    assert places == sorted(places)


def test_libbpf_is_taken_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LIBBPF_A comes before what pkg-config and the compiler know."""
    archive = tmp_path / "libbpf.a"
    archive.write_bytes(b"!<arch>\n")
    monkeypatch.setenv("LIBBPF_A", str(archive))
    assert _build.find_libbpf() == archive


def test_a_missing_libbpf_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without libbpf.a the message names the packages."""
    monkeypatch.delenv("LIBBPF_A", raising=False)
    monkeypatch.setattr(_build, "_output", lambda *_: "libbpf.a")
    with pytest.raises(FileNotFoundError, match="libbpf-dev"):
        _build.find_libbpf()
