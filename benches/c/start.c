/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * W13: the smallest whole program: start, run one strand, stop. start <t>, with t the monotonic clock in nanoseconds
 * when the process was asked for, prints the time from there to the first instruction of the strand.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

static int64_t first;

static void *hello(void *unused)
{
    (void)unused;
    first = bench_now();
    return NULL;
}

int main(int argc, char **argv)
{
    CHECK(strand_scheduler_init(NULL));
    CHECK(strand_spawn(hello, NULL, NULL));
    CHECK(strand_scheduler_run());
    if (argc > 1) {
        printf("R first_us %.1f\n", (double)(first - strtoll(argv[1], NULL, 10)) / 1000);
        bench_report_memory();
    }
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    return 0;
}
