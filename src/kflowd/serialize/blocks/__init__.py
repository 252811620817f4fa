# SPDX-License-Identifier: Apache-2.0
"""The blocks that records are made of: the one place where each key is declared.

Keys of the contract keep name, order and type. Fields may be added at the end of a record and are
never renamed. A value that is unknown is absent; a name that is unknown is "".
"""
