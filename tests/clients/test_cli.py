"""The AWS CLI writes and reads 100,000 records through a reshard."""

import base64
import concurrent.futures
import json
import pathlib
import subprocess
import sys

STREAM = "s"
COUNT, BATCH = 100_000, 500
AWS = pathlib.Path(sys.executable).parent / "aws"


def test_a_hundred_thousand_records_through_a_reshard(server, tmp_path):
    def aws(*arguments) -> dict:
        command = [AWS, "kinesis", *arguments, "--output", "json"]
        done = subprocess.run(command, env=server.environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "{}")

    def put(first: int):
        records = [{"Data": str(number), "PartitionKey": f"key-{number}"} for number in range(first, first + BATCH)]
        file = tmp_path / f"{first}.json"
        file.write_text(json.dumps({"StreamName": STREAM, "Records": records}))
        assert aws("put-records", "--cli-input-json", f"file://{file}")["FailedRecordCount"] == 0

    def read(shard: str) -> list[int]:
        iterator = aws(
            "get-shard-iterator", "--stream-name", STREAM, "--shard-id", shard, "--shard-iterator-type", "TRIM_HORIZON"
        )["ShardIterator"]
        numbers = []
        while iterator:
            answer = aws("get-records", "--shard-iterator", iterator)
            numbers += [int(base64.b64decode(record["Data"])) for record in answer["Records"]]
            iterator = answer.get("NextShardIterator") if answer["Records"] else None
        return numbers

    aws("create-stream", "--stream-name", STREAM, "--shard-count", "2")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        puts = [pool.submit(put, first) for first in range(0, COUNT, BATCH)]
        puts[len(puts) // 3].result()
        aws("update-shard-count", "--stream-name", STREAM, "--target-shard-count", "3", "--scaling-type", "UNIFORM_SCALING")
        for done in puts:
            done.result()
        shards = [shard["ShardId"] for shard in aws("list-shards", "--stream-name", STREAM)["Shards"]]
        numbers = [number for part in pool.map(read, shards) for number in part]
    assert len(shards) > 3
    assert sorted(numbers) == list(range(COUNT))
