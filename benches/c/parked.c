/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * W3: n strands alive at once, each parked in a receive on one channel; then one message for each. Memory is read
 * when the last of them has started, the resident set against what it was before the first.
 */
#include "bench.h"

#include <stdatomic.h>

static long wanted;
static atomic_long started;
static strand_chan all_started;
static strand_chan gate;

static void *waiter(void *unused)
{
    uint64_t message;
    (void)unused;
    if (atomic_fetch_add_explicit(&started, 1, memory_order_relaxed) + 1 == wanted) {
        message = 0;
        CHECK(strand_chan_send(all_started, &message, STRAND_FOREVER));
    }
    CHECK(strand_chan_recv(gate, &message, STRAND_FOREVER));
    return NULL;
}

void parked(const bench_run *run)
{
    uint64_t message;
    wanted = run->n;
    CHECK(strand_chan_new(sizeof message, 1, &all_started));
    CHECK(strand_chan_new(sizeof message, 0, &gate));
    int64_t resident = bench_status_kb("VmRSS:");
    int64_t tables = bench_status_kb("VmPTE:");

    int64_t began = bench_now();
    for (long i = 0; i < run->n; i++) {
        CHECK(strand_spawn(waiter, NULL, NULL));
    }
    CHECK(strand_chan_recv(all_started, &message, STRAND_FOREVER));
    int64_t created = bench_now() - began;

    bench_result("bytes_each", (double)(bench_status_kb("VmRSS:") - resident) * 1024 / (double)run->n);
    bench_result("table_bytes_each", (double)(bench_status_kb("VmPTE:") - tables) * 1024 / (double)run->n);
    bench_result("maps_live", (double)bench_maps());

    began = bench_now();
    for (long i = 0; i < run->n; i++) {
        message = (uint64_t)i;
        CHECK(strand_chan_send(gate, &message, STRAND_FOREVER));
    }
    CHECK(strand_wait_all(STRAND_FOREVER));
    int64_t released = bench_now() - began;

    bench_result("create_ns", (double)created / (double)run->n);
    bench_result("release_ns", (double)released / (double)run->n);
    bench_result("ns", (double)(created + released) / (double)run->n);
    CHECK(strand_chan_release(gate));
    CHECK(strand_chan_release(all_started));
}
