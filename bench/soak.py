"""Writes to a stream at full rate for a long time, kills the server now and then, and checks that views over it are exact.

    python3 bench/soak.py [--minutes 20] [--kill-every 120]

After each restart: every record that was acknowledged is in both views, none is there twice, the views agree with each other, and
memory and files stay bounded. Needs some 50 GB of disk, because a stream keeps its records for a day. Prints a line a round; ends with an error at the first thing that is not so."""

import argparse
import signal
import time

from views import STREAM, Tidemill

ROWS = f"""CREATE MATERIALIZED VIEW rows SORTKEY(arrival) AUTO REFRESH YES AS SELECT approximate_arrival_timestamp AS arrival,
    sequence_number, json_extract_path_text(
    from_varbyte(kinesis_data, 'utf-8'), '_id', true)::bigint AS number FROM evdata."{STREAM}" """
KEYS = f'CREATE MATERIALIZED VIEW keys AUTO REFRESH YES AS SELECT partition_key, count(*) AS n FROM evdata."{STREAM}" GROUP BY 1'
#: Records of calls that may be under way when the server is killed.
UNDER_WAY = 4 * 500


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--kill-every", type=float, default=120, help="seconds")
    options = parser.parse_args()
    # What was merged is removed soon, so that files can be counted.
    tidemill = Tidemill("--history", "10s")
    try:
        tidemill.client("kinesis").create_stream(StreamName=STREAM, ShardCount=4)
        tidemill.sql.execute(ROWS)
        tidemill.sql.execute(KEYS)
        soak(tidemill, options)
    finally:
        tidemill.close()


def soak(tidemill: Tidemill, options):
    acknowledged, kills, checked, ends = 0, 0, "1970-01-01", time.monotonic() + options.minutes * 60
    while time.monotonic() < ends:
        kill_at = time.monotonic() + options.kill_every
        while time.monotonic() < min(kill_at, ends):
            put = tidemill.drive("puts", "--stream", STREAM, "--records", 1 << 40, "--size", 64, "--seconds", 10)
            acknowledged += int(put["records"])
            behind = acknowledged - tidemill.sql.execute("SELECT sum(n) FROM keys").fetchone()[0]
            print(f"{acknowledged:>12,} records, {put['records_s']:>9,.0f}/s, keys behind by {behind:,}, {tidemill.resident():,.0f} MB resident", flush=True)
        tidemill.process.send_signal(signal.SIGKILL)
        tidemill.process.wait()
        kills += 1
        tidemill.start()
        checked = check(tidemill, acknowledged, kills, checked)


def check(tidemill: Tidemill, acknowledged: int, kills: int, checked: str) -> str:
    """Checks what arrived since the last check for doubles, and all of it for its number. Returns until when it has looked."""
    began = time.monotonic()
    for view in ("rows", "keys"):
        tidemill.sql.execute(f"REFRESH MATERIALIZED VIEW {view}")
    new = f"FROM rows WHERE arrival >= '{checked}'"
    fresh, different, last = tidemill.sql.execute(f"SELECT count(*), count(DISTINCT sequence_number), max(arrival) {new}").fetchone()
    count = tidemill.sql.execute("SELECT count(*) FROM rows").fetchone()[0]
    grouped = tidemill.sql.execute("SELECT sum(n) FROM keys").fetchone()[0]
    assert fresh == different, f"{fresh - different} rows are there twice"
    assert count == grouped, f"rows has {count}, keys has {grouped}"
    assert acknowledged <= count <= acknowledged + kills * UNDER_WAY, f"{acknowledged} acknowledged, {count} there"
    files = len(list((tidemill.home / "data" / "clusters").glob("*/data/public/*/*.parquet")))
    print(f"kill {kills}: {count:,} rows, each once; {files} files; exact {time.monotonic() - began:.1f} s after the start", flush=True)
    return str(last)


if __name__ == "__main__":
    main()
