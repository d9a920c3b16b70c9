/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* W11a: fib(n) in parallel down to 12, serial below; mean of 20. W11f: a strand for one half of every call. Milliseconds. */
#include "bench.h"

enum { COARSE = 12, FINE = 2, COARSE_REPEATS = 20 };

typedef struct call {
    long n;
    uint64_t value;
} call;

static long serial_below;

static uint64_t fib_serial(long n)
{
    return n < 2 ? (uint64_t)n : fib_serial(n - 1) + fib_serial(n - 2);
}

static void *fib_entry(void *arg);

static uint64_t fib(long n)
{
    strand_id child;
    call half = {.n = n - 1};
    if (n < serial_below) {
        return fib_serial(n);
    }
    CHECK(strand_spawn(fib_entry, &half, &child));
    uint64_t other = fib(n - 2);
    CHECK(strand_join(child, STRAND_FOREVER));
    return half.value + other;
}

static void *fib_entry(void *arg)
{
    call *mine = arg;
    mine->value = fib(mine->n);
    return NULL;
}

static void fib_down_to(long n, long serial, int repeats)
{
    uint64_t before = 0;
    uint64_t value = 1;
    for (long i = 1; i < n; i++) {
        uint64_t next = before + value;
        before = value;
        value = next;
    }
    serial_below = serial;
    int64_t began = bench_now();
    for (int i = 0; i < repeats; i++) {
        REQUIRE(fib(n) == value);
    }
    bench_result("ms", (double)(bench_now() - began) / 1e6 / repeats);
}

void fib_coarse(const bench_run *run)
{
    fib_down_to(run->n, COARSE, COARSE_REPEATS);
}

void fib_fine(const bench_run *run)
{
    fib_down_to(run->n, FINE, 1);
}
