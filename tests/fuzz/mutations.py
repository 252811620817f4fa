# SPDX-License-Identifier: Apache-2.0
"""Messages that are nearly right: a seed, and some of its bytes others."""

from random import Random

ODD = (0, 1, 12, 32, 58, 60, 62, 91, 92, 93, 127, 128, 192, 255)
MOST = 4096


def mutated(random: Random, seeds: list[bytes]) -> bytes:
    """Return one of the seeds after one change to eight."""
    data = bytearray(random.choice(seeds))
    for _ in range(random.randint(1, 8)):
        at = random.randint(0, len(data))
        other = random.choice(seeds)
        begin = random.randint(0, len(other))
        piece = other[begin : begin + random.randint(0, 40)]
        way = random.randrange(7)
        if way == 0 and data:
            data[at % len(data)] = random.choice(ODD)
        elif way == 1 and data:
            data[at % len(data)] ^= 1 << random.randrange(8)
        elif way == 2:
            data[at:at] = random.randbytes(random.randint(1, 8))
        elif way == 3:
            del data[at : at + random.randint(1, 20)]
        elif way == 4:
            data[at:at] = piece
        elif way == 5:
            data[at : at + len(piece)] = piece
        else:
            data[at:] = data[at:] * random.randint(0, 3)
    return bytes(data[:MOST])
