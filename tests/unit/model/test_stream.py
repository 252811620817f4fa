# SPDX-License-Identifier: Apache-2.0
import msgspec

from kflowd import model


def test_facts_of_a_wrong_type_say_nothing() -> None:
    """A recording may hold any JSON object."""

    class Facts(msgspec.Struct):
        name: str = "unknown"

    assert model.facts_of(Facts, b'{"name":"dev","later":[1]}').name == "dev"
    for facts in (b"", b'{"name":5}', b'{"name":"\xff"}', b"[" * 5000):
        assert model.facts_of(Facts, facts) == Facts()
