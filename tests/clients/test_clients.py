"""Real clients besides boto3 and psycopg: the AWS CLI, psql, redshift_connector, DuckDB, and tidemill's own commands."""

import datetime
import decimal
import json
import subprocess

import duckdb
import psycopg
import pytest
import redshift_connector
from server import ADMIN, BINARY, LAB, PASSWORD, ROOT, Lab, lab_statements


def run(command, server, **settings) -> str:
    done = subprocess.run([str(part) for part in command], env=server.environment(), capture_output=True, text=True, timeout=120, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_aws_cli_drives_the_control_plane(server):
    aws = lambda *words: json.loads(run([ROOT / ".venv/bin/aws", "--output", "json", *words], server) or "{}")
    assert aws("sts", "get-caller-identity")["Arn"] == "arn:aws:iam::000000000000:root"
    aws("kinesis", "create-stream", "--stream-name", "s", "--stream-mode-details", "StreamMode=ON_DEMAND")
    aws("kinesis", "wait", "stream-exists", "--stream-name", "s")
    put = aws("kinesis", "put-record", "--stream-name", "s", "--partition-key", "k", "--data", "hello")
    shard = ["--stream-name", "s", "--shard-id", put["ShardId"]]
    for kind in (["AT_SEQUENCE_NUMBER", "--starting-sequence-number", put["SequenceNumber"]], ["TRIM_HORIZON"],
                 ["AT_TIMESTAMP", "--timestamp", "2020-01-01T00:00:00Z"]):
        iterator = aws("kinesis", "get-shard-iterator", *shard, "--shard-iterator-type", *kind)["ShardIterator"]
        records = aws("kinesis", "get-records", "--shard-iterator", iterator)["Records"]
        assert [record["Data"] for record in records] == ["aGVsbG8="], kind
    for kind in (["AFTER_SEQUENCE_NUMBER", "--starting-sequence-number", put["SequenceNumber"]], ["LATEST"]):
        iterator = aws("kinesis", "get-shard-iterator", *shard, "--shard-iterator-type", *kind)["ShardIterator"]
        assert aws("kinesis", "get-records", "--shard-iterator", iterator)["Records"] == []
    assert len(aws("kinesis", "list-shards", "--stream-name", "s")["Shards"]) == 4
    assert len(aws("kinesis", "describe-stream", "--stream-name", "s")["StreamDescription"]["Shards"]) == 4
    policy = aws("iam", "create-policy", "--policy-name", "P", "--policy-document", f"file://{LAB}/policy.json")["Policy"]
    version = aws("iam", "get-policy-version", "--policy-arn", policy["Arn"], "--version-id", "v1")["PolicyVersion"]
    assert version["Document"] == json.loads((LAB / "policy.json").read_text())
    role = aws("iam", "create-role", "--role-name", "R", "--assume-role-policy-document", f"file://{LAB}/trust.json")["Role"]
    assert role["AssumeRolePolicyDocument"] == json.loads((LAB / "trust.json").read_text())
    aws("iam", "attach-role-policy", "--role-name", "R", "--policy-arn", policy["Arn"])
    assert [p["PolicyName"] for p in aws("iam", "list-attached-role-policies", "--role-name", "R")["AttachedPolicies"]] == ["P"]
    assert [p["PolicyName"] for p in aws("iam", "list-policies", "--scope", "Local")["Policies"]] == ["P"]
    created = aws(
        "redshift", "create-cluster", "--cluster-identifier", "c", "--node-type", "dc2.large", "--number-of-nodes", "1",
        "--master-username", ADMIN, "--master-user-password", PASSWORD, "--iam-roles", role["Arn"])
    assert created["Cluster"]["ClusterStatus"] == "creating"
    aws("redshift", "wait", "cluster-available", "--cluster-identifier", "c")
    cluster = aws("redshift", "describe-clusters")["Clusters"][0]
    assert cluster["IamRoles"] == [{"IamRoleArn": role["Arn"], "ApplyStatus": "in-sync"}]
    aws("redshift", "delete-cluster", "--cluster-identifier", "c", "--skip-final-cluster-snapshot")


def psql(lab, *arguments) -> str:
    endpoint = lab.endpoint()
    place = ["-h", endpoint["host"], "-p", endpoint["port"], "-U", ADMIN, "-d", "dev", "-X", "-v", "ON_ERROR_STOP=1"]
    done = subprocess.run(
        [str(part) for part in ["psql", *place, *arguments]], capture_output=True, text=True, timeout=60,
        env=lab.server.environment() | {"PGPASSWORD": PASSWORD})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("tls", ["disable", "require"])
def test_psql_runs_the_lab_and_describes_it(lab, tls, monkeypatch):
    monkeypatch.setenv("PGSSLMODE", tls)
    lab.put_charges(range(5))
    for name in ("1-external-schema", "2-super-view", "3-extract-view", "4-usage"):
        output = psql(lab, "-c", ";".join(lab_statements(name)))
    assert "15.25" not in output and "11.25" in output
    assert "ev_station_data_extract | view" in psql(lab, "-c", "\\dv")
    assert "mv_tbl__ev_station_data__0" in psql(lab, "-c", "\\dt")
    described = psql(lab, "-c", "\\d ev_station_data_extract")
    assert "character varying(30)" in described and "numeric(10,2)" in described
    assert "ev_station_data" in psql(lab, "-c", "\\d")
    assert "evdata" in psql(lab, "-c", "\\dn")


@pytest.mark.parametrize("tls", [False, True])
def test_redshift_connector_runs_the_lab(lab, tls):
    lab.put_charges(range(5))
    settings = {"sslmode": "verify-ca"} if tls else {}
    if tls:
        # The driver trusts the machine's certificates; a user adds Tidemill's own, a test says so in its stead.
        import ssl

        original = ssl.SSLContext.load_verify_locations
        context = lambda self, *args, **kwargs: original(self, cafile=str(lab.server.data / "tls" / "certificate.pem"))
        patch = pytest.MonkeyPatch()
        patch.setattr(ssl.SSLContext, "load_verify_locations", context)
    try:
        connection = redshift_connector.connect(
            **lab.endpoint(), database="dev", user=ADMIN, password=PASSWORD, ssl=tls, **settings)
    finally:
        if tls:
            patch.undo()
    connection.autocommit = True
    with connection.cursor() as cursor:
        for name in ("1-external-schema", "2-super-view", "3-extract-view", "4-usage"):
            for statement in lab_statements(name):
                cursor.execute(statement)
        (row,) = cursor.fetchall()
        assert list(row[1:]) == [decimal.Decimal("11.25"), 5]
        cursor.execute("select id, kwhdelivered, approximate_arrival_timestamp from ev_station_data_extract where userid = %s", ("1002",))
        (row,) = cursor.fetchall()
        assert row[:2] == [f"{2:036d}", decimal.Decimal("2.25")] or tuple(row[:2]) == (f"{2:036d}", decimal.Decimal("2.25"))
    connection.autocommit = False
    with connection.cursor() as cursor:
        cursor.execute("create table t (a integer, b varchar(10))")
        cursor.execute("insert into t values (%s, %s)", (1, "x"))
        connection.rollback()
        cursor.execute("create table t (a integer, b varchar(10))")
        cursor.execute("insert into t values (%s, %s)", (2, "y"))
        connection.commit()
        cursor.execute("select * from t")
        assert [list(row) for row in cursor.fetchall()] == [[2, "y"]]
    connection.close()


def test_psycopg_reads_binary_results_and_parameters(lab):
    with lab.connect() as connection, connection.cursor(binary=True) as cursor:
        cursor.execute("create table t (i integer, d numeric(12,3), s varchar(20), t timestamp, b boolean, f double precision)")
        values = (7, decimal.Decimal("-12345.678"), "grün", "2026-01-02 03:04:05.5", True, 0.25)
        cursor.execute("insert into t values (%s, %s, %s, %s, %s, %s)", values)
        row = cursor.execute("select * from t where i = %s and s = %s", (7, "grün")).fetchone()
        assert row[:3] == values[:3] and row[3].isoformat() == "2026-01-02T03:04:05.500000" and row[4:] == values[4:]


def test_a_parameter_may_be_of_another_type_than_its_value(lab):
    with lab.connect() as connection:
        connection.execute("create table t (n int)")
        connection.execute("insert into t values (1)")
        for query, wanted in (("n + %s", 6), ("coalesce(n, %s)", 1), ("case when n > 1 then n else %s end", 5), ("n * (%s)::int", 5)):
            for binary in (False, True):
                cursor = connection.cursor(binary=binary)
                assert cursor.execute(f"select {query} from t", (5,), prepare=True).fetchall() == [(wanted,)], query


def test_a_parameter_has_the_type_that_its_client_declares(lab):
    """psycopg declares an int by its size, a str as nothing."""
    values = (5, 100_000, 3_000_000_000, 1.5, True, datetime.date(2026, 1, 2), datetime.datetime(2026, 1, 2, 3, 4, 5), "x", None)
    with lab.connect() as connection:
        connection.execute("create table flags (f boolean, s smallint)")
        connection.execute("insert into flags values (true, 2)")
        for binary in (False, True):
            cursor = connection.cursor(binary=binary)
            for value in values:
                row = cursor.execute("select %s", (value,), prepare=True).fetchone()
                assert row == (value,) and cursor.description[0].name == "?column?"
            assert cursor.execute("select s from flags where f = %s and substring('abc', %s) = 'bc'", (True, 2)).fetchall() == [(2,)]
            assert cursor.execute("select s + %s from flags order by 1 limit %s offset %s", (2, 1, 0)).fetchall() == [(4,)]


def test_a_decimal_parameter_has_the_digits_of_its_value(lab):
    big = decimal.Decimal("1180591620717411303424")
    with lab.connect() as connection:
        connection.execute("create table prices (i int, d decimal(10,2))")
        connection.execute("insert into prices values (2, 4.50)")
        for binary in (False, True):
            cursor = connection.cursor(binary=binary)
            for query, value, wanted in (
                ("i * %s", "1.25", "2.50"), ("d + %s", "-0.12345", "4.37655"), ("coalesce(%s, 1)", "9.5", "9.5"), ("%s", "-12345678.000123", None),
                ("%s", "0.0001", None), ("%s", "1E+5", "100000"), ("%s", big, None), ("case when i > 1 then %s else 1 end", "9.5", None),
            ):
                value = decimal.Decimal(value)
                (got,) = cursor.execute(f"select {query} from prices", (value,)).fetchone()
                assert got == (value if wanted is None else decimal.Decimal(wanted)), query
            assert cursor.execute("select i from prices where d = %s", (decimal.Decimal("4.5"),)).fetchone() == (2,)


def test_a_float_parameter_is_a_number(lab):
    with lab.connect() as connection:
        connection.execute("create table floats (i int, s super, f float8)")
        for binary in (False, True):
            cursor = connection.cursor(binary=binary)
            cursor.execute("insert into floats values (%s, %s, %s)", (2.6, 1.5, 1e300))
            assert cursor.execute("select i, json_typeof(s), f from floats").fetchall() == [(3, "number", 1e300)]
            for value in (1e300, -2.5e-300, float("inf"), 0.0, 0.1):
                assert cursor.execute("select %s", (value,)).fetchone() == (value,)
            cursor.execute("delete from floats where i > %s", (2.5,))
            assert cursor.execute("select count(*) from floats").fetchone() == (0,)


def test_a_table_of_parameters_has_their_types(lab):
    values = (True, datetime.date(2026, 1, 2), 1.5, decimal.Decimal("1.25"), "x")
    with lab.connect() as connection:
        connection.execute("create table made as select %s as a, %s as b, %s as c, %s as d, %s as e", values)
        assert connection.execute("select * from made").fetchone() == values


def test_texts_are_put_together_of_parameters(lab):
    with lab.connect() as connection:
        assert connection.execute("select %s || %s, concat(%s, %s)", ("a", "b", 1, "c")).fetchone() == ("ab", "1c")
        assert connection.execute("select %s as t union all select %s order by 1", ("x", "y")).fetchall() == [("x",), ("y",)]


def test_texts_that_a_client_writes_into_a_statement_stay_texts(lab):
    """A backslash escapes what is behind it, and clients are told so."""
    texts = ("\\", " or 1=1 --", "it's", "\\'", "a\\b\nc", "'; drop table kept; --")
    with lab.connect() as connection:
        assert connection.info.parameter_status("standard_conforming_strings") is None
        cursor = psycopg.ClientCursor(connection)
        cursor.execute("create table kept (t varchar(50))")
        for text in texts:
            assert cursor.execute("select %s, count(*) from kept where t = %s", (text, text)).fetchone() == (text, 0)
            cursor.execute("insert into kept values (%s)", (text,))
            assert cursor.execute("select t from kept where t = %s", (text,)).fetchall() == [(text,)]
        assert cursor.execute("select count(*) from kept where t = %s and t = %s", texts[:2]).fetchone() == (0,)


def test_dates_and_times_may_be_parameters(lab):
    with lab.connect() as sql:
        sql.execute("CREATE TABLE days AS SELECT '2024-02-29'::date AS d, '2024-02-29 12:30:00.25'::timestamp AS t")
        day, time = datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 12, 30, 0, 250000)
        query = "SELECT d, t FROM days WHERE d = %s AND t = %s AND t < %s AND t::time >= %s"
        zoned = datetime.datetime(2024, 2, 29, 13, 31, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
        found = sql.execute(query, (day, time, zoned, datetime.time(12, 30)))
        assert found.fetchall() == [(day, time)]
        sql.execute("INSERT INTO days VALUES (%s, %s)", (datetime.date(1969, 7, 20), datetime.datetime(1969, 7, 20, 20, 17, 40)))
        assert sql.execute("SELECT min(d), min(t) FROM days").fetchall() == [(datetime.date(1969, 7, 20), datetime.datetime(1969, 7, 20, 20, 17, 40))]


def test_a_prepared_statement_does_not_change_its_result(lab):
    with lab.connect() as connection, lab.connect() as other:
        other.execute("create table t (k timestamp)")
        read = lambda: connection.execute("select k from t", prepare=True).fetchall()
        assert read() == []
        other.execute("drop table t")
        other.execute("create table t (k decimal(10,2))")
        other.execute("insert into t values (-31.25)")
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="cached plan must not change result type"):
            read()
        assert connection.execute("select k from t where true").fetchall() == [(decimal.Decimal("-31.25"),)]


def test_a_statement_can_be_cancelled(lab):
    with lab.connect() as connection:
        connection.execute("create table n (i integer)")
        connection.execute("insert into n values " + ",".join(f"({i})" for i in range(2000)))
        import threading

        threading.Timer(0.5, connection.cancel).start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("select sum(a.i * b.i * c.i) from n a cross join n b cross join n c")
        assert connection.execute("select 1").fetchone() == (1,)


def test_sql_that_analysts_write(lab):
    with lab.connect() as connection:
        one = lambda sql: connection.execute(sql).fetchall()
        connection.execute("create table orders (id integer, customer integer, amount decimal(10,2)) diststyle even sortkey (id)")
        connection.execute("insert into orders values (1, 1, 10.50), (2, 1, 5.25), (3, 2, 7.00)")
        connection.execute("create table customers as select 1 as id, 'ann' as name union all select 2, 'bob'")
        assert one("select name, sum(amount) from orders join customers c on c.id = customer group by name order by name") == [
            ("ann", decimal.Decimal("15.75")), ("bob", decimal.Decimal("7.00"))]
        assert one("select id, row_number() over (partition by customer order by amount) from orders order by id") == [
            (1, 2), (2, 1), (3, 1)]
        assert one("select count(*), count(*) from orders") == [(3, 3)]
        assert one("select customer, id, count(*) from orders group by rollup (customer, id) order by 1, 2") == [
            (1, 1, 1), (1, 2, 1), (1, None, 2), (2, 3, 1), (2, None, 1), (None, None, 3)]
        assert one("select customer, count(*) from orders group by grouping sets ((customer), ()) order by 1") == [(1, 2), (2, 1), (None, 3)]
        assert one("select '2026-01-02 03:04'::timestamp = '2026-01-02 03:04:00', '2026-01-02T03:04'::timestamptz::varchar") == [
            (True, "2026-01-02 03:04:00+00")]
        assert one("select '2026-01-03 01:00'::timestamp - '2026-01-01'::timestamp") == [(datetime.timedelta(days=2, hours=1),)]
        cursor = connection.execute("select count(*), 1 + 1, 'x'::varchar(5), case when true then 1 end from orders")
        assert [column.name for column in cursor.description] == ["count", "?column?", "varchar", "case"]
        assert "QUERY PLAN" in connection.execute("explain select * from orders").description[0].name
        connection.execute("create materialized view totals as select customer, sum(amount) as total from orders group by customer")
        connection.execute("insert into orders values (4, 2, 1.00)")
        connection.execute("refresh materialized view totals")
        assert one("select total from totals where customer = 2") == [(decimal.Decimal("8.00"),)]
        connection.execute("drop materialized view totals")
        connection.execute("drop table orders")
        assert one("select count(*) from pg_tables where schemaname = 'public'") == [(1,)]


def test_a_transaction_shows_its_changes_to_itself_only(lab):
    with lab.connect(autocommit=False) as writer, lab.connect() as reader:
        writer.execute("create table t (a integer)")
        writer.execute("insert into t values (1)")
        assert writer.execute("select * from t").fetchall() == [(1,)]
        with pytest.raises(psycopg.errors.UndefinedTable):
            reader.execute("select * from t")
        writer.commit()
        assert reader.execute("select * from t").fetchall() == [(1,)]
        with pytest.raises(psycopg.errors.UndefinedTable):
            writer.execute("select * from nothing")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            writer.execute("select 1")


def test_duckdb_attaches_the_catalog_and_reads_both_views(lab, tmp_path):
    with lab.connect() as connection:
        lab.create_views(connection)
        lab.put_charges(range(300))
        for view in ("ev_station_data", "ev_station_data_extract"):
            connection.execute(f"REFRESH MATERIALIZED VIEW {view}")
    assert lab.server.stop() == 0
    (catalog,) = (lab.server.data / "clusters").glob("*/catalog.sqlite")
    extensions = ROOT / ".venv/lib"
    duck = duckdb.connect(config={"allow_unsigned_extensions": True})
    for package, file, name in (("ducklake", "ducklake", "ducklake"), ("sqlite", "sqlite", "sqlite_scanner")):
        (found,) = extensions.glob(f"python*/site-packages/duckdb_extension_{package}/extensions/*/{file}.duckdb_extension")
        copy = tmp_path / f"{name}.duckdb_extension"
        copy.write_bytes(found.read_bytes())
        duck.execute(f"load '{copy}'")
    duck.execute(f"attach 'ducklake:sqlite:{catalog}' as lake (read_only)")
    assert duck.execute("select count(*), count(distinct payload ->> '_id') from lake.public.ev_station_data").fetchone() == (300, 300)
    total = duck.execute("select sum(kwhdelivered), min(id), max(id) from lake.public.ev_station_data_extract").fetchone()
    assert total == (decimal.Decimal(sum(range(300)) + 75), f"{0:036d}", f"{299:036d}")
    assert duck.execute("select count(*) from lake.public.ev_station_data_extract where id = ?", [f"{7:036d}"]).fetchone() == (1,)


def test_the_commands_of_tidemill_itself(server):
    data = ["--data", server.data]
    exports = run([BINARY, "env", *data], server)
    assert f"AWS_ENDPOINT_URL='{server.endpoint}'" in exports
    lab = Lab(server).prepare()
    sent = run([BINARY, "generate", lab.STREAM, "--template", LAB / "template.txt", "--rate", "200", "--count", "100", *data], server)
    assert "100 records sent" in sent
    with lab.connect() as connection:
        lab.create_views(connection)
    output = run([BINARY, "sql", "-c", "refresh materialized view ev_station_data; select count(*) from ev_station_data",
                  "--password", PASSWORD, *data], server)
    assert "100" in output
    bad = server.data.parent / "bad.txt"
    bad.write_text('{\n"a": "{{address.zipCode}}"}')
    refused = subprocess.run([BINARY, "generate", "s", "--template", bad, *data], capture_output=True, text=True)
    assert refused.returncode == 1 and "line 2: unknown function address.zipCode" in refused.stderr


def test_the_lab_command_runs_and_leaves_nothing(tmp_path):
    free = ["--aws-addr", "127.0.0.1:0", "--postgres-addr", "127.0.0.1:0", "--console-addr", "127.0.0.1:0"]
    command = [BINARY, "lab", "--once", "--seconds", "2", "--data", tmp_path / "data", *free]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "#users" in done.stdout and "energy_consumed" in done.stdout
    assert not list((tmp_path / "data" / "streams").iterdir()) and not list((tmp_path / "data" / "clusters").iterdir())


def test_intervals_are_sent_in_either_form(lab):
    with lab.connect() as connection:
        query = "SELECT interval '1 day 2 hours 0.5 seconds', timestamp '2026-01-01' - timestamp '2026-01-02 12:00:00'"
        for binary in (False, True):
            row = connection.cursor(binary=binary).execute(query).fetchone()
            assert row == (datetime.timedelta(days=1, hours=2, seconds=0.5), datetime.timedelta(days=-1, hours=-12))
