/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * W9: n strands sleep, each for another time between 0 and 100 ms. How long until the last has woken, how much processor
 * time that took, and how long after its time each one woke.
 */
#include "bench.h"

#include <stdlib.h>

typedef struct sleeper {
    int64_t nanoseconds;
    int64_t late;
} sleeper;

static void *sleep_once(void *argument)
{
    sleeper *self = argument;
    int64_t began = bench_now();
    CHECK(strand_sleep(self->nanoseconds));
    self->late = bench_now() - began - self->nanoseconds;
    return NULL;
}

static int earlier(const void *left, const void *right)
{
    int64_t a = ((const sleeper *)left)->late, b = ((const sleeper *)right)->late;
    return (a > b) - (a < b);
}

void sleep_all(const bench_run *run)
{
    sleeper *sleepers = calloc((size_t)run->n, sizeof *sleepers);
    REQUIRE(sleepers != NULL);
    uint64_t random = 88172645463325252;
    double cpu = bench_cpu_ms();
    int64_t began = bench_now();
    for (long i = 0; i < run->n; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        sleepers[i].nanoseconds = (int64_t)(random % 100000) * 1000;
        CHECK(strand_spawn(sleep_once, &sleepers[i], NULL));
    }
    CHECK(strand_wait_all(STRAND_FOREVER));
    bench_result("ms", (double)(bench_now() - began) / 1e6);
    bench_result("cpu_ms", bench_cpu_ms() - cpu);
    qsort(sleepers, (size_t)run->n, sizeof *sleepers, earlier);
    REQUIRE(sleepers[0].late >= 0);
    bench_result("late_p50_ms", (double)sleepers[run->n / 2].late / 1e6);
    bench_result("late_p99_ms", (double)sleepers[run->n * 99 / 100].late / 1e6);
    bench_result("late_most_ms", (double)sleepers[run->n - 1].late / 1e6);
    free(sleepers);
}
