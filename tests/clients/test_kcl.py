"""The Kinesis Client Library (Java, which speaks CBOR) reads 100,000 records through a reshard, in both of its ways."""

import pathlib
import subprocess
import sys
import time

import amazon_kclpy
import pytest
from moto.server import ThreadedMotoServer
from server import REGION
from test_kinesis import STREAM, put

PROCESSOR = pathlib.Path(__file__).parent / "kcl" / "processor.py"
JARS = pathlib.Path(amazon_kclpy.__file__).parent / "jars"
COUNT = 100_000


@pytest.fixture
def dynamodb():
    """A stand-in for DynamoDB, where the library keeps its leases."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class Reader:
    """The library's daemon, and the numbers that its processors have seen."""

    def __init__(self, server, dynamodb: str, directory: pathlib.Path, mode: str):
        self.seen = directory / "seen"
        self.seen.mkdir(parents=True)
        settings = {
            "executableName": f"{sys.executable} {PROCESSOR} {self.seen}",
            "streamName": STREAM,
            "applicationName": f"reader-{mode}",
            "retrievalMode": mode,
            "initialPositionInStream": "TRIM_HORIZON",
            "AwsCredentialsProvider": "DefaultCredentialsProvider",
            "regionName": REGION,
            "kinesisEndpoint": server.endpoint,
            "dynamoDBEndpoint": dynamodb,
            "metricsLevel": "NONE",
            "idleTimeBetweenReadsInMillis": 200,
            "leaseAssignmentIntervalMillis": 500,
            "parentShardPollIntervalMillis": 500,
            "shardSyncIntervalMillis": 100,
        }
        properties = directory / "reader.properties"
        properties.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        self.log = directory / "kcl.log"
        command = ["java", "-cp", f"{JARS}/*", "software.amazon.kinesis.multilang.MultiLangDaemon", "--properties-file", properties]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, env=server.environment(), stdout=log, stderr=log)

    def numbers(self) -> list[int]:
        return [int(line) for file in self.seen.iterdir() for line in file.read_text().split("\n")[:-1]]

    def wait_for(self, count: int):
        deadline = time.monotonic() + 180
        while len(set(self.numbers())) < count and time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()[-4000:]
            time.sleep(0.2)

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def readers(server, dynamodb, tmp_path):
    started = {}

    def start(*modes: str) -> dict[str, Reader]:
        for mode in modes:
            started[mode] = Reader(server, dynamodb, tmp_path / mode, mode)
        return started

    yield start
    for reader in started.values():
        reader.kill()


def test_a_hundred_thousand_records_through_a_reshard(server, readers):
    kinesis = server.client("kinesis")
    kinesis.create_stream(StreamName=STREAM, ShardCount=2)
    both = readers("POLLING", "FANOUT")
    put(kinesis, COUNT // 2)
    for reader in both.values():
        reader.wait_for(1)
    kinesis.update_shard_count(StreamName=STREAM, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    put(kinesis, COUNT // 2, start=COUNT // 2)
    for reader in both.values():
        reader.wait_for(COUNT)
    for mode, reader in both.items():
        numbers = reader.numbers()
        assert (len(numbers), len(set(numbers))) == (COUNT, COUNT), mode
