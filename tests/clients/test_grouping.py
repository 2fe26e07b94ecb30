"""Groups of rows, whatever they are grouped by and however many there are."""

from collections import defaultdict
from decimal import Decimal

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
