"""Measures Tidemill and its peers with the same client, in the same run, and prints a table.

    python3 bench/run.py --peers .bench [--rounds 3] [--only tidemill,ferrokinesis]

Each round starts every server anew, so that a busy moment of the machine does not fall on one of them alone. A peer that
`bench/peers.sh` has not installed is left out."""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[1]
CLIENT = ROOT / "target" / "release" / "tidemill-bench"
WORKLOADS = {
    "PutRecords, 500 × 250 B, JSON": ["puts"],
    "GetRecords, JSON": ["gets"],
    "PutRecord, 250 B, JSON": ["put", "--connections", "8", "--stream", "single", "--records", "50000"],
    "PutRecords, 500 × 250 B, CBOR": ["puts", "--format", "cbor", "--stream", "cbor"],
    "GetRecords, CBOR": ["gets", "--format", "cbor", "--stream", "cbor"],
}


class Server:
    """A server that is measured. `command` has {port} and {data} where they belong."""

    def __init__(self, name: str, durable: str, command: list[str], workloads=tuple(WORKLOADS), folder=None):
        self.name, self.durable, self.command, self.workloads, self.folder = name, durable, command, workloads, folder

    def is_installed(self) -> bool:
        return all(pathlib.Path(part).exists() for part in self.command if part.startswith("/") and "{" not in part)

    def run(self, records: int) -> dict:
        data = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "target"))
        port = free_port()
        command = [part.format(port=port, data=data / "data") for part in self.command]
        ports = {"KINESIS_MOCK_PLAIN_PORT": str(port), "KINESIS_MOCK_TLS_PORT": str(free_port())}
        with open(data / "log", "wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | ports, cwd=self.folder)
        try:
            if not answers(port, process):
                print(f"  {self.name} does not answer: {(data / 'log').read_text()[:300]}")
                return {}
            return {name: self.measure(name, port, process.pid, data, records) for name in self.workloads}
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
            shutil.rmtree(data)

    def measure(self, name: str, port: int, pid: int, data: pathlib.Path, records: int) -> dict | None:
        client = [CLIENT, *WORKLOADS[name], "--server", f"127.0.0.1:{port}", "--pid", str(pid)]
        if "--records" not in client:
            client += ["--records", str(records)]
        done = subprocess.run(client, env=os.environ | credentials(data / "data"), capture_output=True, text=True)
        if done.returncode != 0:
            print(f"  {self.name}: {name}: {done.stderr.strip()[:300]}")
            return None
        measured = json.loads(done.stdout)
        return measured if measured["records"] else None


def credentials(data: pathlib.Path) -> dict:
    path = data / "credentials"
    if not path.exists():
        return {}
    pairs = dict(line.split(" = ", 1) for line in path.read_text().splitlines() if " = " in line)
    return {name.upper(): value for name, value in pairs.items()}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port: int, process: subprocess.Popen) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        except OSError:
            time.sleep(0.05)
    return False


def servers(peers: pathlib.Path) -> list[Server]:
    json_only = tuple(name for name in WORKLOADS if "CBOR" not in name)
    node, modules = shutil.which("node") or "/none", peers / "node_modules"
    ferrokinesis = [str(peers / "bin/ferrokinesis"), "--port", "{port}", "--create-stream-ms", "0", "--shard-limit", "100"]
    kinesalite = [
        node, str(modules / "kinesalite/cli.js"), "--port", "{port}", "--createStreamMs", "0", "--shardLimit", "100",
    ]
    return [
        Server("tidemill", "fsync", [
            str(ROOT / "target/release/tidemill"), "serve", "--data", "{data}", "--aws-addr", "127.0.0.1:{port}",
            "--postgres-addr", "127.0.0.1:0", "--console-addr", "127.0.0.1:0",
        ]),
        Server("ferrokinesis", "no", ferrokinesis),
        Server("ferrokinesis --state-dir", "fsync", [*ferrokinesis, "--state-dir", "{data}"]),
        Server("kinesalite", "no", kinesalite),
        Server("kinesalite --path", "unsynced", [*kinesalite, "--path", "{data}"]),
        Server("kinesis-local", "no", [node, str(modules / "kinesis-local/main.js")], folder=modules / "kinesis-local"),
        Server("moto", "no", [str(peers / "venv/bin/moto_server"), "-H", "127.0.0.1", "-p", "{port}"], json_only),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=pathlib.Path, default=ROOT / ".bench")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--only", help="names of servers, with commas")
    options = parser.parse_args()
    wanted = options.only.split(",") if options.only else None
    measured = [s for s in servers(options.peers.absolute()) if s.is_installed() and (wanted is None or s.name in wanted)]
    rounds = []
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}: {', '.join(server.name for server in measured)}", flush=True)
        rounds.append({server.name: server.run(options.records) for server in measured})
    for workload in WORKLOADS:
        print_table(workload, measured, rounds)


def print_table(workload: str, measured: list[Server], rounds: list[dict]):
    print(f"\n{workload}\n")
    print("| server | durable | records/s | ratio | p50 ms | p99 ms | CPU µs/record | resident MB |")
    print("| --- | --- | --: | --: | --: | --: | --: | --: |")
    base = None
    for server in measured:
        runs = [found for one in rounds if (found := one[server.name].get(workload))]
        if not runs:
            continue
        median = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        base = base or median["records_s"]
        print(
            f"| {server.name} | {server.durable} | {median['records_s']:,.0f} | {median['records_s'] / base:.3f} "
            f"| {median['p50_ms']:.2f} | {median['p99_ms']:.2f} | {median['cpu_us']:.2f} | {median['rss_mb']:.0f} |"
        )


if __name__ == "__main__":
    main()
