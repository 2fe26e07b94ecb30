"""Materialized views: over streams, over tables, over each other; what becomes of bad records; what an operator sees."""

import concurrent.futures
import json
import subprocess
import time
from decimal import Decimal

import psycopg
import pytest
from server import BINARY, PASSWORD, Lab, lab_statements
from test_errors import failed

EVENTS = """CREATE MATERIALIZED VIEW events {options} AS
SELECT sequence_number, json_extract_path_text(from_varbyte(kinesis_data, 'utf-8'), 'station', true)::int AS station,
json_extract_path_text(from_varbyte(kinesis_data, 'utf-8'), 'kwh', true)::decimal(10,2) AS kwh FROM evdata."ev_stream_data" """
GROUPS = """SELECT json_extract_path_text(from_varbyte(kinesis_data, 'utf-8'), 'station', true)::int AS station,
count(*) AS n, sum(json_extract_path_text(from_varbyte(kinesis_data, 'utf-8'), 'kwh', true)::decimal(10,2)) AS kwh,
min(json_extract_path_text(from_varbyte(kinesis_data, 'utf-8'), 'kwh', true)::decimal(10,2)) AS least,
max(json_extract_path_text(from_varbyte(kinesis_data, 'utf-8'), 'kwh', true)::decimal(10,2)) AS most,
avg(json_extract_path_text(from_varbyte(kinesis_data, 'utf-8'), 'kwh', true)::decimal(10,2)) AS mean
FROM evdata."ev_stream_data" """


def event(number: int) -> str:
    return json.dumps({"station": number % 7, "kwh": f"{number % 100}.25"})


@pytest.fixture
def sql(lab):
    with lab.connect() as connection:
        connection.execute(lab_statements("1-external-schema")[0])
        yield connection


def rows(sql, query: str) -> list[tuple]:
    return sql.execute(query).fetchall()


def value(sql, query: str):
    return sql.execute(query).fetchone()[0]


def notices(sql) -> list[str]:
    heard = []
    sql.add_notice_handler(lambda notice: heard.append(notice.message_primary))
    return heard


def becomes(sql, query: str, wanted):
    deadline = time.monotonic() + 60
    while (seen := rows(sql, query)) != wanted:
        assert time.monotonic() < deadline, f"{seen} is not {wanted}"
        time.sleep(0.01)


def test_a_grouped_view_over_a_stream_is_kept_from_new_records_alone(lab, sql):
    sql.execute(EVENTS.format(options=""))
    sql.execute(f"CREATE MATERIALIZED VIEW stations SORTKEY(station) AS {GROUPS} GROUP BY 1 HAVING count(*) > 1")
    whole = """SELECT station, count(*), sum(kwh), min(kwh), max(kwh), avg(kwh) FROM events
        GROUP BY 1 HAVING count(*) > 1 ORDER BY 1"""
    for first in range(0, 300, 100):
        lab.put([event(number) for number in range(first, first + 100)])
        sql.execute("REFRESH MATERIALIZED VIEW events")
        sql.execute("REFRESH MATERIALIZED VIEW stations")
        assert rows(sql, "SELECT station, n, kwh, least, most, mean FROM stations ORDER BY 1") == rows(sql, whole)
        sql.execute("ANALYZE stations")
    sql.execute("VACUUM stations")
    assert rows(sql, "SELECT station, n, kwh, least, most, mean FROM stations ORDER BY 1") == rows(sql, whole)
    assert rows(sql, "SELECT n FROM stations WHERE station = 3") == rows(sql, "SELECT count(*) FROM events WHERE station = 3")
    lab.server.kill()
    lab.server.start()
    with lab.connect() as again:
        assert rows(again, "SELECT station, n, kwh, least, most, mean FROM stations ORDER BY 1") == rows(again, whole)


def test_a_count_without_groups_has_one_row(lab, sql):
    sql.execute("CREATE MATERIALIZED VIEW totals AUTO REFRESH YES AS SELECT count(*) AS n, max(sequence_number) AS last FROM evdata.ev_stream_data")
    assert rows(sql, "SELECT * FROM totals") == [(0, None)]
    last = lab.put([event(1), event(2)])[-1]["SequenceNumber"]
    lab.put([event(3)])
    becomes(sql, "SELECT n FROM totals", [(3,)])
    assert value(sql, "SELECT last FROM totals") >= last


def test_what_redshift_refuses_over_a_stream_is_refused(lab, sql):
    lab.kinesis.create_stream(StreamName="other", ShardCount=1)
    stream = 'evdata."ev_stream_data"'
    for query, reason in (
        (f"SELECT * FROM {stream} s JOIN evdata.other o ON s.partition_key = o.partition_key", "exactly one stream"),
        (f"SELECT * FROM {stream} ORDER BY 1", "ORDER BY"),
        (f"SELECT * FROM {stream} LIMIT 5", "LIMIT"),
        (f"SELECT DISTINCT partition_key FROM {stream}", "DISTINCT"),
        (f"SELECT count(DISTINCT partition_key) FROM {stream}", "DISTINCT aggregate"),
        (f"SELECT row_number() OVER (ORDER BY sequence_number) FROM {stream}", "window function"),
        (f"SELECT partition_key FROM {stream} UNION ALL SELECT partition_key FROM {stream}", "exactly one stream"),
        (f"SELECT partition_key FROM {stream} WHERE partition_key IN (SELECT 'a')", "subquery"),
        (f"SELECT getdate() AS now, partition_key FROM {stream}", "mutable function"),
        (f"SELECT current_time AS now, partition_key FROM {stream}", "mutable function"),
        (f"SELECT partition_key FROM {stream} WHERE partition_key = current_user", "current_user, which depends on who asks"),
    ):
        error = failed(sql, f"CREATE MATERIALIZED VIEW refused AS {query}")
        assert error.sqlstate == "0A000" and reason in str(error), (query, error)


def test_a_view_with_the_time_is_computed_anew_at_each_refresh(sql):
    sql.execute("CREATE TABLE visits (visit int, at timestamp)")
    sql.execute("INSERT INTO visits VALUES (1, '2020-01-01'), (2, '2999-01-01')")
    query = "SELECT visit, getdate() AS seen, current_date AS today FROM visits WHERE at < sysdate"
    sql.execute(f"CREATE MATERIALIZED VIEW past AS {query}")
    sql.execute("CREATE MATERIALIZED VIEW named AS SELECT visit, getdate(), sysdate, current_time, random() FROM visits")
    columns = sql.execute("SELECT * FROM named").description
    assert [column.name for column in columns] == ["visit", "getdate", "sysdate", "current_time", "random"]
    assert value(sql, "SELECT state FROM svv_mv_info WHERE name = 'named'") == 0
    before = value(sql, "SELECT max(seen) FROM past")
    assert rows(sql, "SELECT visit, today = current_date FROM past") == [(1, True)]
    assert value(sql, "SELECT state FROM svv_mv_info WHERE name = 'past'") == 0
    becomes(sql, "SELECT getdate() > max(seen) FROM past", [(True,)])
    sql.execute("REFRESH MATERIALIZED VIEW past")
    assert value(sql, "SELECT min(seen) FROM past") > before
    for refused in (f"CREATE MATERIALIZED VIEW itself AUTO REFRESH YES AS {query}", "ALTER MATERIALIZED VIEW past AUTO REFRESH YES"):
        error = failed(sql, refused)
        assert error.sqlstate == "0A000" and "mutable function cannot refresh itself" in str(error)


def test_a_column_may_have_the_name_of_a_function_of_the_time(sql):
    sql.execute("CREATE TABLE moments (now timestamp, getdate int)")
    sql.execute("INSERT INTO moments VALUES ('2020-01-01', 1), ('2021-01-01', 2)")
    assert rows(sql, "SELECT getdate FROM moments WHERE now < '2020-06-01'") == [(1,)]
    assert sql.execute("DELETE FROM moments WHERE now > '2020-06-01'").rowcount == 1
    assert rows(sql, "SELECT getdate, now < now() FROM moments") == [(1, True)]


def test_a_view_is_read_while_its_owner_may_read_what_it_reads(lab, sql):
    sql.execute("CREATE USER bob PASSWORD 'Bobs-Passw0rd'")
    sql.execute("CREATE SCHEMA bobs AUTHORIZATION bob")
    sql.execute("CREATE TABLE base (n int)")
    sql.execute("GRANT SELECT ON base TO bob")
    with lab.connect(user="bob", password="Bobs-Passw0rd") as bob:
        bob.execute("CREATE MATERIALIZED VIEW bobs.numbers AUTO REFRESH YES AS SELECT n FROM base")
        sql.execute("INSERT INTO base VALUES (1)")
        assert rows(bob, "SELECT * FROM bobs.numbers") == [(1,)]
        sql.execute("REVOKE SELECT ON base FROM bob")
        for query in ("REFRESH MATERIALIZED VIEW bobs.numbers", "SELECT * FROM bobs.numbers"):
            assert "permission denied for relation base" in str(failed(bob, query))
        assert "permission denied for relation base" in str(failed(sql, "SELECT * FROM bobs.numbers"))
        sql.execute("ALTER TABLE base OWNER TO bob")
        assert rows(sql, "SELECT * FROM bobs.numbers") == [(1,)]


def test_an_operator_sees_how_far_a_view_is_behind(lab, sql):
    sql.execute(EVENTS.format(options=""))
    lab.put([event(number) for number in range(10)])
    lag = "SELECT trim(schema_name), trim(mv_name), trim(stream_name), count(DISTINCT shard_id), sum(records_behind) FROM tidemill_view_lag GROUP BY 1, 2, 3"
    shards = len(lab.kinesis.list_shards(StreamName=lab.STREAM)["Shards"])
    assert rows(sql, lag) == [("public", "events", lab.STREAM, shards, 10)]
    sql.execute("REFRESH MATERIALIZED VIEW events")
    assert rows(sql, lag) == [("public", "events", lab.STREAM, shards, 0)]
    sql.execute("CREATE MATERIALIZED VIEW stations AS SELECT DISTINCT station FROM events")
    for view in ("events", "stations"):
        sql.execute(f"REFRESH MATERIALIZED VIEW {view}")
    states = "SELECT trim(mv_name), trim(status) FROM svl_mv_refresh_status ORDER BY starttime DESC LIMIT 2"
    assert rows(sql, states) == [
        ("stations", "MV was already updated"),
        ("events", "Refresh successfully updated MV incrementally. Stream returned no new data"),
    ]


def test_rows_purged_from_a_view_do_not_come_back(lab, sql):
    sql.execute(EVENTS.format(options=""))
    lab.put([event(number) for number in range(100)])
    sql.execute("REFRESH MATERIALIZED VIEW events")
    assert sql.execute("DELETE FROM events WHERE station < 3").rowcount == 44
    sql.execute("CREATE TABLE gone (station int)")
    sql.execute("INSERT INTO gone VALUES (3), (4)")
    assert sql.execute("DELETE FROM events USING gone WHERE events.station = gone.station").rowcount == 28
    assert rows(sql, "SELECT DISTINCT station FROM events ORDER BY 1") == [(5,), (6,)]
    assert "to itself" in str(failed(sql, "ALTER TABLE gone APPEND FROM gone"))
    lab.put([event(0)])
    sql.execute("REFRESH MATERIALIZED VIEW events")
    assert rows(sql, "SELECT station, count(*) FROM events GROUP BY 1 ORDER BY 1") == [(0, 1), (5, 14), (6, 14)]
    sql.execute("TRUNCATE events")
    assert value(sql, "SELECT count(*) FROM events") == 0
    lab.server.kill()
    lab.server.start()
    lab.kinesis = lab.server.client("kinesis")
    lab.put([event(1)])
    with lab.connect() as again:
        again.execute("REFRESH MATERIALIZED VIEW events")
        assert rows(again, "SELECT station FROM events") == [(1,)]


def test_rows_are_moved_from_a_view_into_a_table(lab, sql):
    sql.execute(EVENTS.format(options=""))
    sql.execute("CREATE TABLE kept (kwh decimal(10,2), station int, sequence_number varchar(128), note varchar(10))")
    lab.put([event(number) for number in range(20)])
    sql.execute("REFRESH MATERIALIZED VIEW events")
    assert failed(sql, "ALTER TABLE kept APPEND FROM events").sqlstate == "42804"
    sql.execute("ALTER TABLE kept APPEND FROM events FILLTARGET")
    assert rows(sql, "SELECT count(*), sum(kwh), count(note) FROM kept") == [(20, sum(n + 0 for n in range(20)) + 5, 0)]
    assert value(sql, "SELECT count(*) FROM events") == 0


def test_a_chain_from_stream_to_aggregate_stays_fresh_by_itself(lab, sql):
    sql.execute(EVENTS.format(options="AUTO REFRESH YES"))
    sql.execute("CREATE TABLE names (station int, name varchar(20))")
    sql.execute("INSERT INTO names VALUES (1, 'one'), (2, 'two'), (5, 'five')")
    sql.execute("""CREATE MATERIALIZED VIEW named AUTO REFRESH YES AS
        SELECT name, kwh FROM events JOIN names ON events.station = names.station WHERE kwh > 1""")
    sql.execute("CREATE MATERIALIZED VIEW usage AUTO REFRESH YES AS SELECT name, count(*) AS n, sum(kwh) AS kwh FROM named GROUP BY name")
    sql.execute("CREATE MATERIALIZED VIEW ranked AUTO REFRESH YES AS SELECT name, rank() OVER (ORDER BY n DESC) AS place FROM usage")
    states = dict(rows(sql, "SELECT name, state FROM svv_mv_info"))
    assert {name.strip(): state for name, state in states.items()} == {"events": 1, "named": 1, "usage": 1, "ranked": 0}
    plan = [line for (line,) in rows(sql, "EXPLAIN REFRESH MATERIALIZED VIEW ranked")]
    assert plan[0] == "Full recomputation, because the query has a window function of ranked"
    whole = """SELECT name, count(*) AS n, sum(kwh) AS kwh FROM events JOIN names ON events.station = names.station
        WHERE kwh > 1 GROUP BY name ORDER BY name"""
    for first in range(0, 300, 100):
        lab.put([event(number) for number in range(first, first + 100)])
        becomes(sql, "SELECT count(*) FROM events", [(first + 100,)])
        assert rows(sql, "SELECT * FROM usage ORDER BY name") == rows(sql, whole)
        if first == 100:
            for view in ("events", "named", "usage"):
                sql.execute(f"REFRESH MATERIALIZED VIEW {view}")
            assert rows(sql, "SELECT * FROM usage ORDER BY name") == rows(sql, whole)
            sql.execute("INSERT INTO names VALUES (6, 'six')")
            assert rows(sql, "SELECT * FROM usage ORDER BY name") == rows(sql, whole)
    becomes(sql, "SELECT count(*) FROM ranked", [(4,)])
    sql.execute("DELETE FROM names WHERE name = 'six'")
    becomes(sql, "SELECT name FROM usage ORDER BY name", [("five",), ("one",), ("two",)])
    assert rows(sql, "SELECT * FROM usage ORDER BY name") == rows(sql, whole)


def test_a_live_view_shows_at_once_that_rows_are_gone(sql):
    sql.execute("CREATE TABLE readings AS SELECT 1 AS k, 2.50::decimal(8,2) AS p UNION ALL SELECT 2, 4.00")
    sql.execute("CREATE MATERIALIZED VIEW live AUTO REFRESH YES AS SELECT k, p FROM readings WHERE k > 0")
    sql.execute("CREATE MATERIALIZED VIEW sums AUTO REFRESH YES AS SELECT k % 10 AS m, sum(p) AS p, count(*) AS n FROM live GROUP BY 1")
    sql.execute("INSERT INTO readings VALUES (11, 1.00), (3, 9.00), (13, 0.50)")
    assert rows(sql, "SELECT * FROM sums ORDER BY m") == [(1, Decimal("3.50"), 2), (2, Decimal("4.00"), 1), (3, Decimal("9.50"), 2)]
    sql.execute("DELETE FROM readings WHERE k IN (2, 3)")
    for statement in ("SELECT 1", "INSERT INTO readings VALUES (1, 1.00)", "DELETE FROM readings WHERE k = 13"):
        sql.execute(statement)
        wanted = rows(sql, "SELECT k % 10, sum(p), count(*) FROM readings GROUP BY 1 ORDER BY 1")
        assert rows(sql, "SELECT * FROM sums ORDER BY m") == wanted
        assert value(sql, "SELECT count(*) FROM live") == sum(row[2] for row in wanted)
    becomes(sql, "SELECT count(*) FROM svv_mv_info WHERE is_stale = 't'", [(0,)])


def test_a_view_that_is_computed_anew_follows_a_live_one(sql):
    sql.execute("CREATE TABLE sold AS SELECT 1::int AS k, 1::int AS n")
    sql.execute("CREATE MATERIALIZED VIEW sums AUTO REFRESH YES AS SELECT k, sum(n) AS n FROM sold GROUP BY k")
    sql.execute("CREATE MATERIALIZED VIEW total AUTO REFRESH YES AS SELECT sum(n) AS n FROM sums WHERE n > 0")
    sql.execute("INSERT INTO sold VALUES (1, 10), (2, 5)")
    becomes(sql, "SELECT n FROM total", [(16,)])


def test_a_value_that_a_live_view_fails_on_leaves_it_readable(lab, sql):
    sql.execute("CREATE TABLE sides AS SELECT 5::int AS a")
    sql.execute("CREATE MATERIALIZED VIEW squares AUTO REFRESH YES AS SELECT a, a * a AS q FROM sides")
    sql.execute("INSERT INTO sides VALUES (50000)")
    failed = "SELECT trim(status) FROM svl_mv_refresh_status WHERE trim(mv_name) = 'squares' AND status LIKE 'Refresh failed%' LIMIT 1"
    becomes(sql, failed, [("Refresh failed. integer out of range",)])
    assert rows(sql, "SELECT * FROM squares") == [(5, 25)]
    assert value(sql, "SELECT trim(is_stale) FROM svv_mv_info WHERE trim(name) = 'squares'") == "t"
    sql.execute("DELETE FROM sides WHERE a = 50000")
    sql.execute("INSERT INTO sides VALUES (6)")
    becomes(sql, "SELECT q FROM squares ORDER BY 1", [(25,), (36,)])


def test_what_a_filter_leaves_out_is_not_computed(lab, sql):
    sql.execute("""CREATE MATERIALIZED VIEW sides AS SELECT json_extract_path_text(from_varbyte(kinesis_data, 'utf-8'), 'a', true)::int AS a, partition_key
        FROM evdata.ev_stream_data""")
    lab.put(['{"a":2}', '{"a":2000000000}'])
    sql.execute("REFRESH MATERIALIZED VIEW sides")
    for _ in ("in memory", "in files"):
        assert rows(sql, "SELECT a, a * a FROM sides WHERE a < 5") == [(2, 4)]
        assert value(sql, "SELECT q FROM (SELECT a, a * a AS q FROM sides WHERE a < 5) s WHERE q > 3") == 4
        sql.execute("ANALYZE sides")


def test_refreshes_cascade_in_order_and_tell_what_they_did(lab, sql):
    heard = notices(sql)
    sql.execute(EVENTS.format(options=""))
    sql.execute("CREATE MATERIALIZED VIEW twice AS SELECT station, kwh * 2 AS kwh FROM events")
    sql.execute("CREATE MATERIALIZED VIEW total AS SELECT sum(kwh) AS kwh FROM twice")
    lab.put([event(number) for number in range(10)])
    sql.execute("REFRESH MATERIALIZED VIEW twice")
    assert heard == [
        "Materialized view twice is already up to date. However, it depends on another materialized view that is not up to date."
    ]
    assert rows(sql, "SELECT name, is_stale FROM svv_mv_info WHERE trim(name) = 'events'")[0][1] == "t"
    sql.execute("REFRESH MATERIALIZED VIEW total CASCADE")
    assert value(sql, "SELECT kwh FROM total") == 2 * (45 + 2.5)
    assert heard[-1] == "Materialized view total was incrementally updated successfully."
    sql.execute("REFRESH MATERIALIZED VIEW total")
    assert heard[-1] == "Materialized view total is already up to date."
    order = [name.strip() for (name,) in rows(sql, "SELECT mv_name FROM sys_mv_refresh_history WHERE status LIKE 'Refresh successfully updated MV incrementally' ORDER BY transaction_id")]
    assert order == ["events", "twice", "total"]


def test_views_hold_on_to_what_they_read(lab, sql):
    sql.execute(EVENTS.format(options=""))
    sql.execute("CREATE MATERIALIZED VIEW top AS SELECT station FROM events")
    deps = rows(sql, "SELECT trim(name), trim(ref_name) FROM stv_mv_deps ORDER BY 1")
    assert deps == [("events", "ev_stream_data"), ("top", "events")]
    assert failed(sql, "DROP MATERIALIZED VIEW events").sqlstate == "2BP01"
    assert failed(sql, "DROP MATERIALIZED VIEW events RESTRICT").sqlstate == "2BP01"
    assert failed(sql, "CREATE OR REPLACE MATERIALIZED VIEW events AS SELECT 1 AS one FROM evdata.ev_stream_data").sqlstate == "2BP01"
    sql.execute("DROP MATERIALIZED VIEW events CASCADE")
    assert rows(sql, "SELECT name FROM svv_mv_info") == []


def test_a_bad_record_fails_the_refresh_or_is_set_aside_alone(lab, sql):
    sql.execute(EVENTS.format(options=""))
    records = [event(number) for number in range(1000)]
    bad = {17: '{"station": "1", "kwh": "x"}', 500: '{"station": "y", "kwh": "1"}', 999: '{"station": 1, "kwh": "1e9"}'}
    for place, record in bad.items():
        records[place] = record
    given = [number for first in (0, 500) for number in lab.put(records[first:first + 500])]
    error = failed(sql, "REFRESH MATERIALIZED VIEW events")
    assert error.sqlstate in ("22P02", "22003")
    assert value(sql, "SELECT count(*) FROM events") == 0
    assert value(sql, "SELECT status FROM svl_mv_refresh_status").startswith("Refresh failed.")
    assert failed(sql, "SET streaming_error_mode TO 'some'").sqlstate == "22023"
    sql.execute("SET streaming_error_mode TO 'skip'")
    sql.execute("REFRESH MATERIALIZED VIEW events")
    assert value(sql, "SELECT count(*) FROM events") == 997
    wanted = sorted((given[place]["SequenceNumber"], record) for place, record in bad.items())
    errors = rows(sql, "SELECT position, error_code, error_reason FROM sys_stream_scan_errors ORDER BY position")
    assert [(position.strip(), code) for position, code, _ in errors] == [(number, 2) for number, _ in wanted]
    assert all(reason.strip() for _, _, reason in errors)
    letters = "SELECT sequence_number, from_varbyte(kinesis_data, 'utf-8') FROM tidemill_dead_letters ORDER BY 1"
    assert rows(sql, letters) == wanted
    assert rows(sql, "SELECT sum(scanned_rows), sum(skipped_rows) FROM sys_stream_scan_states") == [(1000, 3)]
    assert value(sql, "SELECT count(*) FROM svl_mv_refresh_status WHERE status LIKE '%Some stream records were skipped'") == 1
    lab.server.kill()
    lab.server.start()
    with lab.connect() as again:
        assert rows(again, letters) == wanted and value(again, "SELECT count(*) FROM events") == 997
        again.execute("REFRESH MATERIALIZED VIEW events")
        assert rows(again, letters) == wanted and value(again, "SELECT count(*) FROM events") == 997


def test_the_error_mode_of_a_user_or_the_cluster_holds_for_automatic_refresh(lab, sql):
    sql.execute("ALTER SYSTEM SET streaming_error_mode TO skip")
    sql.execute(EVENTS.format(options="AUTO REFRESH YES"))
    lab.put([event(1), '{"kwh": "x"}', event(2)])
    becomes(sql, "SELECT count(*) FROM events", [(2,)])
    assert value(sql, "SELECT count(*) FROM tidemill_dead_letters") == 1
    sql.execute("ALTER USER awsuser SET streaming_error_mode TO fail")
    lab.put(['{"kwh": "x"}'])
    becomes(sql, "SELECT count(*) > 0 FROM svl_mv_refresh_status WHERE status LIKE 'Refresh failed%' AND trim(refresh_type) = 'Auto'", [(True,)])
    sql.execute("ALTER USER awsuser RESET streaming_error_mode")
    becomes(sql, "SELECT count(*) FROM tidemill_dead_letters", [(2,)])


def test_a_partition_key_too_long_for_its_column_is_always_set_aside(lab, sql):
    sql.execute("CREATE MATERIALIZED VIEW keys AS SELECT partition_key FROM evdata.ev_stream_data")
    sql.execute("CREATE MATERIALIZED VIEW bodies AS SELECT kinesis_data FROM evdata.ev_stream_data")
    lab.kinesis.put_record(StreamName=Lab.STREAM, Data=b"x", PartitionKey="ä" * 200)
    lab.kinesis.put_record(StreamName=Lab.STREAM, Data=b"x", PartitionKey="ä" * 128)
    for view in ("keys", "bodies"):
        sql.execute(f"REFRESH MATERIALIZED VIEW {view}")
    assert value(sql, "SELECT count(*) FROM keys") == 1 and value(sql, "SELECT count(*) FROM bodies") == 2
    assert rows(sql, "SELECT trim(mv_name), error_code FROM sys_stream_scan_errors") == [("keys", 1)]


def test_privileges_are_asked_for(lab, sql):
    sql.execute(EVENTS.format(options=""))
    lab.put([event(1)])
    sql.execute("REFRESH MATERIALIZED VIEW events")
    sql.execute(f"CREATE USER analyst PASSWORD '{PASSWORD}'")
    assert failed(sql, f"CREATE USER analyst PASSWORD '{PASSWORD}'").sqlstate == "42710"
    assert failed(sql, "CREATE USER weak PASSWORD 'short'").sqlstate == "22023"
    with lab.connect(user="analyst") as analyst:
        for denied in (
            "SELECT * FROM events", "REFRESH MATERIALIZED VIEW events", "DROP MATERIALIZED VIEW events",
            "ALTER MATERIALIZED VIEW events AUTO REFRESH YES", "TRUNCATE events", "CREATE USER x PASSWORD DISABLE",
            "CREATE MATERIALIZED VIEW mine AS SELECT * FROM evdata.ev_stream_data", "CREATE SCHEMA mine",
            "GRANT SELECT ON events TO analyst", "VACUUM events",
        ):
            assert failed(analyst, denied).sqlstate == "42501", denied
        sql.execute("GRANT SELECT ON events TO analyst")
        assert value(analyst, "SELECT count(*) FROM events") == 1
        assert failed(analyst, "TRUNCATE events").sqlstate == "42501"
        sql.execute("REVOKE SELECT ON events FROM analyst")
        sql.execute("GRANT ALL ON events TO PUBLIC")
        assert analyst.execute("DELETE FROM events").rowcount == 1
        sql.execute("ALTER MATERIALIZED VIEW events OWNER TO analyst")
        analyst.execute("REFRESH MATERIALIZED VIEW events")
        assert failed(sql, "DROP USER analyst").sqlstate == "2BP01"
        analyst.execute("DROP MATERIALIZED VIEW events")
    sql.execute("DROP USER analyst")
    with pytest.raises(psycopg.OperationalError):
        lab.connect(user="analyst")


@pytest.mark.serve("--flush-interval", "50ms", "--history", "0s")
def test_storage_stays_healthy_by_itself(lab, sql):
    sql.execute(EVENTS.format(options="SORTKEY(station) AUTO REFRESH YES"))
    sql.execute(f"CREATE MATERIALIZED VIEW stations AUTO REFRESH YES AS {GROUPS} GROUP BY 1")
    for number in range(60):
        lab.put([event(number)])
        becomes(sql, "SELECT count(*) FROM events", [(number + 1,)])
        time.sleep(0.05)
    data = next((lab.server.data / "clusters").iterdir()) / "data" / "public"

    def files(view: str) -> int:
        return len(list((data / view).glob("*.parquet")))

    deadline = time.monotonic() + 60
    while files("events") >= 16 or files("stations") >= 16:
        assert time.monotonic() < deadline, (files("events"), files("stations"))
        time.sleep(0.05)
    sql.execute("VACUUM")
    assert (files("events"), files("stations")) == (1, 1)
    assert value(sql, "SELECT count(*) FROM events") == 60 and value(sql, "SELECT sum(n) FROM stations") == 60
    assert rows(sql, 'SELECT "table", tbl_rows, unsorted FROM svv_table_info ORDER BY 1') == [
        ("mv_tbl__events__0", 60, 0), ("mv_tbl__stations__0", 7, None),
    ]


def test_analyze_takes_all_that_redshift_takes(sql):
    sql.execute("CREATE TABLE measured AS SELECT 1 AS a, 2 AS b")
    forms = ["", "VERBOSE", "measured", "VERBOSE public.measured", "measured (a, b)", "measured PREDICATE COLUMNS", "measured (a) ALL COLUMNS", "PREDICATE COLUMNS"]
    assert {sql.execute(f"ANALYZE {form}").statusmessage for form in forms} == {"ANALYZE"}
    with pytest.raises(psycopg.errors.UndefinedColumn, match='column "c" of relation "measured" does not exist'):
        sql.execute("ANALYZE measured (a, c)")
    with pytest.raises(psycopg.errors.SyntaxError):
        sql.execute("ANALYZE measured a")


def test_the_past_can_be_read(lab, sql):
    sql.execute("CREATE TABLE t (a int)")
    sql.execute("INSERT INTO t VALUES (1)")
    time.sleep(0.01)
    then = value(sql, "SELECT sysdate")
    time.sleep(0.01)
    sql.execute("INSERT INTO t VALUES (2)")
    sql.execute("DELETE FROM t WHERE a = 1")
    assert rows(sql, f"SELECT a FROM t AT (TIMESTAMP '{then}')") == [(1,)]
    assert rows(sql, f"SELECT t.a, now.a FROM t AT (TIMESTAMP '{then}') JOIN t AS now ON now.a > t.a") == [(1, 2)]
    assert failed(sql, "SELECT a FROM t AT (SNAPSHOT 999)").sqlstate == "22023"
    assert 'relation "nowhere" does not exist' in str(failed(sql, "SELECT a FROM nowhere AT (SNAPSHOT 1)"))


def test_tail_prints_rows_as_they_arrive(lab, sql):
    sql.execute(EVENTS.format(options="AUTO REFRESH YES"))
    lab.put([event(0)])
    becomes(sql, "SELECT count(*) FROM events", [(1,)])
    command = [BINARY, "tail", "events", "--data", lab.server.data, "-n", "4"]
    environment = lab.server.environment() | {"PGPASSWORD": PASSWORD}
    with subprocess.Popen([str(part) for part in command], env=environment, stdout=subprocess.PIPE, text=True) as tail:
        given = []
        while tail.poll() is None:
            station, kwh = len(given) % 7, len(given) % 100
            given.append([lab.put([event(len(given))])[0]["SequenceNumber"], str(station), f"{kwh}.25"])
        heading, *lines = [line.split() for line in tail.stdout]
    assert heading == ["sequence_number", "station", "kwh"] and len(lines) == 4
    first = given.index(lines[0])
    assert lines == given[first:first + 4]
    assert failed(sql, "TAIL names").sqlstate == "42P01"


def test_a_refresh_ends_when_its_view_is_dropped(lab, sql):
    sql.execute(EVENTS.format(options=""))
    for first in range(0, 50_000, 500):
        lab.put([event(number) for number in range(first, first + 500)])
    with lab.connect() as other, concurrent.futures.ThreadPoolExecutor(1) as pool:
        refresh = pool.submit(failed, other, "REFRESH MATERIALIZED VIEW events")
        # Both end: the refresh is interrupted, or finds the view gone.
        sql.execute("DROP MATERIALIZED VIEW events")
        assert refresh.result().sqlstate in ("57014", "42P01")
    assert rows(sql, "SELECT name FROM svv_mv_info") == []


def test_a_view_means_what_it_meant_when_it_was_made(lab, sql):
    """Whatever the search path or the case rules of the session that refreshes it, and whatever else has its names."""
    sql.execute("CREATE TABLE orders (a int)")
    sql.execute("INSERT INTO orders VALUES (1)")
    sql.execute('CREATE SCHEMA "reports 1/x"')
    sql.execute('CREATE MATERIALIZED VIEW "reports 1/x"."../v%" AS SELECT count(*) AS n FROM orders WHERE a IN (SELECT a FROM orders)')
    sql.execute('CREATE TABLE "reports 1/x".orders (a int)')
    sql.execute("INSERT INTO orders VALUES (2)")
    sql.execute('REFRESH MATERIALIZED VIEW "reports 1/x"."../v%"')
    assert rows(sql, 'SELECT n FROM "reports 1/x"."../v%"') == [(2,)]
    data = next((lab.server.data / "clusters").iterdir()) / "data"
    assert {path.parent.parent.parent for path in data.rglob("*.parquet")} == {data}


def test_records_of_a_view_are_shown_to_its_readers_only(lab, sql):
    sql.execute(EVENTS.format(options=""))
    lab.put(['{"station": "secret"}'])
    sql.execute("SET streaming_error_mode TO skip")
    sql.execute("REFRESH MATERIALIZED VIEW events")
    sql.execute(f"CREATE USER analyst PASSWORD '{PASSWORD}'")
    with lab.connect(user="analyst") as analyst:
        for relation in ("tidemill_dead_letters", "sys_stream_scan_errors"):
            assert rows(analyst, f"SELECT * FROM {relation}") == []
        sql.execute("GRANT SELECT ON events TO analyst")
        assert value(analyst, "SELECT from_varbyte(kinesis_data, 'utf-8') FROM tidemill_dead_letters") == '{"station": "secret"}'
        sql.execute("ALTER USER analyst CREATEUSER")
        analyst.execute("BEGIN")
        sql.execute("ALTER USER analyst NOCREATEUSER")
        assert failed(analyst, "CREATE USER other PASSWORD DISABLE").sqlstate == "42501"
        analyst.execute("ROLLBACK")


def test_a_guarded_path_is_not_taken_where_its_text_is_no_json(lab, sql):
    sql.execute("""CREATE MATERIALIZED VIEW guarded AS SELECT
        CASE WHEN can_json_parse(kinesis_data) THEN json_extract_path_text(from_varbyte(kinesis_data, 'utf-8'), 'a') END AS a,
        CASE WHEN can_json_parse(kinesis_data) THEN json_extract_path_text(from_varbyte(kinesis_data, 'utf-8'), 'b') END AS b
        FROM evdata.ev_stream_data""")
    lab.put(['{"a": 1, "b": 2}', "no json"])
    sql.execute("REFRESH MATERIALIZED VIEW guarded")
    assert rows(sql, "SELECT a, b FROM guarded ORDER BY a") == [("1", "2"), (None, None)]


def test_the_past_of_a_column_without_known_nulls(lab, sql):
    sql.execute("CREATE TABLE t (a int)")
    sql.execute("INSERT INTO t VALUES (NULL), (1)")
    time.sleep(0.01)
    then = value(sql, "SELECT sysdate")
    assert rows(sql, f"SELECT count(*) FROM t AT (TIMESTAMP '{then}') WHERE a IS NULL") == [(1,)]


def test_a_view_is_fed_only_while_its_role_is_associated(lab, sql):
    sql.execute(EVENTS.format(options=""))
    redshift, cluster = lab.server.client("redshift"), {"ClusterIdentifier": "streaming-cluster"}
    redshift.modify_cluster_iam_roles(**cluster, RemoveIamRoles=[lab.ROLE])
    lab.put([event(1)])
    error = failed(sql, "REFRESH MATERIALIZED VIEW events")
    assert error.sqlstate == "42501" and "is not associated with cluster" in str(error)
    redshift.modify_cluster_iam_roles(**cluster, AddIamRoles=[lab.ROLE])
    sql.execute("REFRESH MATERIALIZED VIEW events")
    assert value(sql, "SELECT count(*) FROM events") == 1


def test_more_records_are_set_aside_than_one_refresh_holds(lab, sql):
    sql.execute(EVENTS.format(options=""))
    sql.execute("SET streaming_error_mode TO skip")
    padding = "x" * (9 << 20)
    lab.kinesis.update_max_record_size(StreamARN=f"arn:aws:kinesis:us-east-1:000000000000:stream/{lab.STREAM}", MaxRecordSizeInKiB=10240)
    for number in range(20):
        lab.kinesis.put_record(StreamName=lab.STREAM, Data=f'{{"station": "{padding}"}}'.encode(), PartitionKey=str(number))
        lab.put([event(number)])
    sql.execute("REFRESH MATERIALIZED VIEW events")
    assert value(sql, "SELECT count(*) FROM events") == 20
    assert rows(sql, "SELECT count(*), min(octet_length(kinesis_data)) > 9437184 FROM tidemill_dead_letters") == [(20, True)]
    scans = "SELECT sum(scanned_rows), sum(skipped_rows), count(*) = count(DISTINCT partition_id) FROM sys_stream_scan_states"
    assert rows(sql, scans) == [(40, 20, True)]
    assert lab.server.stop() == 0
    lab.server.start()
    with lab.connect() as again:
        assert rows(again, scans) == [(40, 20, True)] and value(again, "SELECT count(*) FROM events") == 20


def test_a_cascade_is_one_transaction(lab, sql):
    text = "from_varbyte(kinesis_data, 'utf-8')"
    sql.execute(f"CREATE MATERIALIZED VIEW texts AS SELECT {text} AS t FROM evdata.ev_stream_data")
    sql.execute("CREATE MATERIALIZED VIEW numbers AS SELECT t::int AS n FROM texts")
    sql.execute("CREATE MATERIALIZED VIEW total AS SELECT count(*) AS n, sum(n) AS sum FROM numbers")
    lab.put(["1", "2"])
    sql.execute("REFRESH MATERIALIZED VIEW total CASCADE")
    assert rows(sql, "SELECT * FROM total") == [(2, 3)]
    history = "SELECT trim(name), xid FROM svl_mv_refresh_status WHERE status LIKE '%successfully%' ORDER BY xid"
    assert [name for name, _ in rows(sql, history)] == ["texts", "numbers", "total"]
    lab.put(["3", "x"])
    assert failed(sql, "REFRESH MATERIALIZED VIEW total CASCADE").sqlstate == "22P02"
    assert rows(sql, "SELECT count(*) FROM texts") == [(2,)] and rows(sql, "SELECT * FROM total") == [(2, 3)]
    assert value(sql, "SELECT count(*) FROM svl_mv_refresh_status WHERE name = 'numbers' AND status LIKE 'Refresh failed%'") == 1
    # What the failed cascade had written is gone.
    assert len(list((lab.server.data / "clusters").glob("*/data/public/texts/*.parquet"))) == 1
    sql.execute("REFRESH MATERIALIZED VIEW texts")
    assert rows(sql, "SELECT count(*) FROM texts") == [(4,)]
    sql.execute("DELETE FROM texts WHERE t = 'x'")
    lab.put(["4"])
    sql.execute("REFRESH MATERIALIZED VIEW total CASCADE")
    assert rows(sql, "SELECT * FROM total") == [(4, 10)] and value(sql, "SELECT count(*) FROM texts") == 4
    lab.server.kill()
    lab.server.start()
    with lab.connect() as again:
        again.execute("REFRESH MATERIALIZED VIEW total CASCADE")
        assert rows(again, "SELECT * FROM total") == [(4, 10)]


def test_the_history_of_refreshes_outlives_the_server(lab, sql):
    sql.execute(EVENTS.format(options=""))
    lab.put([event(1)])
    sql.execute("REFRESH MATERIALIZED VIEW events")
    lab.put(['{"kwh": "x"}'])
    failed(sql, "REFRESH MATERIALIZED VIEW events")
    queries = [
        "SELECT trim(name), xid, status, starttime, endtime, trim(refresh_type) FROM svl_mv_refresh_status ORDER BY xid",
        "SELECT trim(mv_name), transaction_id, trim(partition_id), trim(latest_position), scanned_rows FROM sys_stream_scan_states",
    ]
    before = [rows(sql, query) for query in queries]
    assert [len(rows) for rows in before] == [2, 1]
    assert lab.server.stop() == 0
    lab.server.start()
    with lab.connect() as again:
        assert [rows(again, query) for query in queries] == before
        failed(again, "REFRESH MATERIALIZED VIEW events")
        assert value(again, "SELECT max(xid) FROM svl_mv_refresh_status") > before[0][-1][1]
