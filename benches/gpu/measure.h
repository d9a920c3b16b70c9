/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What all programs of this folder share: a clock, samples with median and p99, and lines "R <key> <value>".
 * A sample is a whole operation: handed over, carried out, read back. The first one is the cold one and is kept apart.
 */
#ifndef BENCH_GPU_MEASURE_H
#define BENCH_GPU_MEASURE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline int64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static inline void result(const char *key, double value) { printf("R %s %.12g\n", key, value); }

static inline _Noreturn void give_up(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}
/* A result that is wrong makes its time worth nothing. */
#define REQUIRE(condition) ((condition) ? (void)0 : give_up("false: " #condition))

typedef struct samples {
    int64_t *ns;
    int count, capacity;
    int64_t cold;
} samples;

static inline int by_value(const void *left, const void *right) {
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}
static inline void sample(samples *all, int64_t ns) {
    if (all->cold == 0) {
        all->cold = ns;
        return;
    }
    if (all->count == all->capacity) {
        all->capacity = all->capacity ? 2 * all->capacity : 1024;
        all->ns = realloc(all->ns, (size_t)all->capacity * sizeof *all->ns);
        REQUIRE(all->ns != NULL);
    }
    all->ns[all->count++] = ns;
}
/* The figures of one workload; `operations` is what one sample carries out. */
static inline void report(samples *all, double operations) {
    REQUIRE(all->count > 0);
    qsort(all->ns, (size_t)all->count, sizeof *all->ns, by_value);
    result("cold_ns", (double)all->cold);
    result("median_ns", (double)all->ns[all->count / 2]);
    result("p99_ns", (double)all->ns[(int64_t)all->count * 99 / 100]);
    result("n", all->count);
    result("operations", operations);
}
/* Is it time to stop? After at least `least` samples, when `seconds` have passed. */
static inline int enough(const samples *all, int least, int64_t began, double seconds) {
    return all->count >= least && (double)(now_ns() - began) > seconds * 1e9;
}

#endif
