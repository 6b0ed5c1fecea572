"""The standard trial with a local process: subprocess and redis-py."""

import contextlib
import os
import subprocess

import pytest
import redis
from conftest import OPTIONS, read_back, wait, write

SERVER = os.environ.get("SERVER")

pytestmark = pytest.mark.skipif(not SERVER, reason="SERVER names no redis-server")


@contextlib.contextmanager
def server(folder):
    socket = folder / "s"
    command = [SERVER, "--port", "0", "--unixsocket", socket, "--dir", folder, *OPTIONS]
    with open(folder / "log", "a") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            client = redis.Redis(unix_socket_path=str(socket))
            wait(client)
            yield client
        finally:
            process.kill()


def test_kill(tmp_path, seed):
    with server(tmp_path) as client:
        write(client, seed)
    with server(tmp_path) as client:
        read_back(client, seed)
