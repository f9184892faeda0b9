"""What the service must hold: a plain account of what it has acknowledged."""

import hashlib
import math
import struct

UNSAID = None


def content_hash(timestamps, values):
    """SHA-256 over the big-endian doubles of both, missing values as the one canonical NaN."""
    digest = hashlib.sha256(struct.pack(">%dd" % len(timestamps), *timestamps))
    for value in values:
        missing = value is None or math.isnan(value)
        digest.update(b"\x7f\xf8\0\0\0\0\0\0" if missing else struct.pack(">d", value))
    return digest.hexdigest()


class Chunk:
    """One slice of a channel, as it was sent."""

    def __init__(self, timestamps, values):
        self.timestamps = timestamps
        self.values = values
        self.hash = content_hash(timestamps, values)

    def __len__(self):
        return len(self.timestamps)


class Channel:
    """A channel, its chunks by index."""

    def __init__(self):
        self.units = UNSAID
        self.chunks = {}

    def total(self):
        return sum(len(chunk) for chunk in self.chunks.values())

    def copy(self):
        copy = Channel()
        copy.units, copy.chunks = self.units, dict(self.chunks)
        return copy


class Stream:
    """A stream that one worker alone sends to, so that each answer can be foretold."""

    def __init__(self, data_id, known):
        self.data_id = data_id
        self.known = known
        self.finalized = False
        self.deleted = False
        self.channels = {}

    def store(self, index, samples):
        """What becomes of a request for some channels, all or none.

        samples: a list of (channel name, Chunk, units or None). Returns either an error's code, or a list of
        (channel name, outcome, total points), and does not change the stream: take() does.
        """
        if self.deleted:
            return "stream_deleted"
        receipts = []
        for name, chunk, units in samples:
            channel = self.channels.get(name) or Channel()
            held = channel.chunks.get(index)
            if held is not None and held.hash == chunk.hash and units in (None, channel.units):
                receipts.append((name, "unchanged", channel.total()))
                continue
            if self.finalized:
                return "stream_finalized"
            if None not in (units, channel.units) and units != channel.units:
                return "units_mismatch"
            after = channel.total() + len(chunk) - (len(held) if held is not None else 0)
            receipts.append((name, "created" if held is None else "replaced", after))
        return receipts

    def take(self, index, samples):
        """Keeps what was acknowledged."""
        self.known = True
        for name, chunk, units in samples:
            channel = self.channels.setdefault(name, Channel())
            channel.chunks[index] = chunk
            channel.units = channel.units if channel.units is not None else units

    def hashes(self):
        return {(name, index): chunk.hash for name, channel in self.channels.items() for index, chunk in channel.chunks.items()}

    def absence(self):
        """The code with which it is not served, or None."""
        return "stream_deleted" if self.deleted else None if self.known else "stream_unknown"

    def delete(self):
        self.deleted = True
        self.channels = {}

    def points(self, name):
        """All points of a channel in its order, as two lists."""
        chunks = [chunk for _, chunk in sorted(self.channels[name].chunks.items())]
        return [t for c in chunks for t in c.timestamps], [v for c in chunks for v in c.values]


class Acknowledged:
    """What answers said of streams that nobody could foretell: of mutated requests, and of several workers' for one stream."""

    def __init__(self):
        # By data_id, then by (channel name, chunk index): the hash, or None where only its being there is known.
        self.streams = {}
        # Streams that may hold more than that, for an answer left it open.
        self.doubtful = set()

    def make(self, data_id):
        return self.streams.setdefault(data_id, {})

    def take(self, receipt, chunk_hash):
        self.make(receipt["data_id"])[receipt["channel_name"], receipt["chunk_index"]] = chunk_hash

    def delete(self, data_id):
        self.streams[data_id] = {}

    def doubt(self, data_id):
        """Some request may have been done or not: chunks of the stream may be there, and be others than before."""
        self.doubtful.add(data_id)
        stream = self.make(data_id)
        for key in stream:
            stream[key] = None

    def add(self, other):
        """What another worker knows; no chunk is sent by two of them."""
        self.doubtful |= other.doubtful
        for data_id, keys in other.streams.items():
            self.make(data_id).update(keys)
