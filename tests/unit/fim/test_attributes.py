# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st

from kflowd.fim.attributes import acl_entries, capability_text, flag_words


def test_flags_are_words() -> None:
    """Immutable and append-only are told; how a file system keeps the file is not."""
    assert flag_words(0x80000 | 0x10 | 0x20) == ("immutable", "append_only")


def test_entries_of_access_control_lists_are_read() -> None:
    """As setfacl -m u:1000:rw writes them, named ones with their number."""
    value = bytes.fromhex(
        "02000000 01000600ffffffff 02000600e8030000 04000400ffffffff".replace(" ", "")
    )
    assert acl_entries(value) == ("user::rw-", "user:1000:rw-", "group::r--")
    assert acl_entries(value, "default:")[0] == "default:user::rw-"


def test_capabilities_are_read() -> None:
    """As getcap prints them; of a user namespace with the user that is root there."""
    value = (
        (0x02000001).to_bytes(4, "little") + (1 << 13 | 1 << 10).to_bytes(4, "little") + bytes(12)
    )
    assert capability_text(value) == "cap_net_bind_service,cap_net_raw=ep"
    third = b"\0\0\0\x03" + value[4:] + (1000).to_bytes(4, "little")
    assert capability_text(third) == "cap_net_bind_service,cap_net_raw=p [rootid=1000]"
    assert capability_text(b"\1") == "unknown:01"


@given(st.binary(max_size=64))
def test_whatever_the_bytes_are_they_are_text(value: bytes) -> None:
    """What is no list or no capabilities is shown as its bytes, so that a change is seen."""
    assert all(isinstance(it, str) for it in acl_entries(value))
    assert capability_text(value)
