/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* W1a, W1b: strands that do nothing but yield; nanoseconds per yield over all strands together. */
#include "bench.h"

static long yields_each;

static void *yielder(void *unused)
{
    (void)unused;
    for (long i = 0; i < yields_each; i++) {
        CHECK(strand_yield());
    }
    return NULL;
}

static void yield_among(long strands, long total)
{
    yields_each = total / strands;
    int64_t began = bench_now();
    for (long i = 0; i < strands; i++) {
        CHECK(strand_spawn(yielder, NULL, NULL));
    }
    CHECK(strand_wait_all(STRAND_FOREVER));
    bench_ns_per(began, (double)(yields_each * strands));
}

void yield_two(const bench_run *run)
{
    yield_among(2, run->n);
}

void yield_many(const bench_run *run)
{
    yield_among(1000, run->n);
}
