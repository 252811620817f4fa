# SPDX-License-Identifier: Apache-2.0
import msgspec
import pytest

from kflowd import model
from kflowd.contract import constants, layout

OURS = 1 << 30  # flags that no kernel uses


@pytest.mark.parametrize(
    ("names", "prefix"),
    [
        (model.FileFlag, "KF_AGG_"),
        (model.SocketFlag, "KF_SOCK_"),
        (model.ProcessFlag, "KF_PROC_"),
        (model.ProcessSource, "KF_PROC_"),
        (model.Role, "KF_ROLE_"),
    ],
)
def test_flags_have_the_values_of_the_contract(names: type, prefix: str) -> None:
    """Names and values of flags are those of the header."""
    for name, value in vars(names).items():
        if not name.startswith("_") and value != OURS:
            assert value == constants()[prefix + name]


def test_events_have_the_positions_of_the_contract() -> None:
    """The events that a stage asks for stand where the header says."""
    values = constants()
    assert values["KF_FILE_OPEN_EXEC"] == model.FileEvent.OPEN_EXEC
    assert values["KF_FILE_EVENTS"] == model.FileEvent.COUNT


def test_values_have_the_members_of_the_contract() -> None:
    """No member of a kernel struct was forgotten."""
    for name, value in (
        ("struct kf_proc", model.Process),
        ("struct kf_tcp_info", model.TcpInfo),
    ):
        assert set(value.__struct_fields__) == set(layout(name).members(""))


def test_facts_of_a_wrong_type_say_nothing() -> None:
    """A recording may hold any JSON object."""

    class Facts(msgspec.Struct):
        name: str = "unknown"

    assert model.facts_of(Facts, b'{"name":"dev","later":[1]}').name == "dev"
    for facts in (b"", b'{"name":5}', b'{"name":"\xff"}', b"[" * 5000):
        assert model.facts_of(Facts, facts) == Facts()
