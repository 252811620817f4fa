# SPDX-License-Identifier: Apache-2.0
"""Stage 6, delivery: records become text and leave the program."""
