"""Wrong things give the errors that the real services give."""

import datetime
import json

import botocore.exceptions
import psycopg
import pytest
from server import ACCOUNT, LAB, lab_statements


def refused(call, **arguments) -> str:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def failed(connection, sql: str) -> psycopg.Error:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(sql)
    return caught.value


def test_a_wrong_key_or_signature_is_refused(server):
    for service, call, codes in (
        ("kinesis", "list_streams", ("UnrecognizedClientException", "InvalidSignatureException")),
        ("iam", "list_roles", ("InvalidClientTokenId", "SignatureDoesNotMatch")),
    ):
        stranger = server.client(service, aws_access_key_id="AKIASTRANGER")
        assert refused(getattr(stranger, call)) == codes[0]
        forger = server.client(service, aws_secret_access_key="wrong")
        assert refused(getattr(forger, call)) == codes[1]


def test_a_clock_that_is_off_is_refused(server, monkeypatch):
    import botocore.auth

    now = botocore.auth.get_current_datetime
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *args: now(*args) - datetime.timedelta(minutes=16))
    for service, call in (("kinesis", "list_streams"), ("iam", "list_roles")):
        with pytest.raises(botocore.exceptions.ClientError, match="Signature expired"):
            getattr(server.client(service), call)()


def test_kinesis_refuses_what_does_not_fit(server):
    kinesis = server.client("kinesis")
    assert refused(kinesis.describe_stream, StreamName="none") == "ResourceNotFoundException"
    kinesis.create_stream(StreamName="s", ShardCount=1)
    assert refused(kinesis.create_stream, StreamName="s", ShardCount=1) == "ResourceInUseException"
    large = b"x" * (1 << 20)
    assert refused(kinesis.put_record, StreamName="s", Data=large, PartitionKey="k") == "ValidationException"
    iterator = {"StreamName": "s", "ShardId": "shardId-000000000000"}
    assert refused(kinesis.get_shard_iterator, **iterator | {"ShardId": "shardId-000000000009"}, ShardIteratorType="LATEST") == "ResourceNotFoundException"
    assert refused(kinesis.get_records, ShardIterator="AAAA") == "InvalidArgumentException"
    assert refused(kinesis.split_shard, StreamName="s", ShardToSplit="x", NewStartingHashKey="1") == "ResourceNotFoundException"
    assert refused(kinesis.list_channels) == "InvalidArgumentException"


def test_iam_and_redshift_refuse_what_does_not_fit(server):
    iam, redshift = server.client("iam"), server.client("redshift")
    assert refused(iam.create_policy, PolicyName="p", PolicyDocument="{}") == "MalformedPolicyDocument"
    assert refused(iam.get_role, RoleName="none") == "NoSuchEntity"
    policy = iam.create_policy(PolicyName="p", PolicyDocument=(LAB / "policy.json").read_text())["Policy"]["Arn"]
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=(LAB / "trust.json").read_text())
    assert refused(iam.create_policy, PolicyName="p", PolicyDocument=(LAB / "policy.json").read_text()) == "EntityAlreadyExists"
    iam.attach_role_policy(RoleName="r", PolicyArn=policy)
    assert refused(iam.delete_role, RoleName="r") == "DeleteConflict"
    assert refused(redshift.describe_clusters, ClusterIdentifier="none") == "ClusterNotFound"
    weak = {"ClusterIdentifier": "c", "NodeType": "dc2.large", "MasterUsername": "u", "MasterUserPassword": "weak"}
    assert refused(redshift.create_cluster, **weak) == "InvalidParameterValue"


def test_a_wrong_password_or_database_is_refused(lab):
    wrongs = (
        ({"password": "wrong"}, "assword authentication failed"),
        ({"user": "nobody"}, "assword authentication failed"),
        ({"dbname": "none"}, 'database "none" does not exist'),
    )
    for wrong, message in wrongs:
        for tls in ("disable", "require"):
            with pytest.raises(psycopg.OperationalError, match=message):
                lab.connect(sslmode=tls, **wrong)


def test_bad_sql_has_a_sqlstate_and_a_place(lab):
    with lab.connect() as connection:
        error = failed(connection, "select * form svv_mv_info")
        assert error.sqlstate == "42601" and error.diag.statement_position == "10"
        error = failed(connection, "select nothing from svv_mv_info")
        assert error.sqlstate == "42703" and error.diag.statement_position == "8"
        for sql, state in (
            ("select * from nothing", "42P01"),
            ("select no_such_function(1)", "42883"),
            ("select 1/0", "22012"),
            ("select 'x'::int", "22P02"),
            ("select 'x'::decimal(5,2)", "22P02"),
            ("create table t (a varchar(2)); insert into t values ('abc')", "22001"),
            ("drop table nothing", "42P01"),
            ("select 'a'::no_such_type", "42704"),
            ("refresh materialized view nothing", "42P01"),
        ):
            assert failed(connection, sql).sqlstate == state, sql


def test_a_role_that_lacks_something_is_refused_by_name(lab):
    iam, redshift = lab.server.client("iam"), lab.server.client("redshift")
    (create,) = lab_statements("1-external-schema")
    with lab.connect() as connection:
        other = create.replace("RedshiftStreamingRole", "Other")
        assert "not associated" in str(failed(connection, other))
        iam.detach_role_policy(RoleName="RedshiftStreamingRole", PolicyArn=lab.POLICY)
        error = failed(connection, create)
        assert error.sqlstate == "42501" and "kinesis:GetRecords" in error.diag.message_detail

        trust = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
        iam.create_role(RoleName="Lambda", AssumeRolePolicyDocument=trust)
        add = {"ClusterIdentifier": "streaming-cluster", "AddIamRoles": [f"arn:aws:iam::{ACCOUNT}:role/Lambda"]}
        assert refused(redshift.modify_cluster_iam_roles, **add) == "InvalidParameterValue"

        iam.attach_role_policy(RoleName="RedshiftStreamingRole", PolicyArn=lab.POLICY)
        lab.create_views(connection)
        iam.detach_role_policy(RoleName="RedshiftStreamingRole", PolicyArn=lab.POLICY)
        assert failed(connection, "REFRESH MATERIALIZED VIEW ev_station_data").sqlstate == "42501"


def test_a_cast_that_fails_fails_the_refresh_and_nothing_is_half_applied(lab):
    with lab.connect() as connection:
        lab.create_views(connection)
        connection.execute("ALTER MATERIALIZED VIEW ev_station_data_extract AUTO REFRESH NO")
        lab.put_charges(range(50))
        lab.put(['{"_id": "bad", "kWhDelivered": "twelve"}'])
        error = failed(connection, "REFRESH MATERIALIZED VIEW ev_station_data_extract")
        assert error.sqlstate == "22P02" and "Invalid digit, Value 't', Pos 0, Type: Decimal" in str(error)
        assert connection.execute("select count(*) from ev_station_data_extract").fetchone() == (0,)


def test_invalid_json_is_dropped_by_can_json_parse_and_fails_json_parse(lab):
    with lab.connect() as connection:
        lab.create_views(connection)
        lab.put(['{"ok": true}', "{not json", "", '{"cut": "of'])
        connection.execute("REFRESH MATERIALIZED VIEW ev_station_data")
        assert connection.execute("select payload from ev_station_data").fetchall() == [('{"ok":true}',)]
        connection.execute(
            'CREATE MATERIALIZED VIEW strict AS SELECT json_parse(kinesis_data) AS payload FROM evdata."ev_stream_data"')
        assert "JSON parsing error" in str(failed(connection, "REFRESH MATERIALIZED VIEW strict"))


def test_what_a_streaming_view_cannot_have_is_refused_with_its_reason(lab):
    with lab.connect() as connection:
        lab.create_views(connection)
        stream = 'evdata."ev_stream_data"'
        for query, reason in (
            (f"select shard_id from {stream} order by 1", "ORDER BY"),
            (f"select shard_id from {stream} limit 1", "LIMIT"),
            (f"select a.shard_id from {stream} a join {stream} b on a.shard_id = b.shard_id", "join"),
        ):
            error = failed(connection, f"CREATE MATERIALIZED VIEW v AS {query}")
            assert error.sqlstate == "0A000" and reason in str(error)
        assert failed(connection, f"select * from {stream}").sqlstate == "0A000"


def test_long_statements_and_deep_documents_do_not_bring_the_server_down(lab):
    connection = lab.connect()
    connection.execute("CREATE TABLE wide (id int, name varchar(10))")
    chains = {
        "SELECT count(*) FROM wide WHERE {}": (" OR ", "id = 1"), "SELECT count(*) FROM wide WHERE {} ": (" AND ", "id <> 1"),
        "SELECT {} FROM wide": (" || ", "name"), "SELECT {}": (" UNION ALL SELECT ", "1"),
    }
    for statement, (link, part) in chains.items():
        connection.execute(statement.format(link.join([part] * 300)))
        error = failed(connection, statement.format(link.join([part] * 5_002)))
        assert (error.sqlstate, "chain" in str(error)) == ("54001", True), statement
    connection.execute("INSERT INTO wide VALUES " + ", ".join(f"(-{number}, 'n' || '-')" for number in range(3_000)))
    for statement in lab_statements("1-external-schema"):
        connection.execute(statement)
    deep = "[" * 1_100 + "]" * 1_100
    lab.put([json.dumps({"a": 1}), deep, deep[:1_100], '{"a":' * 600 + "1" + "}" * 600])
    connection.execute(
        "CREATE MATERIALIZED VIEW documents AS SELECT json_parse(kinesis_data) AS document FROM evdata.ev_stream_data "
        "WHERE can_json_parse(kinesis_data)"
    )
    connection.execute("REFRESH MATERIALIZED VIEW documents")
    assert connection.execute("SELECT count(*), count(document.a) FROM documents").fetchone() == (2, 2)
