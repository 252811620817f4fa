# SPDX-License-Identifier: Apache-2.0
from typing import get_args

import pytest

from kflowd.bpf.candidates import ANY_ATTACH_MODE
from kflowd.bpf.hooks import HOOKS
from kflowd.delivery import formats
from kflowd.errors import UsageError
from kflowd.settings import AttachMode, Format, Settings, TraceSettings
from kflowd.settings.convert import convert
from kflowd.settings.option import NS_PER_SECOND
from kflowd.settings.outputs import FOR_PEOPLE
from kflowd.settings.tree import OF_FILES
from kflowd.settings.walk import settings_of


def test_defaults() -> None:
    """Without options both subsystems are traced, with the documented times."""
    trace = Settings().trace
    assert trace.monitor == {"file", "socket"}
    assert (trace.idle_ns, trace.active_ns) == (15 * NS_PER_SECOND, 1800 * NS_PER_SECOND)


@pytest.mark.parametrize("key", OF_FILES)
def test_what_only_files_have_is_refused_without_them(key: str) -> None:
    """And taken beside sockets."""
    assert getattr(convert({"trace": {key: True}}).trace, key)
    with pytest.raises(UsageError, match=f"--{key.replace('_', '-')}: only files have it"):
        convert({"trace": {key: True, "monitor": ["socket"]}})


@pytest.mark.parametrize("form", FOR_PEOPLE)
@pytest.mark.parametrize("quiet", [False, True])
def test_servers_get_no_form_for_people(form: str, quiet: bool) -> None:
    """With and without standard output; and standard output alone does."""
    table = {"output": [{"format": form}], "quiet": quiet}
    assert convert(table).output[0].format == form
    with pytest.raises(UsageError, match=f"^--format: {form} is for people, and --udp for prog"):
        convert(table | {"udp": ["192.0.2.1:2056"]})


def test_servers_get_no_bodies_of_requests() -> None:
    """They have the form of the first output where there is no standard output."""
    first = {"sink": "http", "url": "https://logs.example.net/v1/logs", "format": "otlp"}
    table = {"output": [first]}
    assert convert(table).output[0].format == "otlp"
    with pytest.raises(UsageError, match=r"otlp is sent by http alone, and --udp has datagrams"):
        convert(table | {"udp": ["192.0.2.1:2056"]})


def test_defaults_are_values_that_would_be_taken() -> None:
    """What is written for a default reads as the default."""
    for setting in settings_of(Settings):
        if setting.default_text:
            assert setting.read(setting.default_text, setting.key) == setting.default


def test_words_are_those_of_the_stages() -> None:
    """Forms and attach modes are what serializers and hooks have."""
    assert tuple(formats.FOR_PEOPLE) == FOR_PEOPLE
    assert get_args(Format) == tuple(formats.FORMATS)
    served = {each.attach_mode for hook in HOOKS for each in hook.candidates}
    assert {*get_args(AttachMode), ANY_ATTACH_MODE} == served


def test_what_the_kernel_side_has_cannot_change() -> None:
    """Constants and sizes of maps are fixed when the objects are loaded."""
    for setting in settings_of(Settings):
        option = setting.option
        assert not (option.reload and (option.constant or option.maps)), setting.key


def test_only_what_the_source_gets_feeds_the_kernel_side() -> None:
    """A constant or a map in another table would never be set."""
    for setting in settings_of(Settings):
        if setting.option.constant or setting.option.maps:
            assert setting in settings_of(TraceSettings, ("trace",))


def test_keys_name_one_setting_and_have_no_unit() -> None:
    """A long option is one setting's, and each key has the form of TOML's bare keys."""
    listed = [setting for setting in settings_of(Settings) if setting.option.commands]
    assert len({setting.long for setting in listed}) == len(listed)
    assert all(setting.key.isidentifier() for setting in listed)
    assert not any(setting.key.endswith("_ns") for setting in listed)
    assert convert({}) == Settings()
