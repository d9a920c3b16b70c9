/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* W11b: n pieces of uneven work spawned by one strand, every sixteenth sixteen times as long; speed-up over doing it serially. */
#include "bench.h"

#include <stdatomic.h>

static _Atomic uint64_t sink;

static uint64_t rounds_of(long i)
{
    return i % 16 == 0 ? 160000 : 10000;
}

static void *piece(void *arg)
{
    atomic_fetch_add_explicit(&sink, bench_burn(rounds_of((long)(intptr_t)arg)), memory_order_relaxed);
    return NULL;
}

void uneven(const bench_run *run)
{
    uint64_t total = 0;
    for (long i = 0; i < run->n; i++) {
        total += rounds_of(i);
    }
    int64_t began = bench_now();
    atomic_fetch_add(&sink, bench_burn(total));
    double serial = (double)(bench_now() - began);

    began = bench_now();
    for (long i = 0; i < run->n; i++) {
        CHECK(strand_spawn(piece, (void *)(intptr_t)i, NULL));
    }
    CHECK(strand_wait_all(STRAND_FOREVER));
    double spread = (double)(bench_now() - began);
    bench_result("ms", spread / 1e6);
    bench_result("speedup", serial / spread);
}
