#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""http_clients.py PROGRAM: starts the server of http-actors.seq and asks it from several threads at once. Every key must have been counted
exactly as often as it was asked for, each count once, although more connections than that are open and say nothing; then the server is
told to stop, and must."""

import socket
import subprocess
import sys
import threading
import urllib.request

CLIENTS, REQUESTS, SILENT, KEYS = 8, 50, 150, ("apple", "bee", "cat", "dog", "egg")

server = subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, text=True)
port = int(server.stdout.readline())
answers: dict[str, list[int]] = {key: [] for key in KEYS}
lock = threading.Lock()


def get(path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=20) as response:
        return response.read().decode()


def ask(client: int) -> None:
    for i in range(REQUESTS):
        key = KEYS[(client + i) % len(KEYS)]
        count = int(get(key))
        with lock:
            answers[key].append(count)


silent = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(SILENT)]
clients = [threading.Thread(target=ask, args=(client,)) for client in range(CLIENTS)]
for client in clients:
    client.start()
for client in clients:
    client.join()
for key, counts in answers.items():
    assert sorted(counts) == list(range(1, CLIENTS * REQUESTS // len(KEYS) + 1)), (key, sorted(counts))
assert get("stop") == "stopped"
status = server.wait(timeout=20)
assert status == 0, status
for connection in silent:
    connection.close()
print(f"{CLIENTS * REQUESTS} requests beside {SILENT} silent connections, every count once")
