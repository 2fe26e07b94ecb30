"""A Tidemill of its own for a test: started on free ports, found through its ready file."""

import json
import os
import pathlib
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).parents[2]
BINARY = ROOT / "target" / "debug" / "tidemill"
LAB = ROOT / "lab"
ACCOUNT = "000000000000"
REGION = "us-east-1"
ADMIN, PASSWORD = "awsuser", "Passw0rdOfTheLab"


class Server:
    def __init__(self, data: pathlib.Path, *options: str):
        self.data = data
        self.options = options
        self.process = None
        self.addresses = {}

    def start(self) -> "Server":
        ready = self.data.parent / "ready.json"
        ready.unlink(missing_ok=True)
        command = [
            BINARY, "serve", "--data", self.data, "--ready-file", ready,
            "--aws-addr", "127.0.0.1:0", "--postgres-addr", "127.0.0.1:0", "--console-addr", "127.0.0.1:0",
            *self.options,
        ]
        log = open(self.data.parent / "server.log", "ab")
        self.process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log)
        while not ready.exists():
            assert self.process.poll() is None, (self.data.parent / "server.log").read_text()
            time.sleep(0.01)
        self.addresses = json.loads(ready.read_text())
        return self

    def stop(self, how=signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout=30)

    def kill(self):
        self.stop(signal.SIGKILL)

    def proc(self, file: str) -> str:
        return pathlib.Path(f"/proc/{self.process.pid}/{file}").read_text()

    @property
    def endpoint(self) -> str:
        return f"http://{self.addresses['aws']}"

    def credentials(self) -> dict:
        lines = (self.data / "credentials").read_text().splitlines()
        pairs = dict(line.split(" = ", 1) for line in lines if " = " in line)
        return {"aws_access_key_id": pairs["aws_access_key_id"], "aws_secret_access_key": pairs["aws_secret_access_key"]}

    def environment(self) -> dict:
        key = self.credentials()
        return os.environ | {
            "AWS_ACCESS_KEY_ID": key["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": key["aws_secret_access_key"],
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
        }

    def client(self, service: str, **overrides):
        import boto3
        from botocore.config import Config

        config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=60)
        settings = {"region_name": REGION, "endpoint_url": self.endpoint, "config": config} | self.credentials()
        return boto3.client(service, **(settings | overrides))


class Lab:
    """The lab's steps 1 to 5 with boto3, and what the later steps need."""

    STREAM = "ev_stream_data"
    ROLE = f"arn:aws:iam::{ACCOUNT}:role/RedshiftStreamingRole"
    POLICY = f"arn:aws:iam::{ACCOUNT}:policy/RedshiftStreamingPolicy"

    def __init__(self, server: Server):
        self.server = server
        self.kinesis = server.client("kinesis")

    def prepare(self):
        redshift, iam = self.server.client("redshift"), self.server.client("iam")
        redshift.create_cluster(
            ClusterIdentifier="streaming-cluster", NodeType="dc2.large", ClusterType="single-node",
            MasterUsername=ADMIN, MasterUserPassword=PASSWORD,
        )
        self.kinesis.create_stream(StreamName=self.STREAM, StreamModeDetails={"StreamMode": "ON_DEMAND"})
        document = (LAB / "policy.json").read_text().replace("0123456789", ACCOUNT)
        iam.create_policy(PolicyName="RedshiftStreamingPolicy", PolicyDocument=document)
        iam.create_role(RoleName="RedshiftStreamingRole", AssumeRolePolicyDocument=(LAB / "trust.json").read_text())
        iam.attach_role_policy(RoleName="RedshiftStreamingRole", PolicyArn=self.POLICY)
        redshift.modify_cluster_iam_roles(ClusterIdentifier="streaming-cluster", AddIamRoles=[self.ROLE])
        return self

    def endpoint(self) -> dict:
        cluster = self.server.client("redshift").describe_clusters(ClusterIdentifier="streaming-cluster")["Clusters"][0]
        return {"host": cluster["Endpoint"]["Address"], "port": cluster["Endpoint"]["Port"]}

    def connect(self, **overrides):
        import psycopg

        settings = self.endpoint() | {"dbname": "dev", "user": ADMIN, "password": PASSWORD, "autocommit": True}
        return psycopg.connect(**(settings | overrides))

    def put(self, records: list[str]):
        entries = [{"Data": record.encode(), "PartitionKey": str(place)} for place, record in enumerate(records)]
        answer = self.kinesis.put_records(StreamName=self.STREAM, Records=entries)
        assert answer["FailedRecordCount"] == 0
        return answer["Records"]

    def put_charges(self, numbers) -> list[str]:
        return self.put([charge(number) for number in numbers])

    def create_views(self, connection):
        for name in ("1-external-schema", "2-super-view", "3-extract-view"):
            for statement in lab_statements(name):
                connection.execute(statement)


def charge(number: int) -> str:
    """One record as the lab's template makes it, told from others by its number."""
    return json.dumps({
        "_id": f"{number:036d}", "clusterID": str(number % 50 + 1), "connectionTime": "2026-01-02 03:04:05",
        "kWhDelivered": f"{number % 1000}.25", "stationID": str(number % 467 + 1), "spaceID": "dock-7",
        "timezone": "America/Los_Angeles", "userID": str(1000 + number % 100),
    })


def lab_statements(name: str) -> list[str]:
    text = (LAB / f"{name}.sql").read_text()
    text = text.replace("arn:aws:iam::0123456789:role/redshift-streaming-role", Lab.ROLE)
    return [statement.strip() for statement in text.split(";") if statement.strip()]
