# SPDX-License-Identifier: Apache-2.0
"""From the chosen programs to attached ones.

`loader` loads and attaches, `attached` is what it made. An `object` comes from the `builds` of the
package, is held against the contract by `layout`, and gets its constants and map sizes from
`parameters`.
"""
