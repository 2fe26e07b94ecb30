"""Killed at random moments, a server loses nothing that it acknowledged and repeats nothing."""

import json
import random
import threading
import time

import botocore.exceptions
from server import Lab

KILLS = 12


class Producer(threading.Thread):
    """Writes numbered records and notes which were acknowledged. A number is never sent twice."""

    def __init__(self, lab: Lab, first: int):
        super().__init__()
        self.lab, self.next, self.acknowledged, self.stopped = lab, first, [], False

    def run(self):
        while not self.stopped:
            numbers = range(self.next, self.next + 25)
            self.next += 25
            try:
                self.lab.put_charges(numbers)
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                continue
            self.acknowledged.extend(numbers)


def test_kill_9_at_random_moments_loses_and_repeats_nothing(lab):
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    moments = random.Random(seed)
    with lab.connect() as connection:
        lab.create_views(connection)
    acknowledged, first = [], 0
    for _ in range(KILLS):
        producer = Producer(lab, first)
        producer.start()
        try:
            with lab.connect() as connection:
                until = time.monotonic() + moments.uniform(0.05, 0.6)
                while time.monotonic() < until:
                    connection.execute("REFRESH MATERIALIZED VIEW ev_station_data")
                    seen = connection.execute("select count(*) from ev_station_data").fetchone()[0]
        finally:
            lab.server.kill()
            producer.stopped = True
            producer.join()
        acknowledged += producer.acknowledged
        first = producer.next
        lab.server.start()
        lab = Lab(lab.server)
        with lab.connect() as connection:
            # What a refresh has shown is still there.
            assert connection.execute("select count(*) from ev_station_data").fetchone()[0] >= seen

    expected = sorted(record for record in read_stream(lab))
    assert len(expected) == len(set(expected))
    assert set(acknowledged) <= set(expected), "an acknowledged record is missing from the stream"
    with lab.connect() as connection:
        for view, column in (("ev_station_data", "payload._id::varchar"), ("ev_station_data_extract", "id")):
            connection.execute(f"REFRESH MATERIALIZED VIEW {view}")
            rows = connection.execute(f"select {column} from {view}").fetchall()
            assert sorted(int(row[0]) for row in rows) == expected, view


def read_stream(lab: Lab):
    for shard in lab.kinesis.list_shards(StreamName=lab.STREAM)["Shards"]:
        iterator = lab.kinesis.get_shard_iterator(
            StreamName=lab.STREAM, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while True:
            answer = lab.kinesis.get_records(ShardIterator=iterator)
            yield from (int(json.loads(record["Data"])["_id"]) for record in answer["Records"])
            if not answer["Records"]:
                break
            iterator = answer["NextShardIterator"]
