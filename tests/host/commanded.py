# SPDX-License-Identifier: Apache-2.0
"""What a command does, and a bystander beside it: files by all kinds of descendants.

Run as a script: FOLDER PORT [wait]. With `wait` it begins when it has read a line.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

CHILDREN = 101
SHELL = """
seq 1009 | sort -n > piped
for i in 1 2 3 5 7; do (echo "$i" > "job$i") & done
for i in $(seq $1); do (: > "child$i"); done
(setsid sh -c 'cd .; echo x > daemon; exec 2> left; sleep 0.05; echo y >> left' &)
wait
until [ -s left ]; do sleep 0.05; done
"""


def shell() -> None:
    """Make files in a pipeline, background jobs, children, and a process that init adopts."""
    subprocess.run(["bash", "-c", SHELL, "bash", str(CHILDREN)], check=True)


def thread_that_executes() -> None:
    """Have a thread, and not the first one, run a program: that takes its process's number."""
    child = os.fork()
    if not child:
        program = ["sh", "-c", "echo > executed"]
        threading.Thread(target=os.execv, args=("/bin/sh", program)).start()
        time.sleep(60)
    assert os.waitpid(child, 0)[1] == 0


def grandchild_without_a_parent() -> None:
    """Have a process end that has forked another, which acts behind that."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        parent = os.getpid()
        if not os.fork():
            while os.getppid() == parent:
                time.sleep(0.01)
            Path("orphan").write_text("x")
            os.write(write, b"x")
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    assert os.read(read, 1)


def connection(port: int) -> None:
    """Connect to who listens there."""
    with socket.create_connection(("127.0.0.1", port)) as it:
        it.sendall(b"x" * 11)
        it.recv(1)


def main() -> int:
    """Do it, and say so."""
    os.chdir(sys.argv[1])
    if sys.argv[3:]:
        Path("heard").write_text(sys.stdin.readline())
    Path("pid").write_text(str(os.getpid()))
    shell()
    thread_that_executes()
    grandchild_without_a_parent()
    connection(int(sys.argv[2]))
    print("said by the command")
    return 7


if __name__ == "__main__":
    sys.exit(main())
