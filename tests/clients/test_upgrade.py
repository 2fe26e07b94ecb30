"""Data directories that earlier versions have left are taken over. Each fixture is one, made by the version of that format."""

import pathlib
import tarfile

from server import Lab, Server

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
