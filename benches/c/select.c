/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * W8: four strands send on a rendezvous channel each, one receives from whichever is ready; nanoseconds per message.
 * W8r: one case, which is always ready, and beside it the same receives without a select.
 */
#include "bench.h"

enum { SENDERS = 4 };

static long each;
static strand_chan channels[SENDERS];

static void *send_all(void *channel)
{
    for (long i = 0; i < each; i++) {
        uint64_t value = (uint64_t)i;
        CHECK(strand_chan_send(*(strand_chan *)channel, &value, STRAND_FOREVER));
    }
    return NULL;
}

static void *select_all(void *unused)
{
    uint64_t values[SENDERS];
    uint64_t next[SENDERS] = {0};
    strand_case cases[SENDERS];
    (void)unused;
    for (int i = 0; i < SENDERS; i++) {
        cases[i] = (strand_case){.size = sizeof *cases, .kind = STRAND_CASE_RECV, .handle = channels[i], .element = &values[i]};
    }
    for (long i = 0; i < each * SENDERS; i++) {
        size_t which;
        CHECK(strand_select(cases, SENDERS, STRAND_FOREVER, STRAND_SELECT_FAIR, &which));
        REQUIRE(values[which] == next[which]);
        next[which]++;
    }
    return NULL;
}

void select_four(const bench_run *run)
{
    each = run->n / SENDERS;
    for (int i = 0; i < SENDERS; i++) {
        CHECK(strand_chan_new(sizeof(uint64_t), 0, &channels[i]));
    }
    int64_t began = bench_now();
    for (int i = 0; i < SENDERS; i++) {
        CHECK(strand_spawn(send_all, &channels[i], NULL));
    }
    CHECK(strand_spawn(select_all, NULL, NULL));
    CHECK(strand_wait_all(STRAND_FOREVER));
    bench_ns_per(began, (double)(each * SENDERS));
    for (int i = 0; i < SENDERS; i++) {
        CHECK(strand_chan_release(channels[i]));
    }
}

/* Receives what was sent before, by a select or by itself: nanoseconds per message. */
static double receive_ready(long n, int by_select)
{
    uint64_t value = 0;
    size_t which = 0;
    strand_chan channel;
    CHECK(strand_chan_new(sizeof value, (size_t)n, &channel));
    strand_case one = {.size = sizeof one, .kind = STRAND_CASE_RECV, .handle = channel, .element = &value};
    for (long i = 0; i < n; i++) {
        CHECK(strand_chan_send(channel, &value, STRAND_NO_WAIT));
    }
    int64_t began = bench_now();
    for (long i = 0; i < n; i++) {
        if (by_select) {
            CHECK(strand_select(&one, 1, STRAND_FOREVER, STRAND_SELECT_FAIR, &which));
        } else {
            CHECK(strand_chan_recv(channel, &value, STRAND_FOREVER));
        }
    }
    int64_t ended = bench_now();
    CHECK(strand_chan_release(channel));
    return (double)(ended - began) / (double)n;
}

void select_ready(const bench_run *run)
{
    const long batch = 4096; /* fits the cache, so that the calls are measured and not the memory */
    const long batches = run->n / batch + 1;
    double plain = 0;
    double by_select = 0;
    for (long i = 0; i < batches; i++) {
        plain += receive_ready(batch, 0);
        by_select += receive_ready(batch, 1);
    }
    bench_result("ns", by_select / (double)batches);
    bench_result("plain_ns", plain / (double)batches);
    bench_result("ratio", by_select / plain);
}
