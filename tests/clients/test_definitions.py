"""What the query of a view over a stream may say, and what becomes of the view with its stream."""

import collections
from decimal import Decimal

import pytest
from test_views import EVENTS, GROUPS, becomes, event, rows, sql, value

__all__ = ["sql"]

PICKED = "json_extract_path_text(from_varbyte(kinesis_data, 'utf-8'), '{}')"
TEXTS = {
    "CASE WHEN {station}::int > 4 THEN 'hi' ELSE 'lo' END": lambda n: "hi" if n % 7 > 4 else "lo",
    "'source'": lambda n: "source",
    "replace({station}, '1', 'one')": lambda n: "one" if n % 7 == 1 else str(n % 7),
    "split_part({kwh}, '.', 2)": lambda n: "25",
    "NULL": lambda n: None,
}


@pytest.mark.serve("--flush-interval", "100ms")
def test_a_grouped_view_may_have_any_text(lab, sql):
    """The engine has several types for a text; what is stored has one."""
    for place, expression in enumerate(TEXTS):
        text = expression.format(station=PICKED.format("station"), kwh=PICKED.format("kwh"))
        sql.execute(f"""CREATE MATERIALIZED VIEW texts_{place} AS SELECT {text} AS k, max({text}) AS most, count(*) AS n
            FROM evdata.ev_stream_data GROUP BY 1""")
        sql.execute(f"CREATE MATERIALIZED VIEW most_{place} AS SELECT max({text}) AS most, min({text}) AS least FROM evdata.ev_stream_data")
    for start in (0, 50):
        lab.put([event(number) for number in range(start, start + 50)])
        for place in range(len(TEXTS)):
            sql.execute(f"REFRESH MATERIALIZED VIEW texts_{place}")
            sql.execute(f"REFRESH MATERIALIZED VIEW most_{place}")
            sql.execute(f"ANALYZE texts_{place}")
            sql.execute(f"ANALYZE most_{place}")
    lab.server.stop()
    lab.server.start()
    with lab.connect() as again:
        for place, text in enumerate(TEXTS.values()):
            counts = collections.Counter(text(number) for number in range(100))
            wanted = sorted(((k, k, n) for k, n in counts.items()), key=str)
            assert sorted(rows(again, f"SELECT k, most, n FROM texts_{place}"), key=str) == wanted
            ends = (max(counts), min(counts)) if None not in counts else (None, None)
            assert rows(again, f"SELECT most, least FROM most_{place}") == [ends]


def test_groups_outlive_their_stream(lab, sql):
    sql.execute(f"CREATE MATERIALIZED VIEW stations AS {GROUPS} GROUP BY 1")
    lab.put([event(number) for number in range(20)])
    sql.execute("REFRESH MATERIALIZED VIEW stations")
    before = rows(sql, "SELECT * FROM stations ORDER BY 1")
    lab.kinesis.delete_stream(StreamName=lab.STREAM)
    lab.kinesis.get_waiter("stream_not_exists").wait(StreamName=lab.STREAM)
    lab.server.stop()
    lab.server.start()
    with lab.connect() as again:
        assert rows(again, "SELECT * FROM stations ORDER BY 1") == before and len(before) == 7


def test_a_view_goes_on_with_a_new_stream_of_the_name(lab, sql):
    sql.execute(EVENTS.format(options="AUTO REFRESH YES"))
    lab.put([event(1)])
    becomes(sql, "SELECT station FROM events", [(1,)])
    lab.kinesis.delete_stream(StreamName=lab.STREAM)
    lab.kinesis.get_waiter("stream_not_exists").wait(StreamName=lab.STREAM)
    lab.kinesis.create_stream(StreamName=lab.STREAM, ShardCount=1)
    lab.kinesis.get_waiter("stream_exists").wait(StreamName=lab.STREAM)
    lab.put([event(2)])
    becomes(sql, "SELECT station FROM events ORDER BY 1", [(1,), (2,)])


@pytest.mark.parametrize("condition", [
    "can_json_parse(kinesis_data) AND {station}::int > 4",
    "can_json_parse(kinesis_data) AND {station} = '5' AND {kwh}::float > 10",
    "{station}::int > 4 AND can_json_parse(kinesis_data)",
    "{station}::int BETWEEN 5 AND 6 AND {station}::int > 4 AND can_json_parse(kinesis_data)",
])
def test_a_condition_guards_those_after_it(lab, sql, condition):
    condition = condition.format(station=PICKED.format("station"), kwh=PICKED.format("kwh"))
    sql.execute(f"CREATE MATERIALIZED VIEW guarded AS SELECT {PICKED.format('station')} AS s FROM evdata.ev_stream_data WHERE {condition}")
    lab.put(["no JSON", *(event(number) for number in range(20)), "{"])
    sql.execute("REFRESH MATERIALIZED VIEW guarded")
    wanted = [number % 7 for number in range(20) if (number % 7 == 5 and number > 9 if "float" in condition else number % 7 > 4)]
    assert rows(sql, "SELECT s::int FROM guarded ORDER BY 1") == [(station,) for station in sorted(wanted)]


def test_a_condition_guards_those_before_it_in_stored_rows_too(sql):
    sql.execute("CREATE TABLE raw (x varchar(200))")
    sql.execute("""INSERT INTO raw VALUES ('no JSON'), ('{"n":6}'), ('{"n":5}')""")
    number = "json_extract_path_text(x, 'n')::int"
    assert value(sql, f"SELECT count(*) FROM raw WHERE {number} > 5 AND {number} < 9 AND can_json_parse(x)") == 1


def test_what_a_condition_has_looked_at_is_not_made_again(sql):
    sql.execute("CREATE TABLE few AS SELECT 1 AS i UNION ALL SELECT 2 UNION ALL SELECT 5")
    drawn = "(SELECT random() AS r, 10 / i AS x FROM (SELECT a.i FROM few a CROSS JOIN few b CROSS JOIN few c CROSS JOIN few d LIMIT 80) s) q"
    least = value(sql, f"SELECT min(r) FROM (SELECT r, x FROM {drawn} LIMIT 1000) p WHERE r > 0.5")
    assert least > 0.5


def test_a_subquery_guards_the_query_around_it(lab, sql):
    sql.execute("""CREATE MATERIALIZED VIEW guarded AS SELECT p.station::int AS s FROM
        (SELECT json_parse(kinesis_data) AS p FROM evdata.ev_stream_data WHERE can_json_parse(kinesis_data)) z WHERE p.station::int > 5""")
    lab.put(["no JSON", event(5), event(6)])
    sql.execute("REFRESH MATERIALIZED VIEW guarded")
    assert rows(sql, "SELECT s FROM guarded") == [(6,)]


def test_a_condition_that_is_never_true_leaves_nothing(lab, sql):
    sql.execute("CREATE MATERIALIZED VIEW nothing AS SELECT partition_key FROM evdata.ev_stream_data WHERE 1 = 0")
    sql.execute("CREATE MATERIALIZED VIEW none AS SELECT count(*) AS n, max(partition_key) AS k FROM evdata.ev_stream_data WHERE NULL")
    lab.put([event(1)])
    for view, wanted in (("nothing", []), ("none", [(0, None)])):
        sql.execute(f"REFRESH MATERIALIZED VIEW {view}")
        sql.execute(f"ANALYZE {view}")
        assert rows(sql, f"SELECT * FROM {view}") == wanted


def test_one_value_may_be_cast_to_several_types(lab, sql):
    kwh = PICKED.format("kwh")
    sql.execute(f"""CREATE MATERIALIZED VIEW casts AS SELECT {PICKED.format("station")}::int AS s, sum({kwh}::float) AS f,
        sum({kwh}::decimal(10,2)) AS d FROM evdata.ev_stream_data GROUP BY 1 HAVING sum({kwh}::decimal(10,0)) > 1""")
    lab.put([event(number) for number in range(3)])
    sql.execute("REFRESH MATERIALIZED VIEW casts")
    assert rows(sql, "SELECT * FROM casts ORDER BY 1") == [(2, 2.25, Decimal("2.25"))]
    assert rows(sql, "SELECT s::smallint, s::varchar, s FROM casts GROUP BY s::smallint, s::varchar, s") == [(2, "2", 2)]
    assert rows(sql, "SELECT max(s::int) AS a, max(s) AS b, sum(s::float) OVER () AS c FROM casts GROUP BY s") == [(2, 2, 2.0)]
