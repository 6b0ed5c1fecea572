"""The standard trial with testcontainers: a container per trial, a published port, a mounted folder."""

import os

import pytest
from conftest import OPTIONS, read_back, wait, write
from testcontainers.community.redis import RedisContainer

IMAGE = os.environ.get("IMAGE")

pytestmark = pytest.mark.skipif(not IMAGE, reason="IMAGE names no image with a redis-server")


def test_kill(tmp_path, seed):
    container = RedisContainer(IMAGE)
    container.with_command(["redis-server", "--protected-mode", "no", "--dir", "/data", *OPTIONS])
    container.with_volume_mapping(tmp_path, "/data", "rw")
    with container:
        write(container.get_client(), seed)
        engine = container.get_wrapped_container()
        engine.kill("SIGKILL")
        engine.wait()
        engine.start()
        # The engine publishes another port at every start.
        client = container.get_client()
        wait(client)
        read_back(client, seed)
