# SPDX-License-Identifier: Apache-2.0
"""Keys that plugins add to the blocks of a run: AppTxRedis, AppRxRedis.

Which there are is known with the settings, ahead of the first record and of the formats, which are
made of the keys. A process has one run, so there is one table.
"""

from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from kflowd.serialize.blocks.socket import SAID, AppRx, AppTx
from kflowd.serialize.keys import Block, Says

_B = TypeVar("_B", bound=type[Block])
# what a key of messages looks like, kflowd's own and those of plugins
MESSAGES_PATTERN = "^App[TR]x[A-Z][a-z0-9]*$"

_larger: dict[type[Block], type[Block]] = {}


def plug(applications: Iterable[str]) -> None:
    """Let records have messages of these, and of no others of plugins from now on.

    Args:
        applications: As they stand in keys: "Redis".
    """
    keys = tuple(applications)
    _larger.clear()
    if keys:
        _larger[AppTx] = _with(AppTx, [f"AppTx{it}" for it in keys], "messages sent, by a plugin")
        _larger[AppRx] = _with(AppRx, [f"AppRx{it}" for it in keys], "messages received, likewise")


def plugged(block: _B) -> _B:
    """Return a block with the keys that plugins add to it."""
    return _larger.get(block, block)  # type: ignore[return-value]


def _with(block: type[Block], names: list[str], legend: str) -> Any:  # noqa: ANN401 - a type
    kind = Annotated[list[dict[str, Any]] | UnsetType, Says(legend, SAID)]
    return msgspec.defstruct(
        block.__name__,
        [(name, kind, UNSET) for name in names],
        bases=(block,),
        module=block.__module__,
        frozen=True,
        kw_only=True,
        gc=False,
    )
