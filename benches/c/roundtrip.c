/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * W4: two strands, two rendezvous channels, one value going to and fro; nanoseconds per round trip.
 * W4d: the same, each receive with a deadline one second ahead, which is always met.
 */
#include "bench.h"

enum { SECOND = 1000000000 };
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

static void *timed_echo(void *unused)
{
    uint64_t value;
    (void)unused;
    for (long i = 0; i < trips; i++) {
        CHECK(strand_chan_recv(there, &value, strand_after(SECOND)));
        CHECK(strand_chan_send(back, &value, STRAND_FOREVER));
    }
    return NULL;
}

static void *timed_caller(void *unused)
{
    (void)unused;
    for (long i = 0; i < trips; i++) {
        uint64_t sent = (uint64_t)i;
        uint64_t received;
        CHECK(strand_chan_send(there, &sent, STRAND_FOREVER));
        CHECK(strand_chan_recv(back, &received, strand_after(SECOND)));
        REQUIRE(received == sent);
    }
    return NULL;
}

static void run_pair(const bench_run *run, strand_entry echoing, strand_entry calling)
{
    trips = run->n;
    CHECK(strand_chan_new(sizeof(uint64_t), 0, &there));
    CHECK(strand_chan_new(sizeof(uint64_t), 0, &back));
    int64_t began = bench_now();
    CHECK(strand_spawn(echoing, NULL, NULL));
    CHECK(strand_spawn(calling, NULL, NULL));
    CHECK(strand_wait_all(STRAND_FOREVER));
    bench_ns_per(began, (double)trips);
    CHECK(strand_chan_release(there));
    CHECK(strand_chan_release(back));
}

void roundtrip(const bench_run *run)
{
    run_pair(run, echo, caller);
}

void roundtrip_timed(const bench_run *run)
{
    run_pair(run, timed_echo, timed_caller);
}
