# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.protocols import Direction, Message
from kflowd.redact.messages import redact_message


def redacted(members: dict[str, Any], *notes: str) -> dict[str, Any]:
    """Return members without secrets."""
    message = Message(1, Direction.TX, dict(members), list(notes))
    redact_message(message)
    return message.members


@pytest.mark.parametrize(
    ("key", "value", "hidden"),
    [
        ("Authorization", "Basic dXNlcjpwYXNz", "Basic ***"),
        ("authorization", "Bearer abc.def", "Bearer ***"),
        ("Proxy-Authorization", "Digest username=x, response=y", "Digest ***"),
        ("Authorization", 'Digest username="u", realm="r", response="hunter2"', "Digest ***"),
        ("Authorization", "hunter2", "***"),
        ("Set-Cookie", "sid=one; Path=/, tok=two", "***"),
        ("X-Api-Key", "one, two three", "***"),
        ("Host", "u:hunter2@h.example", "u:***@h.example"),
        ("_Body", "password: hunter2\nnext line\n", "password: ***\nnext line\n"),
        ("Message", "session_token=abc user=bob ip=1", "session_token=*** user=bob ip=1"),
        ("Cookie", "a=b; c=d", "***"),
        ("X-Api-Key", "12345678", "***"),
        ("Location", "https://u:p@h.example/x?token=abc&y=1", "https://u:***@h.example/x?token=***&y=1"),
        ("_Url", "/login?user=a&password=hunter2&c=d", "/login?user=a&password=***&c=d"),
        ("_Body", '{"password": "hunter2", "x": 1}', '{"password": "***", "x": 1}'),
        ("_Body", "user=a&password=hunter2&c=d", "user=a&password=***&c=d"),
        ("_Body", '{"passwords": ["hunter2", "b"], "x": 1}', '{"passwords": [***], "x": 1}'),
        ("_Body", '{"password":["a",["b]"]],"n":2}', '{"password":[***],"n":2}'),
        ("_Body", '{"password":["a","b', '{"password":[***'),
        ("_Body", r'{"x":"{\"password\":[\"a\"]}"}', r'{"x":"{\"password\":[***]}"}'),
        ("_Body", '{"token": {"value": "x"}, "y": 1}', '{"token": {***}, "y": 1}'),
        ("_Body", 'if password == "hunter2":', 'if password == "***":'),
        ("_Body", "pass%77ord=hunter2&a=b", "pass%77ord=***&a=b"),
        ("_Url", "/x?user%5Bpassword%5D=hunter2&a=b", "/x?user%5Bpassword%5D=***&a=b"),
        (
            "_Body",
            '--b\r\nContent-Disposition: form-data; name="password"\r\n\r\nhunter2\r\n--b--',
            '--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n***\r\n--b--',
        ),
        ("Message", "root: mysql -uroot -psecret db", "root: mysql -uroot -p*** db"),
        ("Message", "COMMAND=/usr/bin/mysql -psecret db", "COMMAND=/usr/bin/mysql -p*** db"),
        ("Message", "(root) CMD (curl -u me:hunter2 h)", "(root) CMD (curl -u me:*** h)"),
        ("Message", "run --password hunter2 now", "run --password *** now"),
        ("Message", "connecting to postgres://u:hunter2@db/x", "connecting to postgres://u:***@db/x"),
    ],
)  # fmt: skip
def test_secrets_are_replaced(key: str, value: str, hidden: str) -> None:
    """And what names them stays."""
    assert redacted({key: value}) == {key: hidden}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Host", "kf.example"),
        ("_Body", '{"token": null, "password": true, "secrets": []}'),
        ("_Body", "if (token == null || secret === undefined) {"),
        ("Message", "mkdir -p a; ssh -p 22 h; tar -xf token.tar"),
        ("WWW-Authenticate", 'Basic realm="kf.example"'),
        ("Authorization", ""),
        ("User-Agent", "curl/7.88.1 (token)"),
        ("Content-Type", "text/html; charset=utf-8"),
        ("_Body", '<a href="https://kflowd.github.io">Moved Permanently</a>.'),
        ("_Url", "/"),
        ("Message", "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"),
    ],
)
def test_what_is_no_secret_stays(key: str, value: str) -> None:
    """To the letter."""
    assert redacted({key: value, "_Status": 301}) == {key: value, "_Status": 301}


def test_structured_data_is_looked_at_too() -> None:
    """Of syslog: objects in each other."""
    data = {"Data": {"kf@1": {"password": "hunter2", "user": "a"}}, "Message": ""}
    assert redacted(data)["Data"] == {"kf@1": {"password": "***", "user": "a"}}


def test_a_body_that_ends_within_a_secret_shows_none_of_it() -> None:
    """What looks like a token is one, also if its end is missing."""
    assert "ghp_ab" not in redacted({"_Body": "see ghp_ab"}, "CUT")["_Body"]


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=200) | st.integers(), max_size=5))
def test_any_members_are_taken(members: dict[str, Any]) -> None:
    """The same keys in the same order; doing it twice changes nothing more."""
    once = redacted(members)
    assert list(once) == list(members)
    assert redacted(once).keys() == once.keys()
