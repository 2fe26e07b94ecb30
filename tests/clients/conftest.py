import pytest

from server import Lab, Server


@pytest.fixture
def server(tmp_path, request):
    """A server; its options are those of the test's `serve` mark."""
    mark = request.node.get_closest_marker("serve")
    server = Server(tmp_path / "data", *(mark.args if mark else ())).start()
    yield server
    if server.process.poll() is None:
        assert server.stop() == 0


@pytest.fixture
def lab(server):
    return Lab(server).prepare()


def pytest_configure(config):
    config.addinivalue_line("markers", "serve(*options): options of the server that the test talks to")
