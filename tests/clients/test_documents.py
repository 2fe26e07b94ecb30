"""Documents in SUPER columns: paths into them answer alike from memory, from files that have columns for them, and from both."""

import json
import pathlib
import random
from decimal import Decimal

import duckdb
import psycopg
import pytest
from server import lab_statements

QUERIES = [
    'SELECT payload."stationID"::int AS s, count(*), sum(payload."kWhDelivered"::decimal(10,2)) FROM document GROUP BY 1 ORDER BY 1',
    'SELECT n, payload."stationID", payload.site.city, payload.site FROM document ORDER BY n',
    "SELECT payload.site.city::varchar AS c, count(*) FROM document GROUP BY 1 ORDER BY 1",
    "SELECT n, payload.note, payload.note::varchar FROM document ORDER BY n",
    "SELECT n FROM document WHERE payload.site.city::varchar = 'Ürümqi \"x\"' ORDER BY n",
    "SELECT n, payload FROM document WHERE payload.n::int BETWEEN 10 AND 12 ORDER BY n",
    "SELECT max(payload.odd::varchar), count(payload.odd), count(payload.nowhere) FROM document",
    "SELECT n, payload.odd.deep, payload.tags[1]::int FROM document WHERE payload.flag::boolean ORDER BY n",
    "SELECT count(*) FROM document a JOIN document b ON a.payload.n::int = b.payload.n::int",
    "SELECT n, json_typeof(payload.odd), json_typeof(payload.note) FROM document ORDER BY n",
    "SELECT n, json_extract_path_text(json_serialize(payload), 'note', true), payload.note FROM document ORDER BY n",
    'SELECT n, payload.n::smallint, payload.n::decimal(2), payload.n::varchar, payload."stationID"::decimal(6,3) FROM document ORDER BY n',
    """SELECT n, payload."kWhDelivered"::int, payload."kWhDelivered"::decimal(9,1), payload."kWhDelivered"::float, payload."kWhDelivered"
        FROM document WHERE payload."kWhDelivered"::decimal(9,3) > 7.2 ORDER BY n""",
    "SELECT n, payload.level, payload.level::decimal(8,4), payload.level::int FROM document ORDER BY n",
    "SELECT n, payload.odd::super, payload.note::super, payload.n::super, json_typeof(payload.site::super) FROM document ORDER BY n",
    "SELECT n, payload.odd[0], payload.odd.deep, payload.tags[0], payload.tags FROM document ORDER BY n",
    """SELECT payload.site.city::varchar AS c, payload."stationID"::int + 1 AS s, sum(payload.n::int) FROM document
        GROUP BY ROLLUP (payload.site.city::varchar, payload."stationID"::int + 1) ORDER BY 1, 2""",
    'SELECT payload."stationID" AS s, payload.flag::boolean AS f, count(*) FROM document GROUP BY CUBE (s, f) ORDER BY 1, 2, 3',
]


def twice(n: int) -> str:
    """What is no document, because an object in it has an attribute twice."""
    return f'{{"n":{n},"stationID":"7","site":{{"city":"a","zone":null,"city":"b"}},"odd":[1]}}'


def document(n: int) -> str:
    """Values of every kind: some missing, some null, some that need unescaping, some of different kinds."""
    body = {"n": n, "stationID": str(n % 7), "kWhDelivered": f"{n}.25", "flag": n % 3 == 0, "tags": [n, n + 1]}
    body["level"] = [n, n + 0.25, -n - 0.125][n % 3]
    body["site"] = {"city": 'Ürümqi "x"' if n % 5 == 0 else f"town {n % 4}", "zone": None}
    if n % 50:
        body["note"] = None if n % 20 == 4 else "back\\slash\nand line"
    body["odd"] = [n, 1.5e3, "text", {"deep": n}, None, [1]][n % 6]
    return json.dumps(body, indent=n % 3, ensure_ascii=n % 2 == 0)


@pytest.fixture
def sql(lab):
    with lab.connect() as connection:
        connection.execute(lab_statements("1-external-schema")[0])
        connection.execute("SET enable_case_sensitive_identifier TO true")
        connection.execute("""CREATE MATERIALIZED VIEW document AS SELECT json_extract_path_text(from_varbyte(kinesis_data,
            'utf-8'), 'n')::int AS n, json_parse(kinesis_data) AS payload FROM evdata.ev_stream_data WHERE can_json_parse(kinesis_data)""")
        yield connection


def answers(sql) -> list:
    return [sql.execute(query).fetchall() for query in QUERIES]


def files(lab) -> list:
    return list((lab.server.data / "clusters").glob("*/data/public/document/*.parquet"))


def shredded(file) -> set[str]:
    columns = duckdb.sql(f"SELECT name FROM parquet_schema('{file}')").fetchall()
    return {name for (name,) in columns if name.startswith("[")}


def test_paths_answer_alike_from_memory_from_files_and_from_both(lab, sql):
    lab.put([document(n) for n in range(200)] + ["no json", twice(1000)])
    sql.execute("REFRESH MATERIALIZED VIEW document")
    assert not files(lab)
    assert sql.execute("SELECT count(*), max(n) FROM document").fetchone() == (200, 199)
    from_memory = answers(sql)
    assert from_memory[1][4] == (4, '"4"', '"town 0"', '{"city":"town 0","zone":null}')
    assert [n for (n,) in from_memory[4]] == list(range(0, 200, 5))
    sql.execute("ANALYZE document")
    (file,) = files(lab)
    # Not those that are no scalars, or null, or too long on the average, in more than a few documents.
    names = ('"n"] 0', '"stationID"] 0 quoted', '"kWhDelivered"] 2 quoted', '"level"] 0-3', '"flag"]', '"site","city"]', '"note"]')
    assert shredded(file) == {f'["payload",{name}' for name in names}
    assert answers(sql) == from_memory
    lab.put([document(n) for n in range(200, 400)])
    sql.execute("REFRESH MATERIALIZED VIEW document")
    from_both = answers(sql)
    sql.execute("VACUUM document")
    assert answers(sql) == from_both
    lab.server.kill()
    lab.server.start()
    with lab.connect() as again:
        again.execute("SET enable_case_sensitive_identifier TO true")
        assert answers(again) == from_both


def test_a_number_that_is_spelled_otherwise_is_kept_as_it_is(lab, sql):
    """Whether it is among the documents that are looked at beforehand or not."""
    documents = [{"n": n, "plain": n, "float": n / 2, "text": str(n)} for n in range(3000)]
    documents[1001] |= {"plain": 1e300, "float": "0.5", "text": "0x"}
    for first in range(0, 3000, 500):
        lab.put([json.dumps(document) for document in documents[first : first + 500]])
    sql.execute("REFRESH MATERIALIZED VIEW document")
    queries = [f'SELECT n, payload."{key}", payload."{key}"::int FROM document ORDER BY n' for key in documents[0]]
    before = [sql.execute(query).fetchall() for query in queries]
    assert before[1][1001] == (1001, "1e+300", None) and before[3][1001] == (1001, '"0x"', None)
    sql.execute("ANALYZE document")
    (file,) = files(lab)
    assert shredded(file) == {f'["payload",{name}' for name in ('"n"] 0', '"plain"]', '"float"]', '"text"]')}
    assert [sql.execute(query).fetchall() for query in queries] == before


def test_a_path_is_read_in_place_of_the_documents(lab, sql):
    padding = random.Random(1)
    lab.put([json.dumps(json.loads(document(n)) | {"padding": padding.randbytes(10000).hex()}) for n in range(200)])
    sql.execute("REFRESH MATERIALIZED VIEW document")
    sql.execute("ANALYZE document")
    size = files(lab)[0].stat().st_size

    def read(query: str) -> int:
        """Bytes that the server reads to answer."""
        io = pathlib.Path(f"/proc/{lab.server.process.pid}/io")
        before = int(io.read_text().split("rchar: ")[1].split()[0])
        sql.execute(query).fetchall()
        return int(io.read_text().split("rchar: ")[1].split()[0]) - before

    assert read("SELECT count(json_typeof(payload)) FROM document") > size * 3 / 4
    assert read('SELECT sum(payload."stationID"::int), max(payload.n::int) FROM document') < size / 2
    assert read("SELECT n FROM document WHERE payload.site.city::varchar = 'town 1'") < size / 2


@pytest.mark.parametrize("text", ['{ "a" : "b \\" c" , "d" : [ 1 , "e f" ] }', '"  a  b  "', " [ 1 , 2 ] ", "7 ", '{"a":"\\\\"}', '{ "\\"" : 1 }',
    '{"a b":"c d","e":[1,"f g"]}', '{"a":"b, c"}', '{"a":1 }', "[true ,1]"])
def test_documents_lose_white_space_between_tokens_only(lab, sql, text):
    compact = json.dumps(json.loads(text), separators=(",", ":"))
    assert sql.execute("SELECT json_serialize(json_parse(%s))", (text,)).fetchone()[0] == compact


VALUES = ["false", "true", "-2.5", "9", "9.0", "12", "100", "1e3", '"9"', '"A1"', '"B2"', "[1,2]", '{"a":1}', "null"]
# A condition and the places of the values that fulfil it.
CONDITIONS = {
    "v.a = 'A1'": [9], "v.a <> 'A1'": [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12], "v.a IN ('A1', 'B2')": [9, 10], "v.a = '9'": [8],
    "v.a = 9": [3, 4], "v.a = 9.00": [3, 4], "v.a = 1000": [7], "v.a > 9": [5, 6, 7], "v.a BETWEEN 9 AND 99.5": [3, 4, 5],
    "v.a NOT IN (9, 12)": [0, 1, 2, 6, 7, 8, 9, 10, 11, 12], "10 > v.a": [2, 3, 4], "v.a < 'B'": [8, 9], "v.a = true": [1],
    "v.a LIKE 'A%'": [9], "v.a IN (SELECT st FROM names)": [8, 9], "'A1' IN (v.a, v.b)": [9], "v.a IS DISTINCT FROM 9": [0, 1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13],
    "json_parse(json_serialize(v))['a'] IN (9, 12)": [3, 4, 5], "11 BETWEEN v.a AND 12": [2, 3, 4], "CASE v.a WHEN 'A1' THEN 1 WHEN 12 THEN 2 END IS NOT NULL": [5, 9],
    "v.a = json_parse('{\"a\":1}')": [12], "v.a > json_parse('11')": [5, 6, 7], "v.a IS NULL": [], "v.a = NULL": [],
}


def test_one_of_several_values_is_what_they_are(sql):
    sql.execute("CREATE TABLE readings AS SELECT 1 AS n, json_parse('{\"a\":\"x\",\"c\":{\"d\":[7,9.5]}}') AS p UNION ALL SELECT 2, json_parse('{\"b\":\"y\"}')")
    query = """SELECT n, coalesce(p.a, p.b)::varchar, nvl(p.a, p.b) = 'y',
        CASE WHEN n = 1 THEN p.c.d[1] ELSE p.b END::decimal(4,1), coalesce(p.a, 5)::varchar, json_typeof(coalesce(p.b, 5)) FROM readings ORDER BY n"""
    assert sql.execute(query).fetchall() == [
        (1, "x", False, Decimal("9.5"), "x", "number"), (2, "y", True, None, "5", "string"),
    ]
    case = "CASE WHEN n = 1 THEN p.a ELSE p.b END"
    assert sql.execute(f"SELECT n FROM readings WHERE {case} = 'y' AND {case} > 'x' AND {case} IN ('y')").fetchall() == [(2,)]
    assert sql.execute(f"SELECT x FROM (SELECT {case} AS x FROM readings) r WHERE x = 'x'").fetchall() == [('"x"',)]
    sql.execute(f"CREATE TABLE taken AS SELECT n, {case} AS s FROM readings")
    sql.execute("CREATE TABLE texts (s super, t varchar(9))")
    sql.execute(f"INSERT INTO texts SELECT {case}, {case} FROM readings")
    assert sql.execute("SELECT s, json_typeof(s), s::varchar FROM taken ORDER BY n").fetchall() == [('"x"', "string", "x"), ('"y"', "string", "y")]
    assert sql.execute("SELECT s, t FROM texts ORDER BY t").fetchall() == [('"x"', "x"), ('"y"', "y")]
    chosen = sql.execute("SELECT coalesce(p.a, p.b), CASE n WHEN 1 THEN p.c END, coalesce(n, 3) FROM readings ORDER BY n")
    assert [column.type_code for column in chosen.description] == [4000, 4000, 23]
    assert chosen.fetchall() == [('"x"', '{"d":[7,9.5]}', 1), ('"y"', None, 2)]


def test_functions_of_texts_take_what_a_string_says(sql):
    sql.execute("CREATE TABLE said AS SELECT json_parse('{\"a\":\"xy\",\"n\":5,\"z\":null}') AS p")
    query = "SELECT p.a || '!', upper(p.a), len(p.a), left(p.a, 1), concat(p.a, 'z'), md5(p.a) = md5('xy'), nullif(p.a, 'xy'), nullif('xy', p.a), nullif(p.n, 4)::int, nvl2(p.a, p.a, p.n)::varchar FROM said"
    assert sql.execute(query).fetchall() == [("xy!", "XY", 2, "x", "xyz", True, None, None, 5, "xy")]
    assert sql.execute("SELECT json_serialize(p.a), json_typeof(p.a), json_extract_path_text(json_serialize(p), 'a') FROM said").fetchall() == [('"xy"', "string", "xy")]


def test_numbers_in_documents_are_rounded_to_integers(sql):
    sql.execute("""CREATE TABLE numbers AS SELECT json_parse('{"a":9.0,"b":9.5,"c":"9.5","d":1e3,"e":-2.5,"f":40000.4,"g":"12"}') AS p""")
    query = "SELECT p.a::int, p.b::bigint, p.c::int, p.d::smallint, p.e::int, p.f::smallint, p.g::int FROM numbers"
    assert sql.execute(query).fetchall() == [(9, 10, None, 1000, -3, None, 12)]


def test_documents_are_compared_by_their_values(sql):
    sql.execute("CREATE TABLE v_ (i int, v super)")
    for place, text in enumerate(VALUES):
        sql.execute("INSERT INTO v_ SELECT %s, json_parse(%s)", (place, f'{{"a":{text}}}'))
    sql.execute("CREATE TABLE names (st varchar(10), n int)")
    sql.execute("INSERT INTO names VALUES ('A1', 1), ('9', 2)")
    for condition, wanted in CONDITIONS.items():
        found = [i for (i,) in sql.execute(f"SELECT i FROM v_ WHERE {condition} ORDER BY i").fetchall()]
        assert found == wanted, condition
    ordered = [i for (i,) in sql.execute("SELECT i FROM v_ WHERE NOT i IN (4, 13) ORDER BY v.a").fetchall()]
    assert ordered == [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12]
    ranked = sql.execute("SELECT i, row_number() OVER (ORDER BY v.a) FROM v_ WHERE i IN (3, 5, 6, 8) ORDER BY i").fetchall()
    assert ranked == [(3, 1), (5, 2), (6, 3), (8, 4)]
    pairs = sql.execute("SELECT l.i, r.i FROM v_ l JOIN v_ r ON l.v.a = r.v.a AND l.i < r.i").fetchall()
    assert pairs == [(3, 4)]
    assert sql.execute("SELECT i, n FROM v_ JOIN names ON v.a = st ORDER BY 1").fetchall() == [(8, 2), (9, 1)]
    among = "SELECT DISTINCT min(v.a) OVER (), max(v.a) OVER () FROM v_ WHERE i IN (3, 5, 6, 8)"
    assert sql.execute(among).fetchall() == [(VALUES[3], VALUES[8])]
