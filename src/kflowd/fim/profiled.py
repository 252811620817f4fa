# SPDX-License-Identifier: Apache-2.0
"""The rules of a file together with those of the profile that it names."""

import tomllib

import msgspec

from kflowd.fim import profiles
from kflowd.settings.convert import convert
from kflowd.settings.fim import FimSettings


def with_profile(settings: FimSettings) -> FimSettings:
    """Return settings with the rules of their profile behind their own.

    A rule of the file stands in place of the profile's of the same name.
    """
    if settings.profile is None:
        return settings
    own = {rule.name for rule in settings.rule}
    theirs = convert(tomllib.loads(profiles.text(settings.profile))).fim.rule
    rules = settings.rule + tuple(rule for rule in theirs if rule.name not in own)
    return msgspec.structs.replace(settings, rule=rules)
