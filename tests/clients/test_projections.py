"""What a streaming view may compute from a record: an expression of each kind, and what it gives for one record."""

import json

import psycopg
import pytest
from server import lab_statements

RECORD = {
    "a": 7, "amount": "12,345.50-", "at": "2026-03-08 09:30:15.25", "day": "31-Jan-2026", "epoch": 1772962215, "flag": "Y",
    "kwh": "10.25", "list": [3, "x", None], "name": " Éva Nagy ", "nested": {"b": [1.5, {"c": "deep"}]}, "zone": "US/Pacific",
}
TEXT = "json_extract_path_text(from_varbyte(kinesis_data, 'utf-8'), '{}', true)"
DOCUMENT = "json_parse(kinesis_data)"
MOMENT = TEXT.format("at") + "::timestamp"
KWH = TEXT.format("kwh") + "::decimal(10,2)"

EXPRESSIONS = {
    f"dateadd(month, -1, {MOMENT})": "2026-02-08 09:30:15.25",
    f"datediff(day, {TEXT.format('day')}::date, {MOMENT})": "36",
    f"date_trunc('week', {MOMENT})": "2026-03-02 00:00:00",
    f"extract(dow from {MOMENT})": "0",
    f"date_part(epoch, {MOMENT})": "1772962215.25",
    f"extract(epoch from {MOMENT} - {TEXT.format('day')}::date)": "3144615",
    f"timestamp 'epoch' + {TEXT.format('epoch')}::bigint * interval '1 second'": "2026-03-08 09:30:15",
    f"{MOMENT} - interval '1 day, 2 h'": "2026-03-07 07:30:15.25",
    f"add_months({TEXT.format('day')}::date, 1)": "2026-02-28 00:00:00",
    f"last_day({MOMENT})": "2026-03-31",
    f"next_day({MOMENT}, 'Mon')": "2026-03-09",
    f"months_between({MOMENT}, '2026-01-08')": "2",
    f"trunc({MOMENT})": "2026-03-08",
    f"convert_timezone('UTC', {TEXT.format('zone')}, {MOMENT})": "2026-03-08 01:30:15.25",
    f"{MOMENT} at time zone {TEXT.format('zone')}": "2026-03-08 16:30:15.25+00",
    f"to_char({MOMENT}, 'Day, DD Month YYYY HH12:MI AM')": "Sunday   , 08 March     2026 09:30 AM",
    f"to_char({KWH}, 'FM000.000')": "010.250",
    f"to_date({TEXT.format('day')}, 'DD-MON-YYYY')": "2026-01-31",
    f"to_number({TEXT.format('amount')}, '99G999D99S')": "-12345.50",
    f"decode({TEXT.format('flag')}, 'Y', 1, 'N', 0, -1)": "1",
    f"nvl2({TEXT.format('missing')}, 'there', 'gone')": "gone",
    f"nullif({TEXT.format('flag')}, 'Y')": None,
    f"greatest({KWH}, 11.5)": "11.50",
    f"round({KWH}, 1)": "10.3",
    f"ceil({KWH}) + floor({KWH}) + sign({KWH}) + abs(-{KWH})": "32.25",
    f"mod({TEXT.format('a')}::int, 4)": "3",
    f"{KWH} / 3": "3.4166666666666",
    f"sqrt({TEXT.format('a')}::int + 2)": "3",
    f"{TEXT.format('a')}::int ^ 2": "49",
    f"sha2({TEXT.format('flag')}, 256)": "18f5384d58bcb1bba0bcd9e6a6781d1a6ac2cc280c330ecbab6cb7931b721552",
    f"sha1({TEXT.format('flag')})": "23eb4d3f4155395a74e9d534f97ff4c1908f5aac",
    f"md5({TEXT.format('flag')})": "57cec4137b614c87cb4e24a3d003a3e0",
    f"crc32({TEXT.format('flag')})": "7bea524e",
    f"fnv_hash({TEXT.format('a')}::int) <> 0": "t",
    f"upper(btrim({TEXT.format('name')}))": "ÉVA NAGY",
    f"initcap(translate({TEXT.format('name')}, ' ', '_'))": "_Éva_Nagy_",
    f"lpad({TEXT.format('a')}, 3, '0') || rpad('x', 2, '-')": "007x-",
    f"left({TEXT.format('zone')}, 2) || right({TEXT.format('zone')}, 3)": "USfic",
    f"substring({TEXT.format('zone')} from 4 for 3)": "Pac",
    f"charindex('/', {TEXT.format('zone')}) + strpos({TEXT.format('zone')}, 'P')": "7",
    f"split_part({TEXT.format('zone')}, '/', 2)": "Pacific",
    f"replace(reverse({TEXT.format('flag')}), 'Y', 'yes')": "yes",
    f"len({TEXT.format('name')}) + octet_length({TEXT.format('name')})": "21",
    f"regexp_substr({TEXT.format('at')}, '[0-9]+$')": "25",
    f"regexp_replace({TEXT.format('at')}, '[^0-9]', '')": "2026030809301525",
    f"regexp_count({TEXT.format('at')}, ':') + regexp_instr({TEXT.format('at')}, ':')": "16",
    f"{TEXT.format('zone')} similar to 'US/(Pacific|Eastern)'": "t",
    f"{TEXT.format('zone')} ilike 'us/%'": "t",
    f"strtol({TEXT.format('a')}, 8)": "7",
    f"convert(integer, {TEXT.format('a')})": "7",
    f"case when {KWH} > 10 then 'much' else 'little' end": "much",
    "json_extract_array_element_text(json_extract_path_text(from_varbyte(kinesis_data, 'utf-8'), 'list'), 1)": "x",
    "is_valid_json_array(json_extract_path_text(from_varbyte(kinesis_data, 'utf-8'), 'list'))": "t",
    f"{DOCUMENT}.a": "7",
    f"{DOCUMENT}.nested.b[1].c": '"deep"',
    f"{DOCUMENT}.a * {DOCUMENT}.nested.b[0] + 1": "11.5",
    f"-{DOCUMENT}.a": "-7",
    f"get_array_length({DOCUMENT}.list)": "3",
    f"is_integer({DOCUMENT}.a)": "t",
    f"array({DOCUMENT}.a, 'x', null)": '[7,"x",null]',
    f"object('n', {DOCUMENT}.a)": '{"n":7}',
    f"json_typeof({DOCUMENT}.list)": "array",
    f"{DOCUMENT}.kwh::decimal(10,2)": "10.25",
    f"object_transform({DOCUMENT} keep '\"flag\"', '\"nested\".\"b\"' set '\"a\"', {DOCUMENT}.a + 1)":
        '{"flag":"Y","nested":{"b":[1.5,{"c":"deep"}]},"a":8}',
    f"collate({TEXT.format('zone')}, 'ci') = 'us/pacific '": "t",
    f"{TEXT.format('a')}::int # 5": "2",
    "substring(kinesis_data, 1, 2) # substring(kinesis_data, 3, 2)": "1a00",
    "~substring(kinesis_data, 1, 1)": "84",
    "is_utf8(kinesis_data)": "t",
    # What is escaped stays so where the query of a view is kept.
    rf"regexp_replace({TEXT.format('day')}, '\\d+', '#')": "#-Jan-#",
    rf"{TEXT.format('zone')} like 'US\\_%'": "f",
    r"split_part('a\\b', '\\', 2) || 'it''s ' || '\'q\'' || ''''''": "bit's 'q'''",
    rf"replace({TEXT.format('zone')}, '/', '\\')": r"US\Pacific",
    f"- -{TEXT.format('a')}::int": "7",
    "substring(kinesis_data, 1, 4)": "7b226122",
    "to_hex(substring(kinesis_data, 1, 1))": "7b",
    "length(kinesis_data) > 100": "t",
    "left(shard_id, 8)": "shardId-",
    "partition_key || '/' || len(sequence_number)": "0/56",
    "approximate_arrival_timestamp <= refresh_time": "t",
}


@pytest.fixture
def sql(lab):
    with lab.connect() as connection:
        connection.execute(lab_statements("1-external-schema")[0])
        yield connection


def test_a_streaming_view_may_compute_anything_from_a_record(lab, sql):
    lab.put([json.dumps(RECORD)])
    columns = ", ".join(f"{expression} AS c{place}" for place, expression in enumerate(EXPRESSIONS))
    sql.execute(f"CREATE MATERIALIZED VIEW projected AUTO REFRESH YES AS SELECT {columns} FROM evdata.ev_stream_data")
    sql.execute("REFRESH MATERIALIZED VIEW projected")
    result = sql.pgconn.exec_(b"SELECT * FROM projected")
    got = [result.get_value(0, column) for column in range(result.nfields)]
    got = dict(zip(EXPRESSIONS, (value if value is None else value.decode() for value in got), strict=True))
    assert got == EXPRESSIONS
    assert sql.execute("SELECT state FROM svv_mv_info WHERE name = 'projected'").fetchone() == (1,)


def test_a_grouped_streaming_view_may_group_by_what_it_computes(lab, sql):
    lab.put([json.dumps(RECORD | {"a": number}) for number in range(10)])
    day = f"to_char({MOMENT}, 'YYYY-MM')"
    parity = f"mod({TEXT.format('a')}::int, 2)"
    sql.execute(
        f"CREATE MATERIALIZED VIEW grouped AS SELECT {day} AS month, decode({parity}, 0, 'even', 'odd') AS parity, "
        f"count(*) AS n, sum({KWH} / 3) AS third FROM evdata.ev_stream_data GROUP BY 1, 2"
    )
    for _ in range(2):
        sql.execute("REFRESH MATERIALIZED VIEW grouped")
        rows = sql.execute("SELECT month, parity, n FROM grouped ORDER BY 2").fetchall()
        lab.put([json.dumps(RECORD | {"a": number}) for number in range(10)])
    assert rows == [("2026-03", "even", 10), ("2026-03", "odd", 10)]


def test_sums_of_documents_values_are_kept(lab, sql):
    sql.execute(
        "CREATE MATERIALIZED VIEW kept AS SELECT json_parse(kinesis_data).flag AS flag, sum(json_parse(kinesis_data).a) AS total, "
        "min(json_parse(kinesis_data).a) AS least, max(json_parse(kinesis_data).a)::int AS most "
        "FROM evdata.ev_stream_data GROUP BY 1"
    )
    for round in range(3):
        lab.put([json.dumps(RECORD | {"a": number + round * 10}) for number in range(10)])
        sql.execute("REFRESH MATERIALIZED VIEW kept")
    assert sql.execute("SELECT flag, total, least, most FROM kept").fetchall() == [('"Y"', "435", "0", 29)]
    assert sql.execute("SELECT state FROM svv_mv_info WHERE name = 'kept'").fetchone() == (1,)
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="other than COUNT, SUM, MIN, MAX and AVG"):
        sql.execute("CREATE MATERIALIZED VIEW mean AS SELECT avg(json_parse(kinesis_data).a) FROM evdata.ev_stream_data")
