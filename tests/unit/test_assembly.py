# SPDX-License-Identifier: Apache-2.0
import os

import msgspec

import kflowd
from kflowd import assembly
from kflowd.assembly import Assembly
from kflowd.delivery import Delivery
from kflowd.recording import SessionFacts
from kflowd.settings import Settings


def test_facts_of_this_host() -> None:
    """Without tables a session holds what records say of the host."""
    facts = assembly.session_facts(with_tables=False)
    assert facts.host_name == os.uname().nodename
    assert facts.version == f"kflowd-v{kflowd.__version__}"
    assert facts.users == facts.mountinfo == ""


def test_tables_survive_json() -> None:
    """With tables a session can be written, and holds no more of a user than name and number."""
    facts = assembly.session_facts(with_tables=True)
    again = msgspec.json.decode(msgspec.json.encode(facts), type=SessionFacts)
    assert again == facts
    assert "root::0" in facts.users.splitlines()
    assert "/bin/" not in facts.users
    assert facts.mountinfo


def test_recorded_tables_never_ask_this_host() -> None:
    """Tables of a recording know what it holds, and nothing else."""
    tables = assembly.recorded_tables(SessionFacts(users="someone::0"))
    tables.users.refresh(1)
    joined = Assembly(Settings(), tables, Delivery([]))
    assert joined.user_counters().decode_unknown == 0
    assert tables.users._users.names == {0: "someone"}
    assert tables.users._groups.names == {}
