"""Every operation of Kinesis Data Streams, by boto3."""

import collections
import datetime
import hashlib
import json
import threading
import time

import botocore.exceptions
import pytest
from server import ACCOUNT, REGION

STREAM = "s"
ARN = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{STREAM}"
HALF = str(1 << 127)


def refused(call, **arguments) -> tuple[str, str]:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error.get("Message", "")


@pytest.fixture
def kinesis(server):
    client = server.client("kinesis")
    client.create_stream(StreamName=STREAM, ShardCount=1)
    return client


def shards(kinesis, **arguments) -> dict:
    return {shard["ShardId"]: shard for shard in kinesis.list_shards(StreamName=STREAM, **arguments)["Shards"]}


def put(kinesis, count: int, start=0) -> list[str]:
    """Puts numbered records and returns the sequence numbers that they got."""
    given = []
    for first in range(start, start + count, 500):
        numbers = range(first, min(first + 500, start + count))
        entries = [{"Data": str(number).encode(), "PartitionKey": f"key-{number}"} for number in numbers]
        answer = kinesis.put_records(StreamName=STREAM, Records=entries)
        assert answer["FailedRecordCount"] == 0
        given += [record["SequenceNumber"] for record in answer["Records"]]
    return given


def read_shard(kinesis, shard: str, **position):
    """Reads a shard to its tip. Returns its records and the last answer."""
    position = position or {"ShardIteratorType": "TRIM_HORIZON"}
    iterator = kinesis.get_shard_iterator(StreamName=STREAM, ShardId=shard, **position)["ShardIterator"]
    records = []
    while True:
        answer = kinesis.get_records(ShardIterator=iterator)
        records += answer["Records"]
        iterator = answer.get("NextShardIterator")
        if iterator is None or (not answer["Records"] and answer["MillisBehindLatest"] == 0):
            return records, answer


def read_lineage(kinesis) -> list[int]:
    """All records, as a client reads them that follows shards to their children."""
    numbers, todo, seen = [], ["shardId-000000000000"], set()
    while todo:
        shard = todo.pop()
        if shard in seen:
            continue
        seen.add(shard)
        records, answer = read_shard(kinesis, shard)
        numbers += [int(record["Data"]) for record in records]
        todo += [child["ShardId"] for child in answer.get("ChildShards", [])]
    return numbers


def test_split_and_merge_make_shards_as_kinesis_describes_them(kinesis):
    put(kinesis, 10)
    kinesis.split_shard(StreamName=STREAM, ShardToSplit="shardId-000000000000", NewStartingHashKey=HALF)
    put(kinesis, 10, start=10)
    kinesis.merge_shards(
        StreamARN=ARN, ShardToMerge="shardId-000000000002", AdjacentShardToMerge="shardId-000000000001"
    )
    put(kinesis, 10, start=20)
    listed = shards(kinesis)
    first, low, high, merged = (listed[f"shardId-{number:012d}"] for number in range(4))
    assert "EndingSequenceNumber" in first["SequenceNumberRange"]
    assert low["ParentShardId"] == high["ParentShardId"] == "shardId-000000000000"
    assert low["HashKeyRange"] == {"StartingHashKey": "0", "EndingHashKey": str((1 << 127) - 1)}
    assert high["HashKeyRange"] == {"StartingHashKey": HALF, "EndingHashKey": str((1 << 128) - 1)}
    assert merged["ParentShardId"] == "shardId-000000000002"
    assert merged["AdjacentParentShardId"] == "shardId-000000000001"
    assert "EndingSequenceNumber" not in merged["SequenceNumberRange"]
    starts = [int(shard["SequenceNumberRange"]["StartingSequenceNumber"]) for shard in (first, low, merged)]
    assert starts == sorted(starts) and len(set(starts)) == 3
    assert sorted(read_lineage(kinesis)) == list(range(30))
    _, last = read_shard(kinesis, "shardId-000000000000")
    assert {child["ShardId"] for child in last["ChildShards"]} == {"shardId-000000000001", "shardId-000000000002"}
    assert last["ChildShards"][0]["ParentShards"] == ["shardId-000000000000"]

    code, message = refused(
        kinesis.split_shard, StreamName=STREAM, ShardToSplit="shardId-000000000003", NewStartingHashKey="1"
    )
    assert code == "InvalidArgumentException" and "is not both greater than one plus" in message
    assert refused(kinesis.merge_shards, StreamName=STREAM, ShardToMerge="shardId-000000000000", AdjacentShardToMerge="shardId-000000000003")[0] == "InvalidArgumentException"


def test_update_shard_count_scales_evenly(kinesis):
    answer = kinesis.update_shard_count(StreamName=STREAM, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    assert (answer["CurrentShardCount"], answer["TargetShardCount"], answer["StreamARN"]) == (1, 4, ARN)
    kinesis.update_shard_count(StreamARN=ARN, TargetShardCount=3, ScalingType="UNIFORM_SCALING")
    is_open = shards(kinesis, ShardFilter={"Type": "AT_LATEST"})
    ranges = sorted((int(s["HashKeyRange"]["StartingHashKey"]), int(s["HashKeyRange"]["EndingHashKey"])) for s in is_open.values())
    assert ranges[0][0] == 0 and ranges[-1][1] == (1 << 128) - 1
    assert all(before[1] + 1 == after[0] for before, after in zip(ranges, ranges[1:]))
    widths = [end - start for start, end in ranges]
    assert len(widths) == 3 and max(widths) - min(widths) <= 1
    assert kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]["OpenShardCount"] == 3


def test_a_hundred_thousand_records_through_a_reshard(kinesis):
    count, lock, numbers = 100_000, threading.Lock(), iter(range(0, 100_000, 500))

    def produce():
        while True:
            with lock:
                first = next(numbers, None)
            if first is None:
                return
            put(kinesis, 500, start=first)

    producers = [threading.Thread(target=produce) for _ in range(4)]
    for producer in producers:
        producer.start()
    for target in (2, 4, 3, 6):
        time.sleep(0.3)
        kinesis.update_shard_count(StreamName=STREAM, TargetShardCount=target, ScalingType="UNIFORM_SCALING")
    for producer in producers:
        producer.join()
    assert sorted(read_lineage(kinesis)) == list(range(count))


def test_list_shards_filters_and_pages(kinesis):
    created = kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]["StreamCreationTimestamp"]
    kinesis.split_shard(StreamName=STREAM, ShardToSplit="shardId-000000000000", NewStartingHashKey=HALF)
    closed = datetime.datetime.now(datetime.timezone.utc)
    time.sleep(0.01)

    def ids(**filter):
        return [int(shard[-1]) for shard in shards(kinesis, ShardFilter=filter)]

    assert ids(Type="AT_LATEST") == [1, 2]
    assert ids(Type="AT_TRIM_HORIZON") == [0]
    assert ids(Type="FROM_TRIM_HORIZON") == [0, 1, 2]
    assert ids(Type="AFTER_SHARD_ID", ShardId="shardId-000000000001") == [2]
    assert ids(Type="AT_TIMESTAMP", Timestamp=created) == [0]
    assert ids(Type="FROM_TIMESTAMP", Timestamp=created) == [0, 1, 2]
    assert ids(Type="FROM_TIMESTAMP", Timestamp=closed + datetime.timedelta(milliseconds=5)) == [1, 2]
    assert list(shards(kinesis, StreamCreationTimestamp=created)) == [f"shardId-{number:012d}" for number in range(3)]
    earlier = created - datetime.timedelta(days=1)
    assert refused(kinesis.list_shards, StreamName=STREAM, StreamCreationTimestamp=earlier)[0] == "ResourceNotFoundException"

    first = kinesis.list_shards(StreamName=STREAM, MaxResults=1, ShardFilter={"Type": "AT_LATEST"})
    rest = kinesis.list_shards(NextToken=first["NextToken"])
    assert [shard["ShardId"][-1] for shard in first["Shards"] + rest["Shards"]] == ["1", "2"] and "NextToken" not in rest
    assert refused(kinesis.list_shards, StreamName=STREAM, NextToken=first["NextToken"]) == (
        "InvalidArgumentException", "NextToken and StreamName cannot be provided together."
    )
    assert refused(kinesis.list_shards, NextToken="x")[0] == "InvalidArgumentException"
    assert refused(kinesis.list_shards, StreamName=STREAM, ShardFilter={"Type": "AT_TIMESTAMP"})[0] == "InvalidArgumentException"
    page = kinesis.describe_stream(StreamName=STREAM, Limit=2)["StreamDescription"]
    assert page["HasMoreShards"] and len(page["Shards"]) == 2
    page = kinesis.describe_stream(StreamName=STREAM, ExclusiveStartShardId="shardId-000000000001")["StreamDescription"]
    assert not page["HasMoreShards"] and len(page["Shards"]) == 1


def test_explicit_hash_keys_place_records(kinesis):
    kinesis.update_shard_count(StreamName=STREAM, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    low = kinesis.put_record(StreamName=STREAM, Data=b"x", PartitionKey="k", ExplicitHashKey="0")
    high = kinesis.put_record(StreamName=STREAM, Data=b"x", PartitionKey="k", ExplicitHashKey=str((1 << 128) - 1))
    assert (low["ShardId"][-1], high["ShardId"][-1]) == ("1", "2")
    by_key = kinesis.put_record(StreamName=STREAM, Data=b"x", PartitionKey="k")["ShardId"]
    assert by_key == (high if int(hashlib.md5(b"k").hexdigest(), 16) >= 1 << 127 else low)["ShardId"]
    code, message = refused(kinesis.put_record, StreamName=STREAM, Data=b"x", PartitionKey="k", ExplicitHashKey=str(1 << 128))
    assert (code, "must be in the range: [0, 2^128-1]" in message) == ("InvalidArgumentException", True)


def test_retention_is_changed_within_its_bounds(kinesis):
    def hours():
        return kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]["RetentionPeriodHours"]

    assert hours() == 24
    kinesis.increase_stream_retention_period(StreamName=STREAM, RetentionPeriodHours=8760)
    assert hours() == 8760
    kinesis.decrease_stream_retention_period(StreamARN=ARN, RetentionPeriodHours=48)
    assert hours() == 48
    for call, wrong in (("increase", 24), ("increase", 8761), ("decrease", 72), ("decrease", 23)):
        code, _ = refused(getattr(kinesis, f"{call}_stream_retention_period"), StreamName=STREAM, RetentionPeriodHours=wrong)
        assert code == "InvalidArgumentException", (call, wrong)


def test_consumers_are_registered_listed_and_removed(kinesis):
    made = kinesis.register_stream_consumer(StreamARN=ARN, ConsumerName="one", Tags={"team": "a"})["Consumer"]
    assert made["ConsumerARN"].startswith(f"{ARN}/consumer/one:")
    kinesis.register_stream_consumer(StreamARN=ARN, ConsumerName="two")
    assert refused(kinesis.register_stream_consumer, StreamARN=ARN, ConsumerName="two")[0] == "ResourceInUseException"
    first = kinesis.list_stream_consumers(StreamARN=ARN, MaxResults=1)
    rest = kinesis.list_stream_consumers(StreamARN=ARN, NextToken=first["NextToken"])
    assert [consumer["ConsumerName"] for consumer in first["Consumers"] + rest["Consumers"]] == ["one", "two"]
    by_name = kinesis.describe_stream_consumer(StreamARN=ARN, ConsumerName="one")["ConsumerDescription"]
    by_arn = kinesis.describe_stream_consumer(ConsumerARN=made["ConsumerARN"])["ConsumerDescription"]
    assert by_name == by_arn and by_arn["ConsumerStatus"] == "ACTIVE" and by_arn["StreamARN"] == ARN
    assert kinesis.list_tags_for_resource(ResourceARN=made["ConsumerARN"])["Tags"] == [{"Key": "team", "Value": "a"}]
    assert kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]["ConsumerCount"] == 2
    assert refused(kinesis.delete_stream, StreamName=STREAM)[0] == "ResourceInUseException"
    kinesis.deregister_stream_consumer(ConsumerARN=made["ConsumerARN"])
    assert refused(kinesis.describe_stream_consumer, ConsumerARN=made["ConsumerARN"])[0] == "ResourceNotFoundException"
    kinesis.delete_stream(StreamName=STREAM, EnforceConsumerDeletion=True)


def test_tags_of_streams(kinesis):
    kinesis.add_tags_to_stream(StreamName=STREAM, Tags={"a": "1", "b": "2", "c": ""})
    kinesis.tag_resource(ResourceARN=ARN, Tags={"b": "3", "d": "4"})
    page = kinesis.list_tags_for_stream(StreamName=STREAM, Limit=2)
    assert page["HasMoreTags"] and page["Tags"] == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "3"}]
    page = kinesis.list_tags_for_stream(StreamName=STREAM, ExclusiveStartTagKey="b")
    assert not page["HasMoreTags"] and [tag["Key"] for tag in page["Tags"]] == ["c", "d"]
    kinesis.remove_tags_from_stream(StreamName=STREAM, TagKeys=["a", "none"])
    kinesis.untag_resource(ResourceARN=ARN, TagKeys=["d"])
    assert [tag["Key"] for tag in kinesis.list_tags_for_resource(ResourceARN=ARN)["Tags"]] == ["b", "c"]
    assert refused(kinesis.add_tags_to_stream, StreamName=STREAM, Tags={"a*": "1"})[0] == "InvalidArgumentException"


def test_settings_of_a_stream(kinesis):
    def summary():
        return kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]

    kinesis.start_stream_encryption(StreamName=STREAM, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    assert (summary()["EncryptionType"], summary()["KeyId"]) == ("KMS", "alias/aws/kinesis")
    assert kinesis.put_record(StreamName=STREAM, Data=b"x", PartitionKey="k")["EncryptionType"] == "KMS"
    assert read_shard(kinesis, "shardId-000000000000")[0][0]["EncryptionType"] == "KMS"
    kinesis.stop_stream_encryption(StreamName=STREAM, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    assert summary()["EncryptionType"] == "NONE"
    assert refused(kinesis.start_stream_encryption, StreamName=STREAM, EncryptionType="KMS", KeyId="no key")[0] == "KMSNotFoundException"

    enabled = kinesis.enable_enhanced_monitoring(StreamName=STREAM, ShardLevelMetrics=["ALL"])
    assert enabled["CurrentShardLevelMetrics"] == [] and len(enabled["DesiredShardLevelMetrics"]) == 7
    disabled = kinesis.disable_enhanced_monitoring(StreamName=STREAM, ShardLevelMetrics=["IncomingBytes"])
    assert len(disabled["DesiredShardLevelMetrics"]) == 6
    assert "IncomingBytes" not in summary()["EnhancedMonitoring"][0]["ShardLevelMetrics"]

    large = b"x" * (2 << 20)
    assert refused(kinesis.put_record, StreamName=STREAM, Data=large, PartitionKey="k")[0] == "ValidationException"
    kinesis.update_max_record_size(StreamARN=ARN, MaxRecordSizeInKiB=10240)
    assert summary()["MaxRecordSizeInKiB"] == 10240
    kinesis.put_record(StreamName=STREAM, Data=large, PartitionKey="k")
    assert read_shard(kinesis, "shardId-000000000000")[0][-1]["Data"] == large


def test_modes_warm_throughput_and_distribution(kinesis):
    def summary():
        return kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]

    assert refused(kinesis.update_stream_record_distribution_strategy, StreamARN=ARN, RecordDistributionStrategy="AUTO")[0] == "InvalidArgumentException"
    kinesis.update_stream_mode(StreamARN=ARN, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    assert summary()["StreamModeDetails"]["StreamMode"] == "ON_DEMAND"
    assert refused(kinesis.split_shard, StreamName=STREAM, ShardToSplit="shardId-000000000000", NewStartingHashKey=HALF)[0] == "ValidationException"
    assert refused(kinesis.update_stream_warm_throughput, StreamName=STREAM, WarmThroughputMiBps=8)[0] == "ValidationException"
    settings = kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
    assert settings["MinimumThroughputBillingCommitment"]["Status"] == "ENABLED"
    answer = kinesis.update_stream_warm_throughput(StreamName=STREAM, WarmThroughputMiBps=8)
    assert answer["WarmThroughput"] == {"TargetMiBps": 8, "CurrentMiBps": 8} == summary()["WarmThroughput"]
    assert summary()["OpenShardCount"] == 8
    kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "DISABLED"})
    status = kinesis.describe_account_settings()["MinimumThroughputBillingCommitment"]["Status"]
    assert status == "ENABLED_UNTIL_EARLIEST_ALLOWED_END"
    kinesis.update_stream_record_distribution_strategy(StreamARN=ARN, RecordDistributionStrategy="AUTO")
    entries = [{"Data": b"x"} for _ in range(80)]
    placed = collections.Counter(record["ShardId"] for record in kinesis.put_records(StreamName=STREAM, Records=entries)["Records"])
    assert set(placed.values()) == {10} and len(placed) == 8
    assert "PartitionKey" not in read_shard(kinesis, next(iter(placed)))[0][0]
    kinesis.update_stream_record_distribution_strategy(StreamARN=ARN, RecordDistributionStrategy="USER_PARTITION_KEY")
    assert refused(kinesis.put_record, StreamName=STREAM, Data=b"x")[0] == "ValidationException"
    limits = kinesis.describe_limits()
    assert (limits["OnDemandStreamCount"], limits["OpenShardCount"]) == (1, 0)


def test_resource_policies_allow_and_deny(kinesis, server):
    assert refused(kinesis.delete_resource_policy, ResourceARN=ARN)[0] == "ResourceNotFoundException"
    statement = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "kinesis:PutRecord", "Resource": ARN}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    kinesis.put_resource_policy(ResourceARN=ARN, Policy=policy)
    assert kinesis.get_resource_policy(ResourceARN=ARN)["Policy"] == policy
    assert refused(kinesis.put_record, StreamName=STREAM, Data=b"x", PartitionKey="k")[0] == "AccessDeniedException"
    put(kinesis, 1)
    assert refused(kinesis.put_resource_policy, ResourceARN=ARN, Policy="{}")[0] == "InvalidArgumentException"
    kinesis.delete_resource_policy(ResourceARN=ARN)
    kinesis.put_record(StreamName=STREAM, Data=b"x", PartitionKey="k")


def test_only_the_exact_arn_names_a_stream(kinesis):
    statement = {"Effect": "Deny", "Principal": "*", "Action": "kinesis:UpdateMaxRecordSize", "Resource": ARN}
    kinesis.put_resource_policy(ResourceARN=ARN, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    for arn, code in ((ARN, "AccessDeniedException"), (f"{ARN}/x", "ResourceNotFoundException")):
        assert refused(kinesis.update_max_record_size, StreamARN=arn, MaxRecordSizeInKiB=2048)[0] == code
    consumer = kinesis.register_stream_consumer(StreamARN=ARN, ConsumerName="c")["Consumer"]["ConsumerARN"]
    wrong = consumer.replace("/consumer/", "/x/consumer/")
    assert refused(kinesis.describe_stream_consumer, ConsumerARN=wrong)[0] == "ResourceNotFoundException"


def test_dry_runs_do_nothing(kinesis):
    consumer = kinesis.register_stream_consumer(StreamARN=ARN, ConsumerName="c")["Consumer"]["ConsumerARN"]
    shard = "shardId-000000000000"
    iterator = kinesis.get_shard_iterator(StreamName=STREAM, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    entry = {"Data": b"x", "PartitionKey": "k"}
    calls = [
        (kinesis.put_record, {"StreamName": STREAM} | entry),
        (kinesis.put_records, {"StreamName": STREAM, "Records": [entry]}),
        (kinesis.get_records, {"ShardIterator": iterator}),
        (kinesis.get_shard_iterator, {"StreamName": STREAM, "ShardId": shard, "ShardIteratorType": "LATEST"}),
        (kinesis.subscribe_to_shard, {"ConsumerARN": consumer, "ShardId": shard, "StartingPosition": {"Type": "LATEST"}}),
    ]
    for call, arguments in calls:
        assert refused(call, **arguments, DryRun=True)[0] == "DryRunOperationException", call
    assert read_shard(kinesis, shard)[0] == []


def test_every_input_is_validated_as_aws_does(server):
    import botocore.config

    config = botocore.config.Config(parameter_validation=False, retries={"max_attempts": 1})
    kinesis = server.client("kinesis", config=config)
    assert refused(kinesis.create_stream) == (
        "ValidationException",
        "1 validation error detected: Value null at 'streamName' failed to satisfy constraint: Member must not be null",
    )
    code, message = refused(kinesis.describe_stream, StreamName="a b", Limit=0)
    assert code == "ValidationException" and message.startswith("2 validation errors detected: Value 'a b' at 'streamName'")
    assert refused(kinesis.describe_stream_summary) == ("InvalidArgumentException", "Either StreamName or StreamARN should be provided.")
    assert refused(kinesis.put_records, StreamName="s", Records=[])[0] == "ValidationException"
    code, message = refused(kinesis.put_records, StreamName="s", Records=[{"Data": b"", "PartitionKey": "k"}] * 501)
    assert code == "ValidationException" and "less than or equal to 500" in message


def test_subscribers_are_pushed_records_and_told_of_children(kinesis):
    consumer = kinesis.register_stream_consumer(StreamARN=ARN, ConsumerName="c")["Consumer"]["ConsumerARN"]
    put(kinesis, 5)
    position = {"Type": "TRIM_HORIZON"}
    shard = "shardId-000000000000"
    events = kinesis.subscribe_to_shard(ConsumerARN=consumer, ShardId=shard, StartingPosition=position)["EventStream"]
    assert refused(kinesis.subscribe_to_shard, ConsumerARN=consumer, ShardId=shard, StartingPosition=position)[0] == "ResourceInUseException"
    numbers, last = [], None
    for place, event in enumerate(event["SubscribeToShardEvent"] for event in events):
        if place == 0:
            put(kinesis, 5, start=5)
        numbers += [int(record["Data"]) for record in event["Records"]]
        last = event
        if len(numbers) == 10 and not event.get("ChildShards"):
            assert event["ContinuationSequenceNumber"] == read_shard(kinesis, shard)[0][-1]["SequenceNumber"]
            kinesis.split_shard(StreamName=STREAM, ShardToSplit=shard, NewStartingHashKey=HALF)
    assert numbers == list(range(10))
    assert [child["ShardId"][-1] for child in last["ChildShards"]] == ["1", "2"] and "ContinuationSequenceNumber" not in last


@pytest.mark.serve("--enforce-limits")
def test_limits_are_enforced_where_it_is_asked_for(server):
    kinesis = server.client("kinesis")
    kinesis.create_stream(StreamName=STREAM, ShardCount=1)
    entries = [{"Data": b"x" * 4096, "PartitionKey": "k"}] * 500
    answer = kinesis.put_records(StreamName=STREAM, Records=entries)
    failed = [record for record in answer["Records"] if "ErrorCode" in record]
    assert answer["FailedRecordCount"] == len(failed) and 200 < len(failed) < 300
    assert failed[0]["ErrorCode"] == "ProvisionedThroughputExceededException"
    assert failed[0]["ErrorMessage"].startswith("Rate exceeded for shard shardId-000000000000")
    assert is_throttled(kinesis.put_record, StreamName=STREAM, Data=b"x" * 500_000, PartitionKey="k")
    position = {"ShardId": "shardId-000000000000", "ShardIteratorType": "LATEST"}
    assert is_throttled(kinesis.get_shard_iterator, StreamName=STREAM, **position)
    assert refused(kinesis.update_shard_count, StreamName=STREAM, TargetShardCount=3, ScalingType="UNIFORM_SCALING")[0] == "InvalidArgumentException"
    assert is_throttled(kinesis.describe_limits, code="LimitExceededException")
    codes = []
    for number in range(21):
        time.sleep(0.21)
        codes.append(refused_or_none(kinesis.register_stream_consumer, StreamARN=ARN, ConsumerName=f"c{number}"))
    assert codes == [None] * 20 + ["LimitExceededException"]


def is_throttled(call, code="ProvisionedThroughputExceededException", **arguments) -> bool:
    return any(refused_or_none(call, **arguments) == code for _ in range(50))


def refused_or_none(call, **arguments):
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]


@pytest.mark.serve("--transition-time", "300ms")
def test_states_are_visible_in_order(server):
    kinesis = server.client("kinesis")

    def status():
        return kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]["StreamStatus"]

    def becomes(wanted):
        while status() != wanted:
            time.sleep(0.02)

    kinesis.create_stream(StreamName=STREAM, ShardCount=1)
    assert status() == "CREATING"
    assert refused(kinesis.put_record, StreamName=STREAM, Data=b"x", PartitionKey="k")[0] == "ResourceNotFoundException"
    becomes("ACTIVE")
    kinesis.update_shard_count(StreamName=STREAM, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    assert status() == "UPDATING"
    kinesis.put_record(StreamName=STREAM, Data=b"x", PartitionKey="k")
    assert refused(kinesis.increase_stream_retention_period, StreamName=STREAM, RetentionPeriodHours=48)[0] == "ResourceInUseException"
    becomes("ACTIVE")
    consumer = kinesis.register_stream_consumer(StreamARN=ARN, ConsumerName="c")["Consumer"]
    assert consumer["ConsumerStatus"] == "CREATING"
    kinesis.delete_stream(StreamName=STREAM, EnforceConsumerDeletion=True)
    assert status() == "DELETING"
    with pytest.raises(botocore.exceptions.ClientError, match="not found"):
        becomes("never")


def test_changes_survive_a_kill(kinesis, server):
    put(kinesis, 20)
    kinesis.split_shard(StreamName=STREAM, ShardToSplit="shardId-000000000000", NewStartingHashKey=HALF)
    kinesis.increase_stream_retention_period(StreamName=STREAM, RetentionPeriodHours=100)
    kinesis.add_tags_to_stream(StreamName=STREAM, Tags={"a": "1"})
    consumer = kinesis.register_stream_consumer(StreamARN=ARN, ConsumerName="c")["Consumer"]
    put(kinesis, 20, start=20)
    server.kill()
    server.start()
    kinesis = server.client("kinesis")
    summary = kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]
    assert (summary["RetentionPeriodHours"], summary["OpenShardCount"], summary["ConsumerCount"]) == (100, 2, 1)
    assert kinesis.list_tags_for_stream(StreamName=STREAM)["Tags"] == [{"Key": "a", "Value": "1"}]
    assert kinesis.describe_stream_consumer(ConsumerARN=consumer["ConsumerARN"])["ConsumerDescription"]["ConsumerName"] == "c"
    assert sorted(read_lineage(kinesis)) == list(range(40))


def test_a_thousand_streams_and_five_hundred_shards(server):
    kinesis = server.client("kinesis")
    kinesis.create_stream(StreamName=STREAM, ShardCount=500)
    put(kinesis, 5000)
    assert sum(len(read_shard(kinesis, shard)[0]) for shard in shards(kinesis)) == 5000
    for number in range(1000):
        kinesis.create_stream(StreamName=f"many-{number:04d}", ShardCount=1)
        kinesis.put_record(StreamName=f"many-{number:04d}", Data=b"x" * 1000, PartitionKey="k")
    names = [name for page in kinesis.get_paginator("list_streams").paginate() for name in page["StreamNames"]]
    assert len(names) == 1001
    resident = int((server.proc("status").split("VmRSS:")[1]).split()[0])
    assert resident < 600_000, "kilobytes, of a debug build"
    server.kill()
    server.start()
    kinesis = server.client("kinesis")
    iterator = kinesis.get_shard_iterator(StreamName="many-0999", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON")
    assert len(kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"]) == 1


def test_metrics_count_what_went_in_and_out(kinesis, server):
    import urllib.request

    put(kinesis, 100)
    read_shard(kinesis, "shardId-000000000000")
    text = urllib.request.urlopen(f"http://{server.addresses['console']}/metrics").read().decode()
    assert f'tidemill_records_in_total{{stream="{STREAM}"}} 100' in text
    assert f'tidemill_records_out_total{{stream="{STREAM}"}} 100' in text
    assert f'tidemill_commit_seconds_count{{stream="{STREAM}"}} 1' in text
    assert f'tidemill_queued_bytes{{stream="{STREAM}"}} 0' in text
    assert text.endswith("# EOF\n")
