# SPDX-License-Identifier: Apache-2.0
"""What the rules of filters tell apart: programs, users, groups, file systems, ports.

`python filtered.py FOLDER SEED COUNT` makes COUNT files and as many connections; each file is made,
written, read and removed or not by a program of its own.
"""

import os
import random
import shutil
import socket
import sys
from pathlib import Path

PROGRAMS = ("alpha", "beta", "gamma")
USERS = (0, 1, 65534)
DIRECTORIES = ("a", "a/b", "ab", "c,d", "tmp", "tmp/e")
ENDINGS = ("log", "txt")
PORTS = (40011, 40012, 40021)
ADDRESSES = ("127.0.0.1", "127.3.0.1", "127.3.5.1")
GROUPS = ("one", "two")
SCRIPTS = (
    'echo x > "$0"',
    'echo x > "$0"; read -r y < "$0"',
    'echo x > "$0"; echo y >> "$0"; read -r y < "$0"',
)


def write(folder: Path, choose: random.Random, number: int) -> None:
    """Run a program that makes a file."""
    name = f"{choose.choice(DIRECTORIES)}/f{number}.{choose.choice(ENDINGS)}"
    program = folder / "bin" / choose.choice(PROGRAMS)
    script, user, group = choose.choice(SCRIPTS), choose.choice(USERS), choose.choice(GROUPS)
    if (pid := os.fork()) == 0:
        try:
            (folder / "groups" / group / "cgroup.procs").write_text(str(os.getpid()))
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            os.execv(program, [program.name, "-c", script, str(folder / name)])
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0, (name, user, script)


def connect(choose: random.Random, listeners: dict[int, socket.socket]) -> None:
    """Open a connection, send a byte and close it at both ends."""
    port = choose.choice(PORTS)
    address = choose.choice(ADDRESSES)
    with socket.create_connection((address, port)) as client:
        server, _ = listeners[port].accept()
        with server:
            client.sendall(b"x")
            assert server.recv(1) == b"x"
            client.shutdown(socket.SHUT_RDWR)
            server.recv(1)


def prepare(folder: Path) -> None:
    """Make directories and programs."""
    folder.chmod(0o755)
    for name in (*DIRECTORIES, "bin"):
        path = folder / name
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o777)
    for program in PROGRAMS:
        shutil.copy("/bin/dash", folder / "bin" / program)


def main() -> None:
    """Do it."""
    folder, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    choose = random.Random(seed)
    listeners = {port: socket.create_server(("0.0.0.0", port)) for port in PORTS}
    for number in range(count):
        write(folder, choose, number)
        connect(choose, listeners)


if __name__ == "__main__":
    main()
