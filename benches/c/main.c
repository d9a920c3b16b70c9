/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * strandbench <workload> <workers> [n] [--migration=free|new_only|never] [--statistics]
 *
 * Runs one workload on the default configuration, but for the number of workers and the migration mode. In every run
 * an operating-system thread of the program's own is alive and calls in before and after, so one worker is no licence
 * to leave synchronisation out.
 */
#include "bench.h"
#include "outside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct bench_workload {
    const char *name;
    void (*function)(const bench_run *run);
    long n;
} bench_workload;

static const bench_workload workloads[] = {
    {"w1a", yield_two, 2000000},     {"w1b", yield_many, 2000000},      {"w2", spawn_all, 1000000},
    {"w2j", spawn_join, 500000},           {"w2t", task_await, 500000},
        {"w3", parked, 1000000},           {"w4", roundtrip, 500000},
    {"w4x", roundtrip_across, 50000}, {"w4p", wake_across, 2000},       {"w5a", buffered_pair, 4000000},
    {"w5b", buffered_four, 4000000}, {"w6", ring, 1000000},             {"w7", skynet_channels, 1000000},
    {"w7j", skynet_join, 1000000},  {"w8", select_four, 1000000},         {"w8r", select_ready, 1000000},
    {"w4d", roundtrip_timed, 500000}, {"w9", sleep_all, 100000},
    {"w10u", mutex_uncontended, 1000000}, {"w10a", mutex_contended, 1000000}, {"w10b", mutex_over_yield, 200000},
    {"w11a", fib_coarse, 30},          {"w11f", fib_fine, 30},
    {"w11b", uneven, 4096},
};

static bench_run run;
static int with_statistics;
static const bench_workload *chosen;

static _Noreturn void usage(void)
{
    fprintf(stderr, "usage: strandbench <workload> <workers> [n] [--migration=free|new_only|never] [--statistics]\nworkloads:");
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) {
        fprintf(stderr, " %s", workloads[i].name);
    }
    fprintf(stderr, "\n");
    exit(2);
}

static void parse(int argc, char **argv)
{
    int positional = 0;
    for (int i = 1; i < argc; i++) {
        const char *text = argv[i];
        if (strcmp(text, "--migration=free") == 0) {
            run.migration = STRAND_MIGRATE_FREE;
        } else if (strcmp(text, "--migration=new_only") == 0) {
            run.migration = STRAND_MIGRATE_NEW_ONLY;
        } else if (strcmp(text, "--migration=never") == 0) {
            run.migration = STRAND_MIGRATE_NEVER;
        } else if (strcmp(text, "--statistics") == 0) {
            with_statistics = 1;
        } else if (text[0] == '-') {
            usage();
        } else if (positional == 0) {
            run.workload = text;
            positional++;
        } else if (positional == 1) {
            run.workers = (uint32_t)strtoul(text, NULL, 10);
            positional++;
        } else {
            run.n = strtol(text, NULL, 10);
            positional++;
        }
    }
    if (positional < 2 || positional > 3 || run.workers == 0 || run.n < 0) {
        usage();
    }
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) {
        if (strcmp(workloads[i].name, run.workload) == 0) {
            chosen = &workloads[i];
        }
    }
    if (chosen == NULL) {
        usage();
    }
    if (run.n == 0) {
        run.n = chosen->n;
    }
}

static void *first_strand(void *unused)
{
    (void)unused;
    outside_meet();
    chosen->function(&run);
    outside_part();
    return NULL;
}

/* What the scheduler did, over the whole run: the first place to look when a figure is a surprise. */
static void report_statistics(void)
{
    strand_statistics total;
    memset(&total, 0, sizeof total);
    total.size = sizeof total;
    CHECK(strand_statistics_read(&total));
    bench_result("switches", (double)total.switches);
    bench_result("yields", (double)total.yields);
    bench_result("wakes", (double)total.wakes);
    bench_result("steals", (double)total.steals);
    bench_result("stolen", (double)total.stolen_strands);
    bench_result("sleeps", (double)total.worker_sleeps);
    bench_result("worker_wakes", (double)total.worker_wakes);
    bench_result("stacks", (double)total.stacks_mapped);
    for (uint32_t worker = 0; worker < run.workers; worker++) {
        uint64_t resumed;
        CHECK(strand_worker_runs(worker, &resumed));
        bench_result("worker_runs", (double)resumed);
    }
}

int main(int argc, char **argv)
{
    strand_config config;
    parse(argc, argv);
    memset(&config, 0, sizeof config);
    config.size = sizeof config;
    config.workers = run.workers;
    config.migration = run.migration;
    CHECK(strand_scheduler_init(&config));
    outside_start();
    CHECK(strand_spawn(first_strand, NULL, NULL));
    CHECK(strand_scheduler_run());
    outside_stop();
    bench_report_memory();
    if (with_statistics) {
        report_statistics();
    }
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    return 0;
}
