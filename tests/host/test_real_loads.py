# SPDX-License-Identifier: Apache-2.0
"""Real programs at work, compared event by event with what strace says of the same run."""

import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.host import traced
from tests.host.agent import Agent, Record
from tests.host.traced import Key, Trace

COMPARED = ("CREATE", "OPEN", "ACCESS", "ATTRIB", "MODIFY", "MOVED_FROM", "MOVED_TO", "DELETE")
FILES = 23
# what a container's runtime does: a root of layers, in a mount namespace of its own
IN_CONTAINER = """
set -e
mount -t tmpfs none "$0"
mkdir "$0/upper" "$0/work" "$0/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" "$0/root"
mount -t proc proc "$0/root/proc"
mount --bind /dev "$0/root/dev"
exec chroot "$0/root" /bin/sh -ec "$1"
"""
TREE = """
mkdir -p /kf-tree/source
cd /kf-tree
i=0; while [ $i -lt 17 ]; do echo "line $i" > source/kf-file-$i; i=$((i+1)); done
cp -a source copied
tar cf kf-all.tar source
mkdir unpacked
tar xf kf-all.tar -C unpacked
sed -i s/line/word/ copied/kf-file-3
ln copied/kf-file-5 kf-hard; ln -s source/kf-file-7 kf-soft
mv copied/kf-file-11 kf-moved
chmod 700 kf-moved; touch -d 2001-01-01 kf-moved
install -m 600 source/kf-file-13 kf-installed
sort -o kf-sorted source/kf-file-*
rm -rf copied unpacked
"""
UNIT = "int value_%d(void) { return %d; }\n"
MAIN = "int value_1(void); int main(void) { return value_1() - 1; }\n"


def package(folder: Path) -> str:
    """Make a package with scripts, and return what installs and removes it."""
    root = folder / "package"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "usr/share/kf-real").mkdir(parents=True)
    for number in range(FILES):
        (root / f"usr/share/kf-real/kf-{number}").write_text(f"{number}" * 5000)
    control = "Package: kf-real\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\n"
    (root / "DEBIAN/control").write_text(f"{control}Description: for a test\n")
    script = root / "DEBIAN/postinst"
    script.write_text('#!/bin/sh\nset -e\necho "$1" > /usr/share/kf-real/kf-made\n')
    script.chmod(0o755)
    removal = root / "DEBIAN/postrm"
    removal.write_text("#!/bin/sh\nrm -f /usr/share/kf-real/kf-made\n")
    removal.chmod(0o755)
    command = ["dpkg-deb", "--build", str(root), str(folder / "kf.deb")]
    subprocess.run(command, check=True, capture_output=True)
    return f"dpkg -i {folder}/kf.deb; dpkg --purge kf-real"


def build(folder: Path) -> str:
    """Write a program of three units, and return what builds it."""
    for number in (1, 2):
        (folder / f"kf-unit-{number}.c").write_text(UNIT % (number, number))
    (folder / "kf-main.c").write_text(MAIN)
    return (
        f"cd {folder}; for unit in unit-1 unit-2 main; do gcc -c kf-$unit.c; done; "
        "ar rc libkf-all.a kf-unit-1.o kf-unit-2.o; gcc -o kf-program kf-main.o libkf-all.a"
    )


def tree(_folder: Path) -> str:
    """Return what makes and changes a tree of files."""
    return TREE


def reported(records: list[Record], trace: Trace) -> Counter[Key]:
    """Return what the agent says of the processes of a trace."""
    found: Counter[Key] = Counter()
    for record in records:
        if record["InfoMonitor"] == "filesystem" and record["ProcPID"] in trace.pids:
            for event, count in record["FileEvents"].items():
                if event in COMPARED:
                    found[Key(record["ProcPID"], event, record["File"])] += count
    return found


def by_former_name(records: list[Record]) -> Counter[tuple[Key, str]]:
    """Return the events in records that end with a rename, each with the name before that.

    They may have happened under either name: it is one file, and one aggregate.
    """
    found: Counter[tuple[Key, str]] = Counter()
    for record in records:
        if record.get("FileOrigin") and "MOVED_TO" in record["FileEvents"]:
            for event, count in record["FileEvents"].items():
                if not event.startswith("MOVED_"):
                    key = Key(record["ProcPID"], event, record["File"])
                    found[key, record["FileOrigin"]] += count
    return found


def compared(
    found: Counter[Key], former: Counter[tuple[Key, str]], trace: Trace
) -> tuple[Counter[Key], Counter[Key]]:
    """Return what was reported and what was done, without what strace cannot tell."""
    wanted = Counter(trace.events)
    for (key, name), count in former.items():
        before = key._replace(name=name)
        moved = max(min(count, found[key] - wanted[key], wanted[before] - found[before]), 0)
        found[key] -= moved
        found[before] += moved

    def more(key: Key, most: int) -> int:
        """Take what was reported beyond what is known, up to so many; return how many."""
        taken = min(max(found[key] - wanted[key], 0), most)
        wanted[key] += taken
        return taken

    for key, count in trace.made_or_cut.items():
        wanted[key._replace(event="MODIFY")] += count - more(key, count)
    for key, count in (*trace.made.items(), *trace.replaced.items()):
        more(key, count)
    links = Counter(trace.by_link)
    for key in list(found):
        if key.event == "ATTRIB" and links[key.pid] >= found[key] - wanted[key] > 0:
            links[key.pid] -= found[key] - wanted[key]
            wanted[key] = found[key]
        if key.event == "ACCESS" and key.name in trace.executed:
            more(key, found[key])  # what the kernel reads to execute it
    assert not +links, "a change by /proc/self/fd is in no record"
    return +found, +wanted


@pytest.mark.parametrize("load", [package, build, tree], ids=lambda it: str(it.__name__))
def test_real_load(load: Callable[[Path], str], folder: Path) -> None:
    """Each event that strace saw is reported once, of its process and file, and nothing else."""
    for program in ("strace", "dpkg-deb", "gcc", "unshare"):
        if not shutil.which(program):
            pytest.skip(f"needs {program}")
    place = folder / "container"
    place.mkdir()
    script = load(folder)
    with Agent("-m", "file") as agent:
        trace = traced.run(
            folder / "traces", "unshare", "-m", "sh", "-ec", IN_CONTAINER, str(place), script
        )
        result = agent.finish()

    found, wanted = compared(reported(result.records, trace), by_former_name(result.records), trace)
    assert len(wanted) > FILES
    differ = {key: (found[key], wanted[key]) for key in found | wanted}
    assert {key: both for key, both in differ.items() if both[0] != both[1]} == {}
    files = [each for each in result.records if each.get("ProcPID") in trace.pids]
    notes = Counter(note for each in files for note in each.get("FileNotes", ()))
    print(f"{load.__name__}: {len(files)} records, {dict(notes)}")
