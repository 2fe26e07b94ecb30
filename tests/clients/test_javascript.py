"""The AWS SDK for JavaScript, which speaks HTTP/2 to Kinesis: 100,000 records through a reshard, and its errors."""

import json
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent / "javascript"


@pytest.fixture
def script(server):
    installed = HERE / "node_modules" / ".installed"
    if not installed.exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=HERE, check=True)
        installed.touch()

    def run(what: str):
        command = ["node", HERE / "kinesis.mjs", what]
        done = subprocess.run(command, env=server.environment(), capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_a_hundred_thousand_records_through_a_reshard(script):
    whole = {"total": 100_000, "distinct": 100_000, "shards": 6}
    assert script("records") == {"fan-out": whole, "polling": whole}


def test_errors_have_their_names(script):
    errors = script("errors")
    assert [error["name"] for error in errors] == [
        "ResourceNotFoundException", "ResourceInUseException", "InvalidArgumentException", "ValidationException",
        "ResourceInUseException",
    ]
    assert all(error["typed"] == error["name"] and error["status"] == 400 and error["request"] for error in errors)
    assert errors[0]["message"] == "Stream none under account 000000000000 not found."
