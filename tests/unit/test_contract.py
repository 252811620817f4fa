# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import pytest

from kflowd.contract import Shape, constants, differences, layout, shape
from tests.unit.make import KINDS


@pytest.mark.parametrize("name", [*KINDS.values(), "struct kf_sock", "struct kf_unix_key"])
def test_every_struct_of_the_contract_has_a_layout_of_its_size(name: str) -> None:
    """Formats are as long as sizeof, and every position is named."""
    one = layout(name)
    assert one.unpacker.size == one.size
    positions = len(one.unpack_from(bytes(one.size)))
    assert max(one.index.values()) < positions


def test_a_shape_has_the_members_of_the_struct_alone() -> None:
    """Nested structs are one member with their size, and pads are there."""
    one = shape("struct kf_exit_record")
    assert list(one.members) == ["hdr", "proc", "cpu_ns", "peak_rss", "status", "pad"]
    assert one.members["proc"] == (one.members["hdr"][1], shape("struct kf_proc").size)


def test_a_size_alone_can_differ() -> None:
    """A struct that grew at its end, by a pad that nobody names, is seen."""
    here, there = Shape(8, {"a": (0, 4)}), Shape(16, {"a": (0, 4)})
    assert list(differences("struct kf_x", here, there)) == [
        "struct kf_x has 16 bytes in the object, 8 in the program"
    ]


def test_constants_are_those_of_the_header() -> None:
    """Both #define and enum values are known by name."""
    assert constants()["KF_FLAG_SLOTS"] == 12
    assert constants()["KF_KIND_TICK"] == 10


def test_no_header_is_parsed_at_start() -> None:
    """The stages of a replay start without cffi."""
    code = "import sys, kflowd.records; sys.exit('cffi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_missing_layouts_are_one_clear_line() -> None:
    """Without what the build writes there is a message that says to build, and exit code 1."""
    code = (
        "import sys; sys.modules['kflowd._layouts'] = None; from kflowd import cli;"
        "sys.argv = ['kflowd', 'replay', 'x']; cli.entry()"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "kflowd/_layouts.py is not there" in done.stderr
    assert "make build" in done.stderr
    assert "Traceback" not in done.stderr
