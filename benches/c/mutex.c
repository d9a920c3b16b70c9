/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * W10a, W10b: 1,000 strands and one mutex, which is given back at once or held over a yield; nanoseconds per lock and unlock.
 * W10u: a mutex that nobody else wants, beside the least that any lock costs: one compare-and-swap and one store, each
 * behind a call into another file as ours are.
 */
#include "bench.h"

enum { STRANDS = 1000 };

static strand_mutex mutex = STRAND_MUTEX_INIT;
static long each;
static uint64_t counter;
static int yields;

static void *locker(void *unused)
{
    (void)unused;
    for (long i = 0; i < each; i++) {
        CHECK(strand_mutex_lock(&mutex, STRAND_FOREVER));
        counter++;
        if (yields) {
            CHECK(strand_yield());
        }
        CHECK(strand_mutex_unlock(&mutex));
    }
    return NULL;
}

static void lock_among_all(long total)
{
    each = total / STRANDS;
    counter = 0;
    int64_t began = bench_now();
    for (long i = 0; i < STRANDS; i++) {
        CHECK(strand_spawn(locker, NULL, NULL));
    }
    CHECK(strand_wait_all(STRAND_FOREVER));
    bench_ns_per(began, (double)(each * STRANDS));
    REQUIRE(counter == (uint64_t)(each * STRANDS));
}

void mutex_contended(const bench_run *run)
{
    yields = 0;
    lock_among_all(run->n);
}

void mutex_over_yield(const bench_run *run)
{
    yields = 1;
    lock_among_all(run->n);
}

void mutex_uncontended(const bench_run *run)
{
    static uint64_t word;
    double least = 0, ours = 0;
    /* In turns, and the best of each: both meet the same disturbances. */
    for (int round = 0; round < 9; round++) {
        int64_t began = bench_now();
        for (long i = 0; i < run->n; i++) {
            CHECK(floor_lock(&word, STRAND_FOREVER));
            counter++;
            CHECK(floor_unlock(&word));
        }
        double took = (double)(bench_now() - began) / (double)run->n;
        least = round == 0 || took < least ? took : least;
        began = bench_now();
        for (long i = 0; i < run->n; i++) {
            CHECK(strand_mutex_lock(&mutex, STRAND_FOREVER));
            counter++;
            CHECK(strand_mutex_unlock(&mutex));
        }
        took = (double)(bench_now() - began) / (double)run->n;
        ours = round == 0 || took < ours ? took : ours;
    }
    bench_result("floor_ns", least);
    bench_result("ns", ours);
    bench_result("to_floor", ours / least);
}
