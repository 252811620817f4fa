# SPDX-License-Identifier: Apache-2.0
"""Everything that touches the kernel's BPF: `source.Source` is what the rest of kflowd uses.

From the outside in: `source` opens and reads; `preflight`, `kernel` and `features` ask what is
allowed and there; `choice` takes from the table in `hooks` what serves each class of events;
`load` and `object` bring it into the kernel; `layout` holds it against the contract; `drain` and
`counters` get records out. `ffi` is the only door to the extension, which `_build` makes of
libbpf and glue*.c.
"""
