"""Measures views over streams, and queries over them, beside DuckDB and ClickHouse doing the same work on the same bytes.

    python3 bench/views.py --peers .bench [--records 2000000] [--rounds 3] [--only backlog,queries]

Runs with the Python of `bench/peers.sh`. The peers get the records as strings in memory and extract them into a table of their
own, in one pass over each text, which is how each does it fastest; then all answer the same queries over the rows."""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import boto3
import psycopg

from run import CLIENT, ROOT, free_port

ACCOUNT, USER, PASSWORD, STREAM = "000000000000", "awsuser", "Passw0rdOfBench", "lab"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/reader"
FIELDS = {
    "_id": ("char(36)", "VARCHAR", "String"), "clusterid": ("varchar(30)", "VARCHAR", "String"),
    "connectiontime": ("varchar(20)", "VARCHAR", "String"), "kwhdelivered": ("decimal(10,2)", "DECIMAL(10,2)", "Decimal(10,2)"),
    "stationid": ("decimal(10,2)", "DECIMAL(10,2)", "Decimal(10,2)"), "spaceid": ("varchar(100)", "VARCHAR", "String"),
    "timezone": ("varchar(30)", "VARCHAR", "String"), "userid": ("varchar(30)", "VARCHAR", "String"),
}
KEYS = {"clusterid": "clusterID", "connectiontime": "connectionTime", "kwhdelivered": "kWhDelivered", "stationid": "stationID", "spaceid": "spaceID", "userid": "userID"}
QUERIES = {
    "usage: sum and count(distinct), 400 groups": "SELECT {time} AS t, sum(kwhdelivered), count(distinct userid) FROM {typed} GROUP BY 1 ORDER BY 1 DESC",
    "per station: count and sum": "SELECT stationid, count(*), sum(kwhdelivered) FROM {typed} GROUP BY 1 ORDER BY 1",
    "one _id": "SELECT * FROM {typed} WHERE {id} = '{wanted}'",
    "per station over the document": "{document}",
}


class Tidemill:
    name = "tidemill"

    def __init__(self, *options: str):
        self.options = options
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "target"))
        self.launch()
        self.prepare()
        self.connect()
        self.sql.execute(f"CREATE EXTERNAL SCHEMA evdata FROM KINESIS IAM_ROLE '{ROLE}'")

    def start(self):
        """Starts the server again on its data."""
        self.launch()
        self.connect()

    def launch(self):
        ready = self.home / "ready"
        ready.unlink(missing_ok=True)
        command = [
            ROOT / "target/release/tidemill", "serve", "--data", self.home / "data", "--ready-file", ready,
            "--aws-addr", f"127.0.0.1:{free_port()}", "--postgres-addr", "127.0.0.1:0", "--console-addr", "127.0.0.1:0",
            *self.options,
        ]
        self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not ready.exists():
            time.sleep(0.01)
        self.aws = json.loads(ready.read_text())["aws"]
        lines = (self.home / "data" / "credentials").read_text().splitlines()
        self.key = dict(line.split(" = ", 1) for line in lines if " = " in line)

    def client(self, service: str):
        return boto3.client(service, region_name="us-east-1", endpoint_url=f"http://{self.aws}", **self.key)

    def prepare(self):
        redshift, iam = self.client("redshift"), self.client("iam")
        allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kinesis:*", "Resource": "*"}]}
        trust = (ROOT / "lab" / "trust.json").read_text()
        policy = iam.create_policy(PolicyName="read", PolicyDocument=json.dumps(allow))["Policy"]["Arn"]
        iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust)
        iam.attach_role_policy(RoleName="reader", PolicyArn=policy)
        redshift.create_cluster(
            ClusterIdentifier="bench", NodeType="dc2.large", ClusterType="single-node", MasterUsername=USER,
            MasterUserPassword=PASSWORD, IamRoles=[ROLE],
        )

    def connect(self):
        endpoint = self.client("redshift").describe_clusters()["Clusters"][0]["Endpoint"]
        self.sql_url = f"host={endpoint['Address']} port={endpoint['Port']} user={USER} password={PASSWORD} dbname=dev"
        self.sql = psycopg.connect(self.sql_url, autocommit=True)

    def drive(self, *arguments) -> dict:
        environment = os.environ | {name.upper(): value for name, value in self.key.items()}
        command = [CLIENT, *arguments, "--server", self.aws, "--pid", str(self.process.pid)]
        done = subprocess.run([str(part) for part in command], env=environment, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def put(self, records: int):
        self.drive("puts", "--payload", "lab", "--format", "cbor", "--stream", STREAM, "--records", records, "--seconds", 600)

    def cpu(self) -> float:
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self) -> float:
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def close(self):
        self.sql.close()
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.home)


def typed_view(name: str) -> str:
    text = "from_varbyte(kinesis_data, 'utf-8')"
    columns = [f"json_extract_path_text({text}, '{KEYS.get(c, c)}', true)::{t} AS {c}" for c, (t, _, _) in FIELDS.items()]
    stream = f'evdata."{STREAM}"'
    return f"""CREATE MATERIALIZED VIEW {name} SORTKEY(1) AS SELECT refresh_time, approximate_arrival_timestamp, partition_key,
        shard_id, sequence_number, {', '.join(columns)} FROM {stream} WHERE LENGTH(kinesis_data) < 65355"""


def super_view(name: str) -> str:
    return f"""CREATE MATERIALIZED VIEW {name} AS SELECT approximate_arrival_timestamp, partition_key, shard_id,
        sequence_number, json_parse(kinesis_data) AS payload FROM evdata."{STREAM}" WHERE can_json_parse(kinesis_data)"""


def timed(work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def backlog(tidemill: Tidemill, records: int) -> list[tuple]:
    rows = []
    for name, view in (("typed view", typed_view("typed")), ("SUPER view", super_view("document"))):
        tidemill.sql.execute(view)
        began = tidemill.cpu()
        seconds = timed(lambda: tidemill.sql.execute(f"REFRESH MATERIALIZED VIEW {view.split()[3]}"))
        cpu = tidemill.cpu() - began
        flushed = seconds + timed(lambda: tidemill.sql.execute(f"ANALYZE {view.split()[3]}"))
        rows.append((name, "tidemill", records / seconds, cpu / records * 1e6))
        rows.append((f"{name}, files flushed", "tidemill", records / flushed, (tidemill.cpu() - began) / records * 1e6))
    return rows


def many(tidemill: Tidemill, records: int) -> list[tuple]:
    """Ten views over one stream, refreshed together, against one."""
    import threading

    def refresh(name: str):
        with psycopg.connect(tidemill.sql_url, autocommit=True) as sql:
            sql.execute(f"REFRESH MATERIALIZED VIEW {name}")

    rows = []
    for count in (1, 10):
        names = [f"many_{count}_{number}" for number in range(count)]
        for name in names:
            tidemill.sql.execute(f"""CREATE MATERIALIZED VIEW {name} AS SELECT json_extract_path_text(
                from_varbyte(kinesis_data, 'utf-8'), 'stationID', true)::int AS station, count(*) AS n FROM evdata."{STREAM}" GROUP BY 1""")
        threads = [threading.Thread(target=refresh, args=(name,)) for name in names]
        cpu = tidemill.cpu()
        seconds = timed(lambda: [thread.start() for thread in threads] and [thread.join() for thread in threads])
        rows.append((f"{count} grouped views over one stream", "tidemill", count * records / seconds, (tidemill.cpu() - cpu) / records / count * 1e6))
        for name in names:
            tidemill.sql.execute(f"DROP MATERIALIZED VIEW {name}")
    return rows


def texts(tidemill: Tidemill) -> list[str]:
    rows = tidemill.sql.execute("SELECT json_serialize(payload) FROM document").fetchall()
    return [text for (text,) in rows]


class DuckDB:
    name = "DuckDB"

    def __init__(self, table):
        import duckdb

        self.home = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "target"))
        self.sql = duckdb.connect(str(self.home / "db"))
        self.sql.execute("SET threads = 2")
        self.sql.register("arrow", table)
        self.sql.execute("CREATE TEMP TABLE raw AS SELECT * FROM arrow")

    def run(self, query: str) -> list:
        return self.sql.execute(query).fetchall()

    def extract(self) -> float:
        shape = json.dumps({KEYS.get(name, name): "VARCHAR" for name in FIELDS})
        columns = [f"CAST(j.\"{KEYS.get(name, name)}\" AS {kind}) AS {name}" for name, (_, kind, _) in FIELDS.items()]
        return timed(lambda: self.run(f"CREATE TABLE typed AS SELECT {', '.join(columns)} FROM (SELECT from_json(text, '{shape}') AS j FROM raw)"))

    def document(self) -> float:
        return timed(lambda: self.run("CREATE TABLE document AS SELECT CAST(CAST(text AS JSON) AS VARIANT) AS payload FROM raw"))

    names = {
        "time": "strptime(connectiontime, '%Y-%m-%d %H:%M:%S')", "typed": "typed", "id": "_id",
        "document": "SELECT CAST(payload.stationID AS INT) AS s, count(*), sum(CAST(payload.kWhDelivered AS DECIMAL(10,2))) FROM document GROUP BY 1 ORDER BY 1",
    }

    def close(self):
        self.sql.close()
        shutil.rmtree(self.home)


class ClickHouse:
    name = "ClickHouse"

    def __init__(self, table):
        from chdb import session

        self.home = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "target"))
        self.sql = session.Session(str(self.home / "db"))
        import pyarrow.parquet

        pyarrow.parquet.write_table(table, self.home / "raw.parquet")
        self.run("CREATE DATABASE bench ENGINE = Atomic")
        self.run(f"CREATE TABLE bench.raw ENGINE = Memory AS SELECT assumeNotNull(text) AS text FROM file('{self.home}/raw.parquet')")

    def run(self, query: str) -> list:
        return str(self.sql.query(f"{query} SETTINGS max_threads = 2" if query.startswith("SELECT") else query)).splitlines()

    def extract(self) -> float:
        shape = ", ".join(f"`{KEYS.get(name, name)}` String" for name in FIELDS)
        columns = [
            f"toDecimal64(j.`{KEYS.get(name, name)}`, 2) AS {name}" if "Decimal" in kind else f"j.`{KEYS.get(name, name)}` AS {name}"
            for name, (_, _, kind) in FIELDS.items()
        ]
        return timed(lambda: self.run(f"CREATE TABLE bench.typed ENGINE = MergeTree ORDER BY tuple() AS SELECT {', '.join(columns)} FROM (SELECT JSONExtract(text, 'Tuple({shape})') AS j FROM bench.raw) SETTINGS max_threads = 2"))

    def document(self) -> float:
        return timed(lambda: self.run("CREATE TABLE bench.document ENGINE = MergeTree ORDER BY tuple() AS SELECT text::JSON AS payload FROM bench.raw SETTINGS max_threads = 2"))

    names = {
        "time": "parseDateTime(connectiontime, '%Y-%m-%d %H:%i:%S')", "typed": "bench.typed", "id": "_id",
        "document": "SELECT payload.stationID::String AS s, count(*), sum(toDecimal64(payload.kWhDelivered::String, 2)) FROM bench.document GROUP BY 1 ORDER BY 1",
    }

    def close(self):
        self.sql.close()
        shutil.rmtree(self.home)


TIDEMILL_NAMES = {
    "time": "to_timestamp(connectiontime, 'YYYY-MM-DD HH24:MI:SS')", "typed": "typed", "id": "_id",
    "document": 'SELECT payload."stationID"::int AS s, count(*), sum(payload."kWhDelivered"::decimal(10,2)) FROM document GROUP BY 1 ORDER BY 1',
}


def ask(run, names: dict, wanted: str, rounds: int) -> dict:
    times = {}
    for name, query in QUERIES.items():
        query = query.format(**names, wanted=wanted)
        times[name] = statistics.median(timed(lambda: run(query)) for _ in range(2 * rounds + 1)) * 1000
    return times


def freshness(tidemill: Tidemill, rates: list[int]):
    print("\n**Freshness: from a record's acknowledgement to its first appearance in SELECT**\n")
    print("| records/s asked for | records/s put | p50 ms | p99 ms |\n| --: | --: | --: | --: |")
    for rate in rates:
        stream = f"fresh-{rate}"
        tidemill.client("kinesis").create_stream(StreamName=stream, ShardCount=4)
        tidemill.sql.execute("DROP MATERIALIZED VIEW IF EXISTS fresh")
        tidemill.sql.execute(f"""CREATE MATERIALIZED VIEW fresh AUTO REFRESH YES AS SELECT json_extract_path_text(
            from_varbyte(kinesis_data, 'utf-8'), 'n', true)::bigint AS n FROM evdata."{stream}" """)
        measured = tidemill.drive("freshness", "--stream", stream, "--rate", rate, "--sql", tidemill.sql_url, "--seconds", 10)
        print(f"| {rate:,} | {measured['records_s']:,.0f} | {measured['p50_ms']:.1f} | {measured['p99_ms']:.1f} |", flush=True)
        tidemill.client("kinesis").delete_stream(StreamName=stream)


def print_backlog(rows: list[tuple]):
    print("\n**Backlog into views**\n\n| what | engine | records/s | CPU µs/record |\n| --- | --- | --: | --: |")
    for what, engine, rate, cpu in rows:
        print(f"| {what} | {engine} | {rate:,.0f} | {'' if cpu is None else f'{cpu:.2f}'} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="backlog,many,queries,freshness")
    options = parser.parse_args()
    wanted = options.only.split(",")
    tidemill = Tidemill()
    try:
        if wanted != ["freshness"]:
            tidemill.put(options.records)
            rows = backlog(tidemill, options.records)
            if "many" in wanted:
                rows += many(tidemill, options.records)
            resident = tidemill.resident()
            data = next((tidemill.home / "data" / "clusters").iterdir()) / "data" / "public"
            tidemill.sql.execute("VACUUM")
            size = {view: sum(f.stat().st_size for f in (data / view).glob("*.parquet")) / options.records for view in ("typed", "document")}
        if "queries" in wanted:
            import pyarrow

            one = tidemill.sql.execute("SELECT _id FROM typed LIMIT 1").fetchone()[0]
            # Otherwise names of attributes are folded to lower case (Redshift), and there are none of those.
            tidemill.sql.execute("SET enable_case_sensitive_identifier TO true")
            answers = {"tidemill": ask(lambda query: tidemill.sql.execute(query).fetchall(), TIDEMILL_NAMES | {
                "document": TIDEMILL_NAMES["document"]}, one, options.rounds)}
            table = pyarrow.table({"text": texts(tidemill)})
            for peer in (DuckDB, ClickHouse):
                peer = peer(table)
                rows.append(("typed view", peer.name, options.records / peer.extract(), None))
                rows.append(("SUPER view", peer.name, options.records / peer.document(), None))
                answers[peer.name] = ask(peer.run, peer.names, one, options.rounds)
                peer.close()
        if wanted != ["freshness"]:
            print_backlog(rows)
            print(f"\nBytes on disk a record: typed view {size['typed']:.1f}, SUPER view {size['document']:.1f}. Resident after the refreshes: {resident:,.0f} MB.")
        if "queries" in wanted:
            print(f"\n**Queries over {options.records:,} rows, ms**\n\n| query | {' | '.join(answers)} |\n| --- |{' --: |' * len(answers)}")
            for query in QUERIES:
                print(f"| {query} | {' | '.join(f'{times[query]:.1f}' for times in answers.values())} |")
        if "freshness" in wanted:
            freshness(tidemill, [100, 10_000, 100_000])
    finally:
        tidemill.close()


if __name__ == "__main__":
    main()
