#!/usr/bin/env python3
"""Sends measurements to Metrology Ingest, and loses none of them.

    your_instrument | python3 push.py http://server:8080 SPOOL_FOLDER DATA_ID

reads lines of "channel,epoch_seconds,value" (an empty value was measured, but is missing), keeps them
in the folder until the server has them on disk, and sends them in chunks. When this program, its machine,
the network or the server fails, start it again with the same folder and DATA_ID (any UUID of your own, or
one from /metrology/stream/initialize): it asks what arrived, compares hashes, and sends only what is missing.

It needs Python 3.8 and nothing else. One program at a time may use a folder. Where the server asks for an API key, set
PUSH_API_KEY to one with the scopes read (to learn what arrived) and write.
"""

import hashlib
import json
import os
import pathlib
import queue
import struct
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

POINTS = int(os.environ.get("PUSH_POINTS", "1000"))    # a chunk has at most so many points,
SECONDS = float(os.environ.get("PUSH_SECONDS", "2"))   # and waits at most so long to be sent
API_KEY = os.environ.get("PUSH_API_KEY")


def content_hash(timestamps, values):
    """The hash that the server keeps with each chunk."""
    doubles = timestamps + values
    packed = b"".join(b"\x7f\xf8\0\0\0\0\0\0" if d is None else struct.pack(">d", d) for d in doubles)
    return hashlib.sha256(packed).hexdigest()


class Spool:
    """A folder for each channel, a file for each chunk, a line for each point. A file *.open still grows."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.open = {}
        for left in self.folder.glob("*/*.open"):      # of an earlier run
            if self.read(left)[0]:
                left.rename(left.with_suffix(".csv"))
            else:                                      # it has no whole point, and its index is free again
                left.unlink()

    def append(self, channel, timestamp, value):
        folder = self.folder / urllib.parse.quote(channel, safe="")
        if channel not in self.open:
            folder.mkdir(exist_ok=True)
            used = [int(file.stem) for file in folder.iterdir()]
            path = folder / f"{max(used, default=-1) + 1:010d}.open"
            self.open[channel] = [path, open(path, "w"), 0, time.monotonic()]
        entry = self.open[channel]
        entry[1].write(f"{timestamp!r},{'' if value is None else repr(value)}\n")
        entry[1].flush()
        entry[2] += 1
        return self.seal(channel) if entry[2] >= POINTS else None

    def seal(self, channel):
        path, file, _, _ = self.open.pop(channel)
        os.fsync(file.fileno())
        file.close()
        return path.rename(path.with_suffix(".csv"))

    def seal_old(self):
        return [self.seal(channel) for channel, entry in list(self.open.items()) if time.monotonic() - entry[3] > SECONDS]

    def pending(self):
        return sorted(self.folder.glob("*/*.csv"))

    @staticmethod
    def channel(path):
        return urllib.parse.unquote(path.parent.name)

    @staticmethod
    def read(path):
        """A line that a crash cut short has no end, and never was a whole point."""
        lines = [line[:-1].split(",") for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [float(t) for t, _ in lines], [float(v) if v else None for _, v in lines]


class Server:
    def __init__(self, url, data_id):
        self.url, self.data_id = url.rstrip("/") + "/metrology/stream", data_id

    def call(self, path, body=None):
        """Tries until there is an answer; only a refusal that trying again cannot change is an error."""
        request = urllib.request.Request(self.url + path, json.dumps(body).encode() if body else None)
        request.add_header("Content-Type", "application/json")
        if API_KEY:
            request.add_header("X-API-KEY", API_KEY)
        pause = 0.1
        while True:
            try:
                with urllib.request.urlopen(request, timeout=30) as response:
                    return json.load(response)
            except urllib.error.HTTPError as error:
                if error.code < 500 and error.code not in (408, 429):
                    raise
            except (OSError, ValueError, urllib.error.URLError):
                pass
            except Exception as error:                 # http.client: the connection broke within the answer
                if not type(error).__module__.startswith("http"):
                    raise
            time.sleep(pause)
            pause = min(2 * pause, 10)

    def held(self, channel):
        """The hash of each chunk that the server holds."""
        hashes, query = {}, {"channel": channel, "details": "true"}
        while True:
            try:
                answer = self.call(f"/{self.data_id}/chunks?" + urllib.parse.urlencode(query))
            except urllib.error.HTTPError as error:
                if error.code == 404:                  # nothing arrived yet
                    return hashes
                raise
            hashes.update((chunk["chunk_index"], chunk["content_hash"]) for chunk in answer["chunks"])
            if answer["next_cursor"] is None:
                return hashes
            query["cursor"] = answer["next_cursor"]

    def send(self, path):
        timestamps, values = Spool.read(path)
        if timestamps:
            self.call("/chunk", {"data_id": self.data_id, "channel_name": Spool.channel(path),
                                 "chunk_index": int(path.stem), "timestamps": timestamps, "values": values})
        path.rename(path.with_suffix(".sent"))         # keeps the index taken, and the points until you delete them


def resume(left, server):
    """Sends what an earlier run left and the server has not."""
    held = {}
    for path in left:
        channel = Spool.channel(path)
        if channel not in held:
            held[channel] = server.held(channel)
        if held[channel].get(int(path.stem)) == content_hash(*Spool.read(path)):
            path.rename(path.with_suffix(".sent"))
        else:
            server.send(path)


def sender(left, chunks, server):
    try:
        resume(left, server)
        while True:
            path = chunks.get()
            if path is None:
                return
            server.send(path)
    except Exception as error:                         # refused for good: the points stay in the folder
        detail = error.read().decode() if isinstance(error, urllib.error.HTTPError) else repr(error)
        print(f"push.py: not accepted: {detail}", file=sys.stderr, flush=True)
        os._exit(1)


def main(url, folder, data_id):
    spool, server, chunks = Spool(folder), Server(url, data_id), queue.Queue()
    # What comes now is spooled while what was left is sent.
    thread = threading.Thread(target=sender, args=(spool.pending(), chunks, server))
    thread.start()
    lines = queue.Queue()
    threading.Thread(target=lambda: [lines.put(line) for line in sys.stdin] + [lines.put(None)], daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=SECONDS)
            if line is None:
                break
            channel, timestamp, value = line.rstrip("\n").rsplit(",", 2)
            sealed = spool.append(channel, float(timestamp), float(value) if value else None)
            if sealed:
                chunks.put(sealed)
        except queue.Empty:
            pass
        for path in spool.seal_old():
            chunks.put(path)
    for channel in list(spool.open):
        chunks.put(spool.seal(channel))
    chunks.put(None)
    thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
