# SPDX-License-Identifier: Apache-2.0
"""A plugin that asks by what any user names: programs."""

KFLOWD_PLUGIN = 1


class Names:
    """Gives the last component of the path."""

    asks = ("exe",)

    def enrich_actor(self, facts: dict[str, str | int]) -> dict[str, str]:
        """Return it."""
        return {"Name": str(facts["exe"]).rpartition("/")[2]}


ENRICHERS = {"programs": Names()}
