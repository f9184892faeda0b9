"""The numbers that are pushed. The driver and the tests compute the same doubles from channel and chunk_index."""

import math
import random

POINTS = 100

# Doubles that a detour through text, float or decimal would change.
DELICATE = (-0.0, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, 1 / 3, math.nan, 2.0 ** 53 + 2)


def timestamps_of(index):
    """All channels of one chunk_index have the same timestamps."""
    chance = random.Random(index)
    return [1.7e9 + index + (position + chance.random()) / POINTS for position in range(POINTS)]


def values_of(channel, index):
    chance = random.Random(f"{channel} {index}")
    values = [chance.uniform(-1000, 1000) for _ in range(POINTS)]
    # A missing value is NaN, which the SDK sends as null.
    values[chance.randrange(POINTS)] = math.nan
    if index % 100 == 0:
        values[:len(DELICATE)] = DELICATE
    return values
