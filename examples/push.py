#!/usr/bin/env python3
"""Pushes one entry for Gordon, with the package redis (redis-py).

    push.py TYPE [ARGUMENT...]

REDIS_ADDRESS is host:port or the absolute path of a unix socket, QUEUE_KEY is
the queue_key of gordon.toml. Prints how many entries now wait.
"""

import json
import os
import sys

import redis


def push(client, key, *args, **env):
    """Pushes an entry and returns how many now wait.

    args are the arguments of the script, env are variables for its
    environment. Gordon takes strings only, so numbers become some.
    """
    entry = {"args": [str(a) for a in args]}
    if env:
        entry["env"] = {name: str(value) for name, value in env.items()}
    return client.rpush(key, json.dumps(entry))


def connect(address):
    if address.startswith("/"):
        return redis.Redis(unix_socket_path=address)
    host, _, port = address.rpartition(":")
    return redis.Redis(host=host, port=int(port))


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: push.py TYPE [ARGUMENT...]")
    client = connect(os.environ.get("REDIS_ADDRESS", "127.0.0.1:6379"))
    queue_key = os.environ.get("QUEUE_KEY", "taskqueue")
    print(push(client, f"{queue_key}:{sys.argv[1]}", *sys.argv[2:]))


if __name__ == "__main__":
    main()
