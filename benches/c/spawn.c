/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* W2: spawn n short strands from one, wait for all. W2j: spawn one and join it, n times. */
#include "bench.h"

static void *nothing(void *unused)
{
    (void)unused;
    return NULL;
}

void spawn_all(const bench_run *run)
{
    int64_t began = bench_now();
    for (long i = 0; i < run->n; i++) {
        CHECK(strand_spawn(nothing, NULL, NULL));
    }
    CHECK(strand_wait_all(STRAND_FOREVER));
    bench_ns_per(began, (double)run->n);
}

void spawn_join(const bench_run *run)
{
    int64_t began = bench_now();
    for (long i = 0; i < run->n; i++) {
        strand_id child;
        CHECK(strand_spawn(nothing, NULL, &child));
        CHECK(strand_join(child, STRAND_FOREVER));
    }
    bench_ns_per(began, (double)run->n);
}
