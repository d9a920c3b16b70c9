/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What every workload shares. A workload is one function that runs on the program's first strand and prints its
 * figures as lines "R <key> <value>"; main.c chooses it, starts the scheduler and reports memory when it has ended.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <strand.h>

typedef struct bench_run {
    const char *workload;
    uint32_t workers;
    uint32_t migration;
    long n; /* size of the workload; 0 until main.c has put the default in */
} bench_run;

/* Every status is checked: that is part of what is measured. */
#define CHECK(call)                                       \
    do {                                                  \
        strand_status check_status = (call);              \
        if (check_status != STRAND_OK) {                  \
            bench_status_failed(#call, check_status);     \
        }                                                 \
    } while (0)

/* A result that a workload computes must be right, or the figure is worth nothing. */
#define REQUIRE(condition)                        \
    do {                                          \
        if (!(condition)) {                       \
            bench_fail("false: " #condition);     \
        }                                         \
    } while (0)

_Noreturn void bench_fail(const char *what);
_Noreturn void bench_status_failed(const char *call, strand_status status);

int64_t bench_now(void); /* monotonic nanoseconds, of the operating system's clock */
void bench_result(const char *key, double value);
void bench_ns_per(int64_t began, double operations); /* prints "R ns" for the time since began */

double bench_cpu_ms(void);  /* processor time of the process */
int64_t bench_status_kb(const char *field); /* a line of /proc/self/status such as "VmRSS:" */
int64_t bench_maps(void);
void bench_report_memory(void);

/* Work that no compiler removes: `rounds` dependent steps of a shift register. */
uint64_t bench_burn(uint64_t rounds);

/* The least that a lock costs: floor.c. */
strand_status floor_lock(uint64_t *word, int64_t deadline);
strand_status floor_unlock(uint64_t *word);

/* The workloads, each in the file named after what it does. */
void yield_two(const bench_run *run);       /* w1a  yield.c */
void yield_many(const bench_run *run);      /* w1b  yield.c */
void spawn_all(const bench_run *run);       /* w2   spawn.c */
void spawn_join(const bench_run *run);      /* w2j  spawn.c */
void task_await(const bench_run *run);      /* w2t  spawn.c */
void parked(const bench_run *run);          /* w3   parked.c */
void roundtrip(const bench_run *run);       /* w4   roundtrip.c */
void roundtrip_across(const bench_run *run);/* w4x  across.c */
void wake_across(const bench_run *run);     /* w4p  across.c */
void buffered_pair(const bench_run *run);   /* w5a  buffered.c */
void buffered_four(const bench_run *run);   /* w5b  buffered.c */
void ring(const bench_run *run);            /* w6   ring.c */
void mutex_uncontended(const bench_run *run);/* w10u mutex.c */
void mutex_contended(const bench_run *run); /* w10a mutex.c */
void mutex_over_yield(const bench_run *run);/* w10b mutex.c */
void skynet_channels(const bench_run *run); /* w7   skynet.c */
void skynet_join(const bench_run *run);     /* w7j  skynet.c */
void select_four(const bench_run *run);     /* w8   select.c */
void select_ready(const bench_run *run);    /* w8r  select.c */
void sleep_all(const bench_run *run);       /* w9   timers.c */
void roundtrip_timed(const bench_run *run); /* w4d  roundtrip.c */
void fib_coarse(const bench_run *run);      /* w11a fib.c */
void fib_fine(const bench_run *run);        /* w11f fib.c */
void uneven(const bench_run *run);          /* w11b uneven.c */

#endif
