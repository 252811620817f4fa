# SPDX-License-Identifier: Apache-2.0
"""Decoders and enrichers that others wrote, each plugin in a process of its own.

`service` is the agent's side: `runner` asks one plugin, `process` is its process, `places` says
which files are safe to load. `worker` is the other side: `loading` loads the plugin, `reading` runs
what it has. `wire` is what goes between both. The agent never imports a plugin. docs/plugins.md
has the interface.
"""
