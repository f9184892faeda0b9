#!/usr/bin/env python3
"""What went in comes back, read by pandas and pyarrow: every format, to the last bit of every double.

    python3 examples/test_reading.py [target/metrology-ingest.jar]

It needs pandas and pyarrow.
"""

import io
import json
import math
import pathlib
import random
import struct
import sys
import tempfile
import unittest
import urllib.request
import uuid

import pandas
import pyarrow.parquet

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from test_push import Service  # noqa: E402  (it takes the jar from the arguments)

CHANNELS = ["thickness", "Temperatur °C, \"α\"\\/%"]
EDGES = [0.0, -0.0, 5e-324, -2.2250738585072014e-308, 1.7976931348623157e308, 0.1, 1 / 3, 2.0**53 + 2, math.nan]


def bits(numbers):
    """Missing values are all alike; everything else is told apart, the two zeros included."""
    return [None if number is None or math.isnan(number) else struct.pack(">d", number) for number in numbers]


class ReadingTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.service = Service(pathlib.Path(cls.folder.name))
        cls.service.start()
        cls.data_id = str(uuid.uuid4())
        numbers = random.Random(17)
        cls.sent = {channel: [] for channel in CHANNELS}
        for index in range(20):
            for channel in CHANNELS:
                times = [numbers.uniform(-9e9, 9e9) if index == 3 else 1.7e9 + index * 10 + i + numbers.random()
                         for i in range(numbers.randrange(1, 500))]
                values = [numbers.choice(EDGES) if numbers.random() < 0.3 else numbers.gauss(0, 1) * 10**numbers.randrange(-9, 9)
                          for _ in times]
                cls.post(channel, index, times, values)
                cls.sent[channel] += [(index, time, value) for time, value in zip(times, values)]

    @classmethod
    def tearDownClass(cls):
        cls.service.stop()
        cls.folder.cleanup()

    @classmethod
    def post(cls, channel, index, times, values):
        body = {"data_id": cls.data_id, "chunk_index": index, "channel_name": channel, "timestamps": times,
                "values": [None if math.isnan(value) else value for value in values]}
        request = urllib.request.Request(f"http://127.0.0.1:{cls.service.port}/metrology/stream/chunk",
                                         json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 201

    def url(self, query):
        return f"http://127.0.0.1:{self.service.port}/metrology/stream/{self.data_id}/points?{query}"

    def assert_as_sent(self, channel, indexes, times, values):
        sent = self.sent[channel]
        if indexes is not None:
            self.assertEqual(list(indexes), [index for index, _, _ in sent])
        self.assertEqual(bits(times), bits([time for _, time, _ in sent]))
        self.assertEqual(bits(values), bits([value for _, _, value in sent]))

    def test_csv_in_pandas(self):
        table = pandas.read_csv(self.url("format=csv"), float_precision="round_trip")
        self.assertEqual(set(table.channel), set(CHANNELS))
        for channel, points in table.groupby("channel"):
            self.assert_as_sent(channel, points.chunk_index, points.time_seconds, points.value)

    def test_parquet_in_pandas(self):
        with urllib.request.urlopen(self.url("format=parquet")) as answer:
            table = pandas.read_parquet(io.BytesIO(answer.read()))
        self.assertEqual(set(table.channel), set(CHANNELS))
        for channel, points in table.groupby("channel"):
            self.assert_as_sent(channel, points.chunk_index, points.time_seconds, points.value)

    def test_parquet_in_pyarrow_has_nulls_and_utc(self):
        with urllib.request.urlopen(self.url("format=parquet")) as answer:
            table = pyarrow.parquet.read_table(io.BytesIO(answer.read()))
        missing = sum(math.isnan(value) for points in self.sent.values() for _, _, value in points)
        self.assertEqual(table["value"].null_count, missing)
        self.assertEqual(str(table.schema.field("time").type), "timestamp[ns, tz=UTC]")
        self.assertEqual(table["time_seconds"].null_count, 0)

    def test_json(self):
        for channel in CHANNELS:
            with urllib.request.urlopen(self.url("format=json&channel=" + urllib.request.quote(channel, safe=""))) as answer:
                points = json.load(answer)
            self.assert_as_sent(channel, None, points["timestamps"], points["values"])

    def test_timeseries(self):
        series = json.loads(self.service.get(f"/metrology/{self.data_id}/timeseries/"))
        for channel in CHANNELS:
            self.assertEqual(bits(series["properties"][channel]["values"]), bits([value for _, _, value in self.sent[channel]]))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
