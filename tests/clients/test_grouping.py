"""Groups of rows, whatever they are grouped by and however many there are."""

from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal

import psycopg
import pytest
from test_views import rows, sql, value

__all__ = ["sql"]

COUNT = 100_000
# Of each type: an expression of a number, so that some numbers share a key.
KEYS = {
    "smallint": "(n % 500 - 250)::smallint",
    "int": "n % 500 - 250",
    "bigint": "(n % 500)::bigint * 4294967296000 - 250",
    "a number for each row": "n",
    "date": "'1969-06-01'::date + n % 500",
    "timestamp": "('1969-06-01'::date + n % 500)::timestamp + interval '1 minute'",
    "decimal": "((n % 500 - 250) / 8.0)::decimal(18,4)",
    "text": "'n' || (n % 500)",
}


@pytest.fixture
def numbers(sql):
    sql.execute("CREATE TABLE digits (d int)")
    sql.execute("INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)")
    sql.execute("""CREATE TABLE numbers AS SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d AS n
        FROM digits a CROSS JOIN digits b CROSS JOIN digits c CROSS JOIN digits d CROSS JOIN digits e""")
    return sql


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_groups_have_all_their_rows(numbers, key):
    key = f"CASE WHEN n % 500 <> 7 THEN {key} END"
    numbers.execute(f"CREATE TABLE keyed AS SELECT {key} AS k, n, CASE WHEN n % 3 = 0 THEN n END AS third FROM numbers")
    wanted = defaultdict(lambda: [0, 0, 0, 0, None])
    for k, n in rows(numbers, "SELECT k, n FROM keyed ORDER BY n"):
        group = wanted[k]
        group[0] += 1
        group[1] += n
        group[2] = n
        if n % 3 == 0:
            group[3] += 1
            group[4] = n if group[4] is None else group[4]
    query = "SELECT k, count(*), sum(n), max(n), count(third), min(third) FROM keyed GROUP BY k"
    assert {k: rest for k, *rest in rows(numbers, query)} == wanted
    assert sorted(map(str, wanted)) == sorted(str(k) for (k,) in rows(numbers, "SELECT DISTINCT k FROM keyed"))
    averages = rows(numbers, "SELECT k, avg(n), count(DISTINCT n % 10) FROM keyed GROUP BY k")
    assert {k: mean for k, mean, _ in averages} == {k: group[1] // group[0] for k, group in wanted.items()}


def test_rows_are_grouped_by_integers_where_they_can_be(numbers):
    explain = "EXPLAIN SELECT {key}, count(*) FROM numbers GROUP BY 1"
    for name, key in KEYS.items():
        plan = "\n".join(line for (line,) in rows(numbers, explain.format(key=key)))
        assert ("IntegerGroupsExec" in plan) == (name != "text"), f"{name}: {plan}"


def test_groups_of_decimals_are_those_of_their_values(sql):
    sql.execute("CREATE TABLE tariffs (price decimal(18,4), note varchar(10))")
    sql.execute("INSERT INTO tariffs VALUES (-0.5, 'a'), (NULL, 'b'), (-0.5, 'c'), (99999999999999.9999, 'd'), (0, 'e'), (NULL, 'f')")
    query = "SELECT price, count(*) FROM tariffs GROUP BY price HAVING price IS NULL OR price > -1 ORDER BY price"
    wanted = [(Decimal("-0.5000"), 2), (Decimal("0.0000"), 1), (Decimal("99999999999999.9999"), 1), (None, 2)]
    assert rows(sql, query) == wanted
    assert rows(sql, "SELECT DISTINCT price FROM tariffs ORDER BY 1") == [(price,) for price, _ in wanted]
    assert rows(sql, "SELECT price + 1, max(note) FROM tariffs GROUP BY 1 ORDER BY 1") == [
        (Decimal("0.5000"), "c"), (Decimal("1.0000"), "e"), (Decimal("100000000000000.9999"), "d"), (None, "f"),
    ]
    union = "SELECT coalesce(price, 0.0) AS p FROM tariffs GROUP BY 1 UNION ALL SELECT coalesce(price, 0.0) FROM tariffs"
    assert value(sql, f"SELECT count(p) FROM ({union}) both_of_them") == 9
    sql.execute("CREATE MATERIALIZED VIEW prices AS SELECT price, count(*) AS n FROM tariffs GROUP BY price")
    sql.execute("INSERT INTO tariffs VALUES (0, 'g')")
    sql.execute("REFRESH MATERIALIZED VIEW prices")
    assert rows(sql, "SELECT price, n FROM prices ORDER BY 1")[1] == (Decimal("0.0000"), 2)


def test_sums_of_decimals_are_exact(sql):
    sql.execute("CREATE TABLE meters (station decimal(10,2), region varchar(1), small decimal(5,1), kwh decimal(10,2), wide decimal(18,4), huge decimal(30,4))")
    metered = [
        (n % 7 - 3 if n % 11 else None, "ab"[n % 2], n % 13 - 6, Decimal(n * 37 % 1999) / 100 if n % 7 else None,
         Decimal((-1) ** n * (999_999_999_999_999_999 - n)) / 10_000, n)
        for n in range(500)
    ]
    for start in (0, 250):
        listed = ", ".join(str(row).replace("None", "NULL").replace("Decimal", "") for row in metered[start:start + 250])
        sql.execute(f"INSERT INTO meters VALUES {listed}")

    def total(column, keep=lambda row: True):
        values = [row[column] for row in metered if keep(row) and row[column] is not None]
        return sum(map(Decimal, values)) if values else None

    query = "SELECT station, count(*), sum(kwh), sum(wide), sum(station), sum(huge), sum(small), min(kwh), avg(kwh) FROM meters GROUP BY station"
    found = {station: rest for station, *rest in rows(sql, query)}
    assert set(found) == {row[0] for row in metered}
    for station, (count, *sums, least, mean) in found.items():
        of_it = [row for row in metered if row[0] == station]
        assert (count, sums) == (len(of_it), [total(column, lambda row: row[0] == station) for column in (3, 4, 0, 5, 2)])
        metered_there = [row[3] for row in of_it if row[3] is not None]
        assert least == min(metered_there, default=None)
        assert mean == (metered_there and (sum(metered_there) / len(metered_there)).quantize(Decimal("0.01"), "ROUND_DOWN") or None)
    assert rows(sql, "SELECT sum(kwh), sum(wide), sum(small) FROM meters") == [(total(3), total(4), total(2))]
    assert rows(sql, "SELECT sum(kwh), sum(wide) FROM meters WHERE kwh IS NULL") == [(None, total(4, lambda row: row[3] is None))]
    assert value(sql, "SELECT sum(DISTINCT small) FROM meters") == sum(range(-6, 7))
    by_two = rows(sql, "SELECT region, station, sum(kwh) FROM meters WHERE wide < 0 AND kwh > 5 GROUP BY region, station")
    assert by_two and all(
        found == total(3, lambda row: row[:2] == (station, region) and row[4] < 0 and (row[3] or 0) > 5)
        for region, station, found in by_two
    )
    running = rows(sql, "SELECT huge, sum(kwh) OVER (ORDER BY huge ROWS UNBOUNDED PRECEDING) FROM meters ORDER BY huge")
    assert running[100] == (100, total(3, lambda row: row[5] <= 100))
    assert rows(sql, "SELECT sum(kwh) FROM meters GROUP BY region HAVING sum(kwh) > 99999") == []
    first = "SELECT count(*) FROM meters WHERE kwh = 0.37 AND station BETWEEN -2.5 AND 2.00 AND wide <> 0"
    assert value(sql, first) == sum(row[3] == Decimal("0.37") and row[0] in range(-2, 3) for row in metered)


def test_a_sum_of_bigints_has_more_digits_than_they(sql):
    sql.execute("CREATE TABLE traffic (host varchar(5), bytes bigint, packets int, flags smallint)")
    sql.execute("INSERT INTO traffic VALUES ('a', 9223372036854775807, 2147483647, 1), ('a', 9223372036854775807, 2147483647, 2), ('b', NULL, NULL, NULL)")
    wanted = [("a", Decimal(2**64 - 2), 2**32 - 2, 3), ("b", None, None, None)]
    query = "SELECT host, sum(bytes), sum(packets), sum(flags) FROM traffic GROUP BY host ORDER BY host"
    assert rows(sql, query) == wanted
    described = [column.type_code for column in sql.execute(query).description]
    assert described[1:] == [1700, 20, 20]
    assert rows(sql, "SELECT sum(bytes), sum(DISTINCT bytes), avg(bytes) FROM traffic") == [(2**64 - 2, 2**63 - 1, 2**63 - 1)]
    several = "SELECT host, count(DISTINCT packets), sum(bytes), sum(packets) FROM traffic GROUP BY host ORDER BY 1"
    assert rows(sql, several) == [("a", 1, 2**64 - 2, 2**32 - 2), ("b", 0, None, None)]
    assert value(sql, "SELECT max(s) FROM (SELECT sum(bytes) OVER (ORDER BY flags) AS s FROM traffic) w") == 2**64 - 2
    assert value(sql, "SELECT sum(n) FROM (SELECT count(*) AS n FROM traffic GROUP BY host) counted") == Decimal(3)
    sql.execute("CREATE MATERIALIZED VIEW by_host AS SELECT host, sum(bytes) AS bytes, sum(packets) AS packets FROM traffic GROUP BY host")
    assert value(sql, "SELECT state FROM svv_mv_info WHERE name = 'by_host'") == 1
    sql.execute("INSERT INTO traffic VALUES ('b', 9223372036854775807, 1, 1), ('b', 1, 2, 1)")
    sql.execute("REFRESH MATERIALIZED VIEW by_host")
    assert rows(sql, "SELECT * FROM by_host ORDER BY host") == [("a", 2**64 - 2, 2**32 - 2), ("b", 2**63, 3)]


def test_a_sum_is_of_the_type_that_its_argument_turns_out_to_have(sql):
    sql.execute("CREATE TABLE orders AS SELECT 1 AS n, 9.95::decimal(8,2) AS price, 0.5::float AS weight, 3::int AS i, 9000000000::bigint AS b, true AS refunded")
    sql.execute("INSERT INTO orders VALUES (2, 0.55, 1.25, 4, 1, false), (3, 0.55, 0.25, 5, 2, false)")
    kept = "CASE WHEN refunded THEN 0 ELSE {} END"
    price, weight, number = kept.format("price"), kept.format("weight"), "CASE WHEN refunded THEN i ELSE b END"
    assert rows(sql, f"SELECT sum({price}), avg({price}), sum(DISTINCT {price}), sum({weight}), sum({number}) FROM orders") == [
        (Decimal("1.10"), Decimal("0.36"), Decimal("0.55"), 1.5, 6)]
    assert rows(sql, f"SELECT sum({price}) OVER (ORDER BY n) FROM orders ORDER BY n") == [(Decimal("0.00"),), (Decimal("0.55"),), (Decimal("1.10"),)]
    union = "SELECT 0 AS x UNION ALL SELECT price FROM orders"
    assert rows(sql, f"SELECT sum(x), avg(x) FROM ({union}) u") == [(Decimal("11.05"), Decimal("2.76"))]
    described = sql.execute("SELECT sum(1), sum(CASE WHEN refunded THEN 1 ELSE 0 END), sum(i + 1), sum(nvl(i, 0)), sum(b + 1), sum(price * 2) FROM orders")
    assert [column.type_code for column in described.description] == [20, 20, 20, 20, 1700, 1700]
    assert described.fetchall() == [(3, 1, 15, 12, Decimal(9000000006), Decimal("22.10"))]
    sql.execute("CREATE TABLE kept AS SELECT sum(b) * 2000000000 AS s, avg(i) AS i, avg(price) AS p, sum(b) AS b FROM orders")
    assert rows(sql, "SELECT s, i, p FROM kept") == [(Decimal(9000000003 * 2000000000), 4, Decimal("3.68"))]
    assert rows(sql, "SELECT column_name, data_type FROM svv_columns WHERE table_name = 'kept' ORDER BY ordinal_position")[1:] == [
        ("i", "bigint"), ("p", "numeric"), ("b", "numeric")]
    more = "SELECT n FROM (SELECT n, sum(b) AS s FROM orders GROUP BY n) q WHERE EXISTS (SELECT 1 FROM kept k WHERE q.s > k.i) ORDER BY 1"
    assert rows(sql, more) == [(1,)]


def test_what_is_computed_from_an_average_is_exact(sql):
    sql.execute("CREATE TABLE t (k int, i int, b bigint, d decimal(8,2))")
    sql.execute("INSERT INTO t VALUES (1, 1, 9007199254740993, 1.00), (1, 2, 9007199254740993, 2.01), (2, 3, 9007199254740992, NULL)")
    assert rows(sql, "SELECT avg(i)/2, 7/avg(i), sum(i)/avg(i), avg(i)*count(*), avg(b)-9007199254740992, coalesce(avg(b), 0), avg(i)+0.5 FROM t WHERE k = 1") == [
        (0, 7, 3, 2, 1, 9007199254740993, Decimal("1.5"))]
    assert rows(sql, "SELECT k FROM t GROUP BY k HAVING avg(b) = 9007199254740993") == [(1,)]
    assert rows(sql, "SELECT i FROM t WHERE b > (SELECT avg(b) FROM t WHERE k = 2) ORDER BY 1") == [(1,), (2,)]
    assert rows(sql, "SELECT avg(b) FROM t WHERE k = 1 UNION ALL SELECT b FROM t WHERE k = 2 ORDER BY 1") == [(9007199254740992,), (9007199254740993,)]
    assert rows(sql, "SELECT a/2, a%2, d FROM (SELECT avg(i) AS a, avg(d) AS d FROM t WHERE k = 1) q") == [(0, 1, Decimal("1.50"))]
    ranks = "SELECT avg(x), sum(x), max(x) FROM (SELECT rank() OVER (ORDER BY i) AS x FROM t) q"
    assert rows(sql, ranks) == [(2, 6, 3)]
    for place, view in enumerate(("CREATE TABLE {} AS", "CREATE MATERIALIZED VIEW {} AS")):
        sql.execute(view.format(f"kept_{place}") + """ SELECT k, avg(i)/2 AS h, sum(1) AS n, sum(CASE WHEN i > 1 THEN 1 ELSE 0 END) AS c,
            "sum"(i % 2) AS o FROM t GROUP BY k""")
        kept = sql.execute(f"SELECT * FROM kept_{place} ORDER BY k")
        assert [column.type_code for column in kept.description] == [23, 20, 20, 20, 20]
        assert kept.fetchall() == [(1, 0, 2, 1, 1), (2, 1, 1, 1, 1)]


def test_averages_of_sets_of_groups(sql):
    sql.execute("CREATE TABLE visits AS SELECT 1 AS a, 2 AS b, 5::int AS n UNION ALL SELECT 1, 3, 8 UNION ALL SELECT 2, 3, 1")
    query = "SELECT a, b, avg(n), count(*), sum(n) FROM visits GROUP BY {} ORDER BY a, b, 3"
    totals = [(1, None, 6, 2, 13), (2, None, 1, 1, 1), (None, None, 4, 3, 14)]
    assert rows(sql, "SELECT a, avg(n), count(*), sum(n) FROM visits GROUP BY ROLLUP (a) ORDER BY a") == [(a, *rest) for a, _, *rest in totals]
    leaves = [(1, 2, 5, 1, 5), (1, 3, 8, 1, 8), (1, None, 6, 2, 13), (2, 3, 1, 1, 1), (2, None, 1, 1, 1), (None, None, 4, 3, 14)]
    assert rows(sql, query.format("ROLLUP (a, b)")) == leaves


def test_averages_over_windows_are_those_of_groups(sql):
    sql.execute("CREATE TABLE visits AS SELECT 1 AS a, 5::int AS n, 1.00::decimal(8,2) AS d, 1.5::float AS f UNION ALL SELECT 1, 8::int, 0.55, NULL UNION ALL SELECT 2, NULL, NULL, 2.5::float")
    query = "SELECT a, n, avg(n) OVER (PARTITION BY a), avg(d) OVER (PARTITION BY a) AS d, avg(f) OVER (), sum(n) OVER (PARTITION BY a), row_number() OVER (ORDER BY n) FROM visits ORDER BY n"
    found = sql.execute(query)
    assert [(column.name, column.type_code) for column in found.description][2:] == [("avg", 20), ("d", 1700), ("avg", 701), ("sum", 20), ("row_number", 20)]
    mean = Decimal("0.77")
    assert found.fetchall() == [(1, 5, 6, mean, 2.0, 13, 1), (1, 8, 6, mean, 2.0, 13, 2), (2, None, None, None, 2.0, None, 3)]
    running = "SELECT avg(n) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) - avg(a) OVER () FROM visits WHERE n > 0 ORDER BY 1"
    assert rows(sql, running) == [(4,), (5,)]


def test_decimals_of_other_scales_are_not_mixed_up(sql):
    sql.execute("CREATE TABLE coarse AS SELECT 1.25::decimal(5,2) AS s, 2::int AS y, 3::int AS z")
    sql.execute("CREATE TABLE fine AS SELECT 0.0125::decimal(10,4) AS s, 4::int AS y, 5::int AS z")
    both = "SELECT s, y, z FROM coarse UNION ALL SELECT s, y, z FROM fine"
    assert rows(sql, f"SELECT s, sum(p) FROM (SELECT s, y * z AS p FROM ({both}) u) v GROUP BY s ORDER BY s") == [
        (Decimal("0.0125"), 20), (Decimal("1.2500"), 6)]
    one = "SELECT y AS s FROM coarse UNION ALL SELECT s FROM fine WHERE 1 = 0"
    assert rows(sql, f"SELECT s, count(*) FROM ({one}) u GROUP BY s") == [(2, 1)]


def test_numbers_of_rows_are_bigints(sql):
    sql.execute("CREATE TABLE seen AS SELECT 1 AS t, 'a' AS g UNION ALL SELECT 2, 'b' UNION ALL SELECT 3, 'a'")
    number = "row_number() OVER (PARTITION BY g ORDER BY t)"
    islands = sql.execute(f"SELECT t, {number} - row_number() OVER (ORDER BY t), rank() OVER (ORDER BY g) - 3, {number} + 1 FROM seen ORDER BY t")
    assert [column.type_code for column in islands.description][1:] == [20, 20, 20]
    assert islands.fetchall() == [(1, 0, -2, 2), (2, -1, 0, 2), (3, -1, -2, 3)]


@pytest.mark.parametrize("query, error", [
    ("SELECT sum(x) FROM huge", psycopg.errors.NumericValueOutOfRange), ("SELECT g, sum(x) FROM huge GROUP BY g", psycopg.errors.NumericValueOutOfRange),
    ("SELECT 99999::smallint", psycopg.errors.NumericValueOutOfRange), ("SELECT g FROM huge WHERE x::int > 1", psycopg.errors.NumericValueOutOfRange),
    ("SELECT g FROM huge WHERE (g * 2147483647)::int > 3", psycopg.errors.NumericValueOutOfRange), ("SELECT count(*) FROM huge WHERE 1 / (g - g) > 0", psycopg.errors.DivisionByZero),
    ("DELETE FROM huge WHERE g / (g - g) = 1", psycopg.errors.DivisionByZero), ("SELECT 12345.6::decimal(4,1)", psycopg.errors.NumericValueOutOfRange),
    ("SELECT count(*) FROM huge WHERE x * 2 > 1", psycopg.errors.NumericValueOutOfRange), ("SELECT count(*) FROM huge WHERE name::int > 0", psycopg.errors.InvalidTextRepresentation),
])
def test_values_that_do_not_fit_are_told_so(sql, query, error):
    sql.execute("CREATE TABLE huge (g int, x decimal(38,0), name varchar(5))")
    sql.execute(f"INSERT INTO huge VALUES (2, {9 * 10**37}, 'x'), (2, {9 * 10**37}, 'y')")
    with pytest.raises(error):
        sql.execute(query)


def test_decimals_are_rounded_to_integers(sql):
    assert rows(sql, "SELECT 12.5::int, (-12.5)::bigint, 0.4999::smallint, 7.0::int") == [(13, -13, 0, 7)]
    moments = "SELECT d + interval '2 hours', d - interval '90 minutes', d + 1 FROM (SELECT '2024-01-01'::date AS d) x"
    assert rows(sql, moments) == [(datetime(2024, 1, 1, 2), datetime(2023, 12, 31, 22, 30), date(2024, 1, 2))]


@pytest.mark.parametrize("expression, kind", [
    ("i + i", "integer"), ("-i - i", "integer"), ("i * i", "integer"), ("s * s", "smallint"), ("b + i", "bigint"), ("b * b", "bigint"),
    ("-m", "integer"),
])
def test_a_number_out_of_range_is_an_error(sql, expression, kind):
    sql.execute("CREATE TABLE large AS SELECT 2147483647::int AS i, 32767::smallint AS s, 9223372036854775807::bigint AS b, (-2147483648)::int AS m")
    with pytest.raises(psycopg.errors.NumericValueOutOfRange, match=f"{kind} out of range"):
        sql.execute(f"SELECT {expression} FROM large")
    assert rows(sql, "SELECT i::bigint + i, i - 1, s::int * s, b - b, -i, m FROM large") == [(2**32 - 2, 2**31 - 2, 32767**2, 0, 1 - 2**31, -2**31)]
