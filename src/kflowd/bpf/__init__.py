# SPDX-License-Identifier: Apache-2.0
"""Everything that touches the kernel's BPF: `source.Source` is what the rest of kflowd uses.

`config` says what is asked for, `hooks` which programs serve which class of events.

- `kernel/`: what this kernel allows and has, and what of the table it can therefore serve.
- `loading/`: brings that into the kernel, object by object, and checks it against the contract.
- `stream/`: gets records out, from the ring and out of the maps, and counters.
- `standby`: second copies of programs, where the kernel is preempted.
- `native/`: libbpf and what it lacks, in C; `ffi` is the only door to it.
"""
