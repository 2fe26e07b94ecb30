"""The protocol of the SDKs for Java: CBOR, with raw bytes and integer milliseconds."""

import datetime

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import cbor2
import pytest
import urllib3
from server import REGION

STREAM = "s"


class Cbor:
    """A client that speaks CBOR."""

    def __init__(self, server):
        key = server.credentials()
        self.credentials = botocore.credentials.Credentials(key["aws_access_key_id"], key["aws_secret_access_key"])
        self.url = f"{server.endpoint}/"
        self.http = urllib3.PoolManager()

    def send(self, operation: str, body: bytes) -> tuple[int, dict | None]:
        headers = {"Content-Type": "application/x-amz-cbor-1.1", "X-Amz-Target": f"Kinesis_20131202.{operation}"}
        request = botocore.awsrequest.AWSRequest("POST", self.url, headers=headers, data=body)
        botocore.auth.SigV4Auth(self.credentials, "kinesis", REGION).add_auth(request)
        response = self.http.request("POST", self.url, headers=dict(request.headers), body=body)
        assert response.headers["Content-Type"] == "application/x-amz-cbor-1.1"
        return response.status, cbor2.loads(response.data, semantic_decoders={1: time})

    def __call__(self, operation: str, **arguments) -> dict:
        status, answer = self.send(operation, cbor2.dumps(arguments))
        assert status == 200, answer
        return answer


def time(millis, _immutable) -> datetime.datetime:
    """A time as the AWS SDK reads it: cbor2 by itself would take seconds."""
    assert isinstance(millis, int)
    return datetime.datetime.fromtimestamp(millis / 1000, datetime.timezone.utc)


def tagged(time: datetime.datetime) -> cbor2.CBORTag:
    return cbor2.CBORTag(1, round(time.timestamp() * 1000))


@pytest.fixture
def cbor(server):
    cbor = Cbor(server)
    assert cbor("CreateStream", StreamName=STREAM, ShardCount=1) == {}
    return cbor


def test_records_are_bytes_and_times_are_milliseconds(cbor, server):
    data = bytes(range(256)) * 10
    put = cbor("PutRecords", StreamName=STREAM, Records=[{"Data": data, "PartitionKey": f"schlüssel-{n}"} for n in range(300)])
    assert put["FailedRecordCount"] == 0 and len(put["Records"]) == 300
    cbor("PutRecord", StreamName=STREAM, Data=b"last", PartitionKey="k", ExplicitHashKey="0")
    position = {"StreamName": STREAM, "ShardId": "shardId-000000000000"}
    iterator = cbor("GetShardIterator", ShardIteratorType="TRIM_HORIZON", **position)["ShardIterator"]
    got = cbor("GetRecords", ShardIterator=iterator, Limit=10_000)
    assert [record["Data"] for record in got["Records"]] == [data] * 300 + [b"last"]
    assert got["Records"][7]["PartitionKey"] == "schlüssel-7"
    assert [record["SequenceNumber"] for record in got["Records"][:300]] == [record["SequenceNumber"] for record in put["Records"]]

    json = server.client("kinesis")
    iterator = json.get_shard_iterator(ShardIteratorType="TRIM_HORIZON", **position)["ShardIterator"]
    arrival = json.get_records(ShardIterator=iterator)["Records"][0]["ApproximateArrivalTimestamp"]
    assert abs(got["Records"][0]["ApproximateArrivalTimestamp"] - arrival) < datetime.timedelta(milliseconds=2)
    at = tagged(got["Records"][-1]["ApproximateArrivalTimestamp"])
    iterator = cbor("GetShardIterator", ShardIteratorType="AT_TIMESTAMP", Timestamp=at, **position)["ShardIterator"]
    assert cbor("GetRecords", ShardIterator=iterator)["Records"][-1]["Data"] == b"last"


def test_times_of_descriptions_are_tagged(cbor):
    summary = cbor("DescribeStreamSummary", StreamName=STREAM)["StreamDescriptionSummary"]
    created = summary["StreamCreationTimestamp"]
    assert abs(created - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(minutes=1)
    shards = cbor("ListShards", StreamName=STREAM, StreamCreationTimestamp=tagged(created))["Shards"]
    assert shards[0]["HashKeyRange"]["EndingHashKey"] == str((1 << 128) - 1)


def test_errors_have_the_shape_of_the_protocol(cbor):
    status, error = cbor.send("DescribeStream", cbor2.dumps({"StreamName": "none"}))
    assert (status, error["__type"]) == (400, "ResourceNotFoundException") and "none" in error["message"]
    for body in (b"\xff", b"\x9f" * 2000, b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff"):
        for operation in ("PutRecords", "DescribeStream", "GetRecords"):
            status, error = cbor.send(operation, body)
            assert (status, error["__type"]) == (400, "SerializationException"), (operation, body)
    status, error = cbor.send("DescribeStream", cbor2.dumps({"StreamName": 5}))
    assert (error["__type"], error["Message"]) == ("SerializationException", "NUMBER_VALUE can not be converted to a String")
    for operation, member in (("PutRecords", "records"), ("PutRecord", "data")):
        status, error = cbor.send(operation, cbor2.dumps({"StreamName": STREAM, "PartitionKey": "k"}))
        assert error["__type"] == "ValidationException" and f"Value null at '{member}'" in error["message"]
