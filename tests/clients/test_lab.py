"""The lab with boto3 and psycopg, from an empty machine to the clean-up."""

import decimal
import json
import time
import urllib.request

from server import ACCOUNT, REGION, Lab, charge, lab_statements

STREAM_ARN = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{Lab.STREAM}"


def test_the_lab_from_beginning_to_end(lab):
    lab.put_charges(range(20))
    with lab.connect() as connection:
        (create_schema,) = lab_statements("1-external-schema")
        connection.execute(create_schema)

        create, refresh, select = lab_statements("2-super-view")
        connection.execute(create)
        connection.execute(refresh)
        rows = connection.execute(select).fetchall()
        payloads = sorted((row[4] if isinstance(row[4], dict) else json.loads(row[4]) for row in rows), key=lambda p: p["_id"])
        assert payloads == [json.loads(charge(number)) for number in range(20)]

        create, refresh = lab_statements("3-extract-view")
        connection.execute(create)
        connection.execute(refresh)
        cursor = connection.execute("select * from ev_station_data_extract order by id")
        names = [column.name for column in cursor.description]
        assert names[5:] == ["id", "clusterid", "connectiontime", "kwhdelivered", "stationid", "spaceid", "timezone", "userid"]
        typed = [(column.type_code, column.display_size or (column.precision, column.scale)) for column in cursor.description]
        assert typed[5] == (1042, 36) and typed[6] == (1043, 30) and typed[8] == (1700, (10, 2))
        row = cursor.fetchall()[3]
        assert row[5:] == (
            f"{3:036d}", "4", "2026-01-02 03:04:05", decimal.Decimal("3.25"), decimal.Decimal("4.00"), "dock-7",
            "America/Los_Angeles", "1003",
        )

        (usage,) = lab_statements("4-usage")
        cursor = connection.execute(usage)
        assert [column.name for column in cursor.description] == ["connectiontime", "energy_consumed", "#users"]
        (row,) = cursor.fetchall()
        assert row[0].isoformat() == "2026-01-02T03:04:05+00:00"
        assert row[1:] == (decimal.Decimal("195.00"), 20)


def test_auto_refresh_follows_the_stream_without_a_refresh(lab):
    with lab.connect() as connection:
        lab.create_views(connection)
        lab.put_charges(range(100))
        wait_for_rows(connection, "ev_station_data_extract", 100)
        lab.put_charges(range(100, 250))
        wait_for_rows(connection, "ev_station_data_extract", 250)
        connection.execute("ALTER MATERIALIZED VIEW ev_station_data_extract AUTO REFRESH NO")
        lab.put_charges(range(250, 260))
        connection.execute("REFRESH MATERIALIZED VIEW ev_station_data")
        assert count(connection, "ev_station_data") == 260
        assert count(connection, "ev_station_data_extract") == 250


def test_turning_automatic_refresh_off_and_on_neither_loses_nor_repeats_rows(lab):
    with lab.connect() as connection:
        lab.create_views(connection)
        for turn in range(20):
            lab.put_charges(range(turn * 50, turn * 50 + 50))
            connection.execute(f"ALTER MATERIALIZED VIEW ev_station_data_extract AUTO REFRESH {'NO' if turn % 2 else 'YES'}")
        connection.execute("REFRESH MATERIALIZED VIEW ev_station_data_extract")
        rows = connection.execute("select count(*), count(distinct id) from ev_station_data_extract").fetchone()
        assert rows == (1000, 1000)


def test_super_paths_are_navigated_and_names_fold(lab):
    with lab.connect() as connection:
        lab.create_views(connection)
        lab.put(['{"a": {"b": [1, {"c": "x"}]}, "Upper": 1, "n": 2.50, "s": "he said \\"hi\\""}'])
        connection.execute("REFRESH MATERIALIZED VIEW ev_station_data")
        row = connection.execute(
            "select payload.a.b[0], payload.a.b[1].c, payload.upper, payload.n::decimal(5,1), payload.s::varchar, "
            "payload.a::varchar, payload.missing.deeper from ev_station_data"
        ).fetchone()
        assert row == ("1", '"x"', None, decimal.Decimal("2.5"), 'he said "hi"', None, None)


def test_nothing_is_left_after_the_clean_up(lab):
    with lab.connect() as connection:
        lab.create_views(connection)
        lab.put_charges(range(10))
        connection.execute("REFRESH MATERIALIZED VIEW ev_station_data")
    redshift = lab.server.client("redshift")
    redshift.delete_cluster(ClusterIdentifier="streaming-cluster", SkipFinalClusterSnapshot=True)
    assert redshift.describe_clusters()["Clusters"] == []
    lab.kinesis.delete_stream(StreamName=lab.STREAM)
    while lab.kinesis.list_streams()["StreamNames"]:
        time.sleep(0.01)
    left = [path for folder in ("streams", "clusters") for path in (lab.server.data / folder).glob("**/*")]
    assert left == []


def test_views_keep_their_rows_over_a_restart(lab):
    with lab.connect() as connection:
        lab.create_views(connection)
        lab.put_charges(range(40))
        connection.execute("REFRESH MATERIALIZED VIEW ev_station_data")
        wait_for_rows(connection, "ev_station_data_extract", 40)
    assert lab.server.stop() == 0
    lab.server.start()
    lab = type(lab)(lab.server)
    with lab.connect() as connection:
        assert count(connection, "ev_station_data") == 40
        assert count(connection, "ev_station_data_extract") == 40
        lab.put_charges(range(40, 50))
        wait_for_rows(connection, "ev_station_data_extract", 50)


def count(connection, view: str) -> int:
    return connection.execute(f"select count(*) from {view}").fetchone()[0]


def wait_for_rows(connection, view: str, rows: int):
    deadline = time.monotonic() + 20
    while count(connection, view) != rows:
        assert time.monotonic() < deadline, f"{count(connection, view)} of {rows} rows in {view}"
        time.sleep(0.02)


def test_views_follow_reshards_and_kills(server, lab):
    with lab.connect() as connection:
        lab.create_views(connection)
    number = 0
    for shards in (6, 3, 5):
        lab.kinesis.update_stream_mode(StreamARN=STREAM_ARN, StreamModeDetails={"StreamMode": "PROVISIONED"})
        lab.kinesis.update_shard_count(StreamName=lab.STREAM, TargetShardCount=shards, ScalingType="UNIFORM_SCALING")
        lab.put_charges(range(number, number + 300))
        number += 300
        with lab.connect() as connection:
            connection.execute("REFRESH MATERIALIZED VIEW ev_station_data_extract")
            count = connection.execute("SELECT count(*), count(DISTINCT id) FROM ev_station_data_extract").fetchone()
            assert count == (number, number)
        server.kill()
        server.start()
        lab.kinesis = server.client("kinesis")
    metrics = urllib.request.urlopen(f"http://{server.addresses['console']}/metrics").read().decode()
    lags = [line for line in metrics.splitlines() if line.startswith("tidemill_view_lag_records{")]
    assert any('view="ev_station_data_extract"' in line and line.endswith(" 0") for line in lags), lags
