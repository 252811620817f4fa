# SPDX-License-Identifier: Apache-2.0
"""C: the glue around libbpf, and the extension that `_build` makes of both."""
