"""Data directories that earlier versions have left are taken over. Each fixture is one, made by the version of that format."""

import pathlib
import sqlite3
import tarfile

from server import Lab, Server, lab_statements

FIXTURES = pathlib.Path(__file__).parents[1] / "fixtures"


def test_a_catalog_of_format_2_is_taken_over(tmp_path):
    """It has the lab's two views, a grouped view and one over it, each of 500 charges, and a table."""
    with tarfile.open(FIXTURES / "catalog-2.tar.gz") as fixture:
        fixture.extractall(tmp_path / "data", filter="data")
    server = Server(tmp_path / "data").start()
    lab = Lab(server)
    with lab.connect() as sql:
        assert sql.execute("SELECT count(*), count(DISTINCT payload._id) FROM ev_station_data").fetchone() == (500, 500)
        assert sql.execute("SELECT sum(n) FROM stations").fetchone() == (500,)
        assert sql.execute("SELECT count(*), sum(n) FROM busy").fetchone() == (33, 66)
        assert sql.execute("SELECT sum(price) FROM prices").fetchone()[0] == 5.5
        lab.put_charges(range(500, 510))
        sql.execute("REFRESH MATERIALIZED VIEW ev_station_data")
        sql.execute("REFRESH MATERIALIZED VIEW busy CASCADE")
        sql.execute("VACUUM")
        assert sql.execute("SELECT count(*), count(DISTINCT payload._id) FROM ev_station_data").fetchone() == (510, 510)
        assert sql.execute("SELECT sum(n) FROM stations").fetchone() == (510,)
        assert sql.execute("SELECT count(*) FROM svl_mv_refresh_status WHERE trim(refresh_type) = 'Manual'").fetchone() == (3,)
    assert server.stop() == 0


def say_in_catalog(server, old: str, new: str, columns: str = "") -> int:
    """Has the catalog say what an earlier version would have, of relations and maybe of columns. Of how many relations it does."""
    server.kill()
    with sqlite3.connect(next(server.data.glob("clusters/*/catalog.sqlite"))) as catalog:
        replace = "UPDATE tidemill_relation SET description = replace(description, ?, ?) WHERE instr(description, ?)"
        changed = catalog.execute(replace, (old, new, old)).rowcount
        if columns:
            catalog.execute("UPDATE ducklake_column SET column_type = 'int64' WHERE column_type = ?", (columns,))
    server.start()
    return changed


def test_sums_of_bigints_that_were_kept_as_bigints_go_on(server, lab):
    """So they were kept before SUM of BIGINT was a DECIMAL. No rows of this view are in files when its catalog is made to say so."""
    station = "json_extract_path_text(from_varbyte(kinesis_data, 'utf-8'), 'stationID', true)"
    lab.put_charges(range(100))
    with lab.connect() as sql:
        sql.execute(lab_statements("1-external-schema")[0])
        sql.execute(f"CREATE MATERIALIZED VIEW totals AS SELECT {station}::int % 7 AS m, sum({station}::bigint) AS total FROM evdata.ev_stream_data GROUP BY 1")
        sql.execute("REFRESH MATERIALIZED VIEW totals")
        wanted = sql.execute("SELECT * FROM totals ORDER BY m").fetchall()
    assert say_in_catalog(server, "numeric(38,0)", "bigint", "decimal(38,0)") == 1
    lab = Lab(server)
    with lab.connect() as sql:
        for times in range(1, 4):
            sql.execute("REFRESH MATERIALIZED VIEW totals")
            totals = [(m, times * total) for m, total in wanted]
            assert sql.execute("SELECT * FROM totals ORDER BY m").fetchall() == totals
            sql.execute("ANALYZE totals")
            sql.execute("VACUUM totals")
            assert sql.execute("SELECT * FROM totals ORDER BY m").fetchall() == totals
            lab.put_charges(range(100))


def test_integers_that_were_kept_as_bigints_stay_bigints(server, lab):
    """So they were kept before a number that is written out was an INTEGER."""
    query = "SELECT 1 AS one, length(kinesis_data) * 2 AS twice FROM evdata.ev_stream_data"
    lab.put_charges(range(100))
    with lab.connect() as sql:
        sql.execute(lab_statements("1-external-schema")[0])
        sql.execute(f"CREATE MATERIALIZED VIEW sizes AS {query}")
        sql.execute("CREATE MATERIALIZED VIEW chosen AUTO REFRESH YES AS SELECT one, one + 1 AS two FROM sizes WHERE twice > 0")
    assert say_in_catalog(server, '"integer"', '"bigint"', "int32") == 2
    lab = Lab(server)
    with lab.connect() as sql:
        for times in range(1, 4):
            sql.execute("REFRESH MATERIALIZED VIEW sizes")
            assert sql.execute("SELECT sum(one), min(twice) > 0 FROM sizes").fetchone() == (times * 100, True)
            assert sql.execute("SELECT count(*), sum(two) FROM chosen").fetchone() == (times * 100, times * 200)
            sql.execute("VACUUM sizes")
            lab.put_charges(range(100))


def test_sums_that_were_kept_as_decimals_go_on(server, lab):
    """So they were kept of what was computed with a number that was written out."""
    lab.put_charges(range(100))
    query = "SELECT length(kinesis_data) % 2 AS m, avg(length(kinesis_data) * 2::bigint) AS mean, sum(x) AS total FROM "
    query += "(SELECT kinesis_data, length(kinesis_data) + 1::bigint AS x FROM evdata.ev_stream_data) AS records GROUP BY 1"
    with lab.connect() as sql:
        sql.execute(lab_statements("1-external-schema")[0])
        sql.execute(f"CREATE MATERIALIZED VIEW totals AS {query}")
        sql.execute("REFRESH MATERIALIZED VIEW totals")
        sql.execute("VACUUM totals")
        wanted = sql.execute("SELECT m, mean, total FROM totals ORDER BY m").fetchall()
    assert say_in_catalog(server, "::BIGINT", "") == 1
    lab = Lab(server)
    with lab.connect() as sql:
        assert sql.execute("SELECT m, mean, total FROM totals ORDER BY m").fetchall() == wanted
        lab.put_charges(range(100))
        sql.execute("REFRESH MATERIALIZED VIEW totals")
        assert sql.execute("SELECT m, mean, total FROM totals ORDER BY m").fetchall() == [(m, mean, 2 * total) for m, mean, total in wanted]
