"""The chunks that every system gets: the same points, in each one's own format.

A pool of requests is rendered once. Three things are left open in each, as runs of a character that occurs nowhere
else, and are written by load.lua for every request: ~ the number of the stream (12 hexadecimal digits), @ the index of
the chunk (10 places, padded with blanks) and # the leading digits of each time. A chunk's times all lie in one slot of
10^n seconds, so that they share these digits, and each chunk has a slot of its own.
"""

import math
import random

CHANNEL = "thickness"
DATA_ID = "00000000-0000-4000-8000-"  # followed by the number of the stream
FIRST_TIME = 1705312200
# More than a system compresses together, so that none profits from content that comes again.
POOL_POINTS = 64_000


class Shape:
    """How a chunk of so many points lies in time: 10 to 100 points a second."""

    def __init__(self, points):
        self.points = points
        self.slot_digits = max(0, math.ceil(math.log10(points / 10)))
        self.time_digits = 10 - self.slot_digits
        self.first_slot = FIRST_TIME // 10**self.slot_digits

    def samples(self, numbers):
        """Milliseconds within the slot, and values as text: a random walk."""
        span = 1000 * 10**self.slot_digits / self.points
        step = numbers.uniform(min(10, span), span)
        value = numbers.uniform(5, 500)
        millis, values = [], []
        for i in range(self.points):
            millis.append(int(i * step + numbers.uniform(0, 0.6) * step))
            value += numbers.gauss(0, 0.05)
            values.append(f"{value:.4f}")
        return millis, values

    def seconds(self, millis):
        whole, fraction = divmod(millis, 1000)
        slot = f"{whole:0{self.slot_digits}d}" if self.slot_digits else ""
        return f"{'#' * self.time_digits}{slot}.{fraction:03d}"

    def milliseconds(self, millis):
        return f"{'#' * self.time_digits}{millis:0{self.slot_digits + 3}d}"


def contract_json(shape, millis, values):
    """Our own format; a number may not have leading zeros, but may have blanks before it."""
    return (f'{{"data_id":"{DATA_ID}{"~" * 12}","chunk_index":{"@" * 10},"channel_name":"{CHANNEL}",'
            f'"timestamps":[{",".join(map(shape.seconds, millis))}],"values":[{",".join(values)}],"units":"nm"}}')


def victoria_json_line(shape, millis, values):
    return (f'{{"metric":{{"__name__":"{CHANNEL}","data_id":"{DATA_ID}{"~" * 12}"}},'
            f'"values":[{",".join(values)}],"timestamps":[{",".join(map(shape.milliseconds, millis))}]}}\n')


def line_protocol(shape, millis, values):
    """One line a point, times in milliseconds."""
    return "".join(f"point,data_id={DATA_ID}{'~' * 12},channel={CHANNEL} value={value} {shape.milliseconds(at)}\n"
                   for at, value in zip(millis, values))


def pool_size(points):
    return max(4, POOL_POINTS // points)


def pool(points):
    """The samples of the pool, the same for every system and at every run."""
    numbers = random.Random(points)
    shape = Shape(points)
    return [shape.samples(numbers) for _ in range(pool_size(points))]


def render(path, points, body_format, target, port, content_type):
    """Writes the pool's requests, each after its length."""
    shape = Shape(points)
    with open(path, "wb") as file:
        for millis, values in pool(points):
            body = body_format(shape, millis, values)
            request = (f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {content_type}\r\n"
                       f"Content-Length: {len(body)}\r\n\r\n{body}").encode("ascii")
            file.write(b"%08d\n" % len(request) + request)
