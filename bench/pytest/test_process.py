"""The standard trial with a local process: subprocess and redis-py."""

import os
import subprocess

import pytest
import redis
from conftest import OPTIONS, read_back, wait, write

SERVER = os.environ.get("SERVER")

pytestmark = pytest.mark.skipif(not SERVER, reason="SERVER names no redis-server")


def start(folder):
    socket = folder / "s"
    with open(folder / "log", "a") as log:
        server = subprocess.Popen(
            [SERVER, "--port", "0", "--unixsocket", socket, "--dir", folder, *OPTIONS], stdout=log, stderr=log
        )
    client = redis.Redis(unix_socket_path=str(socket))
    wait(client)
    return server, client


def test_kill(tmp_path, seed):
    server, client = start(tmp_path)
    write(client, seed)
    server.kill()
    server.wait()
    server, client = start(tmp_path)
    read_back(client, seed)
    server.kill()
    server.wait()
