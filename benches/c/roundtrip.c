/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* W4: two strands, two rendezvous channels, one value going to and fro; nanoseconds per round trip. */
#include "bench.h"

static long trips;
static strand_chan there;
static strand_chan back;

static void *echo(void *unused)
{
    uint64_t value;
    (void)unused;
    for (long i = 0; i < trips; i++) {
        CHECK(strand_chan_recv(there, &value, STRAND_FOREVER));
        CHECK(strand_chan_send(back, &value, STRAND_FOREVER));
    }
    return NULL;
}

static void *caller(void *unused)
{
    (void)unused;
    for (long i = 0; i < trips; i++) {
        uint64_t sent = (uint64_t)i;
        uint64_t received;
        CHECK(strand_chan_send(there, &sent, STRAND_FOREVER));
        CHECK(strand_chan_recv(back, &received, STRAND_FOREVER));
        REQUIRE(received == sent);
    }
    return NULL;
}

void roundtrip(const bench_run *run)
{
    trips = run->n;
    CHECK(strand_chan_new(sizeof(uint64_t), 0, &there));
    CHECK(strand_chan_new(sizeof(uint64_t), 0, &back));
    int64_t began = bench_now();
    CHECK(strand_spawn(echo, NULL, NULL));
    CHECK(strand_spawn(caller, NULL, NULL));
    CHECK(strand_wait_all(STRAND_FOREVER));
    bench_ns_per(began, (double)trips);
    CHECK(strand_chan_release(there));
    CHECK(strand_chan_release(back));
}
