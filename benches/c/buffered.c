/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* W5a, W5b: one channel with room for 128, one or four producers and as many consumers; nanoseconds per message. */
#include "bench.h"

#include <stdatomic.h>

enum { ROOM = 128 };

static long messages_each;
static strand_chan pipe_between;
static _Atomic uint64_t received_sum;

static void *producer(void *unused)
{
    (void)unused;
    for (long i = 0; i < messages_each; i++) {
        uint64_t message = (uint64_t)i;
        CHECK(strand_chan_send(pipe_between, &message, STRAND_FOREVER));
    }
    return NULL;
}

static void *consumer(void *unused)
{
    uint64_t sum = 0;
    (void)unused;
    for (long i = 0; i < messages_each; i++) {
        uint64_t message;
        CHECK(strand_chan_recv(pipe_between, &message, STRAND_FOREVER));
        sum += message;
    }
    atomic_fetch_add(&received_sum, sum);
    return NULL;
}

static void buffered(long pairs, long total)
{
    messages_each = total / pairs;
    atomic_store(&received_sum, 0);
    CHECK(strand_chan_new(sizeof(uint64_t), ROOM, &pipe_between));
    int64_t began = bench_now();
    for (long i = 0; i < pairs; i++) {
        CHECK(strand_spawn(producer, NULL, NULL));
        CHECK(strand_spawn(consumer, NULL, NULL));
    }
    CHECK(strand_wait_all(STRAND_FOREVER));
    bench_ns_per(began, (double)(messages_each * pairs));
    uint64_t each = (uint64_t)messages_each;
    REQUIRE(atomic_load(&received_sum) == (uint64_t)pairs * (each * (each - 1) / 2));
    CHECK(strand_chan_release(pipe_between));
}

void buffered_pair(const bench_run *run)
{
    buffered(1, run->n);
}

void buffered_four(const bench_run *run)
{
    buffered(4, run->n);
}
