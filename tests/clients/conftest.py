import pytest

from server import Lab, Server


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path / "data").start()
    yield server
    if server.process.poll() is None:
        assert server.stop() == 0


@pytest.fixture
def lab(server):
    return Lab(server).prepare()
