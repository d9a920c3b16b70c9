/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* W6: 10,000 strands in a ring of rendezvous channels, one value going round; nanoseconds per hop. n counts hops. */
#include "bench.h"

enum { MEMBERS = 10000 };

static long laps;
static strand_chan links[MEMBERS]; /* member i receives from links[i - 1] and sends to links[i] */

static void *member(void *arg)
{
    const strand_chan *link = arg;
    for (long i = 0; i < laps; i++) {
        uint64_t value;
        CHECK(strand_chan_recv(link[-1], &value, STRAND_FOREVER));
        value++;
        CHECK(strand_chan_send(link[0], &value, STRAND_FOREVER));
    }
    return NULL;
}

void ring(const bench_run *run)
{
    uint64_t value = 0;
    laps = run->n / MEMBERS > 0 ? run->n / MEMBERS : 1;
    for (long i = 0; i < MEMBERS; i++) {
        CHECK(strand_chan_new(sizeof value, 0, &links[i]));
    }
    for (long i = 1; i < MEMBERS; i++) {
        CHECK(strand_spawn(member, &links[i], NULL));
    }
    int64_t began = bench_now();
    for (long i = 0; i < laps; i++) {
        CHECK(strand_chan_send(links[0], &value, STRAND_FOREVER));
        CHECK(strand_chan_recv(links[MEMBERS - 1], &value, STRAND_FOREVER));
    }
    bench_ns_per(began, (double)laps * MEMBERS);
    REQUIRE(value == (uint64_t)laps * (MEMBERS - 1));
    CHECK(strand_wait_all(STRAND_FOREVER));
    for (long i = 0; i < MEMBERS; i++) {
        CHECK(strand_chan_release(links[i]));
    }
}
