# SPDX-License-Identifier: Apache-2.0
"""The process of a plugin: loads it, then answers one request after the other until the agent ends.

It is started with descriptors for requests and for the agent's life, see `process`.
"""

import fcntl
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Sequence

from kflowd.plugins.loading import PluginError, load
from kflowd.plugins.places import Place
from kflowd.plugins.reading import Reader
from kflowd.plugins.wire import MAX_ANSWER, MAX_REQUEST, Answer, Frames, Hello, frame, request_of
from kflowd.plugins.wire import text as one_line

RECEIVED = 1 << 16
NO_MEMORY = 12


def main(arguments: Sequence[str]) -> None:
    """Be the process.

    Args:
        arguments: Descriptor of requests, that of the agent's life, bytes of memory, name of the
            plugin, its file or "".
    """
    requests, life, memory, name, path = arguments
    _end_with_the_agent(int(life))
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.dont_write_bytecode = True
    with socket.socket(fileno=int(requests)) as agent:
        try:
            plugin = load(Place(name, path or None))
        except PluginError as error:
            agent.sendall(frame(Hello(problem=one_line(error))))
            return
        except Exception as error:  # noqa: BLE001 - of the plugin
            problem = f"{type(error).__name__}: {error}"
            agent.sendall(frame(Hello(problem=one_line(problem))))
            return
        enrichers = {name: list(each.asks) for name, each in plugin.enrichers.items()}
        hello = Hello(plugin.version, list(plugin.decoders), enrichers=enrichers)
        agent.sendall(frame(hello))
        try:
            serve(agent, Reader(plugin.decoders, enrichers=plugin.enrichers))
        except MemoryError:
            # what it was about to do is not done: nothing of it can be relied on
            raise SystemExit(NO_MEMORY) from None


def _end_with_the_agent(life: int) -> None:
    """Have the kernel kill this process when the agent is gone, whatever the plugin does then.

    The agent holds the other end of a pipe that nothing is written into. Its close is told by a
    signal that no program can catch, as no thread here may come to read it.
    """
    fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([life], [], [], 0)[0]:
        raise SystemExit(0)


def serve(agent: socket.socket, reader: Reader) -> None:
    """Answer requests until the agent closes its end."""
    frames = Frames(MAX_REQUEST)
    while data := agent.recv(RECEIVED):
        frames.add(data)
        while (body := frames.next()) is not None:
            agent.sendall(_answered(reader, body))


def _answered(reader: Reader, body: bytes) -> bytes:
    request = request_of(body)
    answer = reader.answer(request)
    try:
        made = frame(answer)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        return frame(Answer(request.number, one_line(f"{type(error).__name__}: {error}")))
    if len(made) > MAX_ANSWER:
        return frame(Answer(request.number, f"messages of {len(made)} bytes: {MAX_ANSWER} at most"))
    return made
