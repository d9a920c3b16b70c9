// SPDX-License-Identifier: MIT OR Apache-2.0
// Native entries for python_ctypes.py, built as a shared library. Why not Python functions: a Python callable needs the
// interpreter's lock and its per-thread state, and both belong to an OS thread, while a strand may go on on another.
#include <strand.h>

struct pipe {
    strand_chan from, to;
};

// Receives numbers, sends their squares, until there are no more.
void *squarer(void *argument);
void *squarer(void *argument) {
    const struct pipe *pipe = argument;
    for (int64_t n; strand_chan_recv(pipe->from, &n, STRAND_FOREVER) == STRAND_OK;) {
        n *= n;
        if (strand_chan_send(pipe->to, &n, STRAND_FOREVER) != STRAND_OK) break;
    }
    return NULL;
}
