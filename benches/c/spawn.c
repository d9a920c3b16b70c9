/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* W2: spawn n short strands from one, wait for all. W2j: spawn one and join it, n times. W2t: the same with
 * a task, whose value is awaited and whose handle is released. */
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

static strand_status answer(void *unused, uint64_t *value)
{
    (void)unused;
    *value = 1;
    return STRAND_OK;
}

void task_await(const bench_run *run)
{
    uint64_t sum = 0;
    int64_t began = bench_now();
    for (long i = 0; i < run->n; i++) {
        strand_task task;
        uint64_t value;
        CHECK(strand_task_spawn(0, answer, NULL, &task));
        CHECK(strand_task_await(task, STRAND_FOREVER, &value));
        CHECK(strand_task_release(task));
        sum += value;
    }
    bench_ns_per(began, (double)run->n);
    REQUIRE(sum == (uint64_t)run->n);
}
