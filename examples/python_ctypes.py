#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""libstrand from Python, with nothing but ctypes.

Python's own threads send and receive; the strands between them run native entries (entries.c). A Python callable is
no entry: it needs the interpreter's lock and per-thread state, and a strand may go on on another OS thread.

usage: python_ctypes.py libstrand.so entries.so
"""
import ctypes
import sys
import threading

FOREVER = -1
CLOSED = -9


class Pipe(ctypes.Structure):
    _fields_ = [("source", ctypes.c_uint64), ("target", ctypes.c_uint64)]


def load(path):
    library = ctypes.CDLL(path)
    status, handle, pointer, deadline = ctypes.c_int32, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_int64
    for name, arguments in {
        "strand_scheduler_init": [pointer],
        "strand_scheduler_run": [],
        "strand_scheduler_shutdown": [deadline],
        "strand_external_acquire": [],
        "strand_external_release": [],
        "strand_spawn": [pointer, pointer, ctypes.POINTER(handle)],
        "strand_chan_new": [ctypes.c_size_t, ctypes.c_size_t, ctypes.POINTER(handle)],
        "strand_chan_send": [handle, pointer, deadline],
        "strand_chan_recv": [handle, pointer, deadline],
        "strand_chan_close": [handle],
    }.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, status
    library.strand_status_name.argtypes, library.strand_status_name.restype = [status], ctypes.c_char_p
    return library


def main(library_path, entries_path):
    strand, entries = load(library_path), ctypes.CDLL(entries_path)

    def check(status):
        if status != 0:
            raise RuntimeError(strand.strand_status_name(status).decode())

    def channel(capacity):
        made = ctypes.c_uint64()
        check(strand.strand_chan_new(ctypes.sizeof(ctypes.c_int64), capacity, ctypes.byref(made)))
        return made.value

    def send_numbers():  # on a Python thread; ctypes lets go of the interpreter's lock while the call waits
        for n in range(1, 1001):
            check(strand.strand_chan_send(pipe.source, ctypes.byref(ctypes.c_int64(n)), FOREVER))
        check(strand.strand_chan_close(pipe.source))

    def receive_squares():  # on another Python thread
        value = ctypes.c_int64()
        while (status := strand.strand_chan_recv(pipe.target, ctypes.byref(value), FOREVER)) == 0:
            squares.append(value.value)
        assert status == CLOSED, status

    check(strand.strand_scheduler_init(None))
    check(strand.strand_external_acquire())  # the Python threads may still wake strands: no deadlock alarm meanwhile
    pipe, squares = Pipe(channel(0), channel(16)), []
    entry = ctypes.cast(entries.squarer, ctypes.c_void_p)
    for _ in range(4):
        check(strand.strand_spawn(entry, ctypes.byref(pipe), None))
    sender = threading.Thread(target=send_numbers)
    receiver = threading.Thread(target=receive_squares)
    sender.start()
    receiver.start()
    check(strand.strand_scheduler_run())  # until the four strands have ended
    check(strand.strand_chan_close(pipe.target))
    sender.join()
    receiver.join()
    check(strand.strand_external_release())
    check(strand.strand_scheduler_shutdown(FOREVER))

    assert sorted(squares) == [n * n for n in range(1, 1001)]
    print(f"two Python threads, four strands between them: {len(squares)} squares, sum {sum(squares)}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
