"""What both ways share: how many trials, and a trial's writes, patience and read-back."""

import os
import time

import redis

TRIALS = int(os.environ.get("TRIALS", "100"))
OPTIONS = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
KEYS = [f"key:{number}" for number in range(1000)]


def pytest_generate_tests(metafunc):
    metafunc.parametrize("seed", range(TRIALS))


def value(seed, key):
    return f"{seed}-{key}-".encode().ljust(64, b"x")


def wait(client):
    limit = time.monotonic() + 10
    while True:
        try:
            return client.ping()
        except redis.ConnectionError:
            assert time.monotonic() < limit, "the server does not answer"
            time.sleep(0.001)


def write(client, seed):
    pipeline = client.pipeline(transaction=False)
    for key in KEYS:
        pipeline.set(key, value(seed, key))
    assert all(pipeline.execute())


def read_back(client, seed):
    # What waits for an fsync may be lost; what is there must be right.
    for key, found in zip(KEYS, client.mget(KEYS)):
        assert found in (None, value(seed, key))
