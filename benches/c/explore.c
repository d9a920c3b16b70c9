/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * W14: how many schedules a second are explored of three strands, two channels and at least twenty decisions.
 *
 * explore in_process <plan>   strand_explore: figures as "R <key> <value>"
 * explore program             once, and nothing else: STRAND_EXPLORE forks it for each schedule
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGES = 5, STRANDS = 3, DECISIONS_MIN = 20 };

static strand_chan there, back;

static void *produce(void *unused)
{
    (void)unused;
    for (uint64_t value = 0; value < MESSAGES; value++) {
        CHECK(strand_chan_send(there, &value, STRAND_FOREVER));
    }
    return NULL;
}

static void *relay(void *unused)
{
    (void)unused;
    for (int i = 0; i < MESSAGES; i++) {
        uint64_t value;
        CHECK(strand_chan_recv(there, &value, STRAND_FOREVER));
        CHECK(strand_chan_send(back, &value, STRAND_FOREVER));
    }
    return NULL;
}

static void *consume(void *unused)
{
    uint64_t sum = 0;
    (void)unused;
    CHECK(strand_spawn(produce, NULL, NULL));
    CHECK(strand_spawn(relay, NULL, NULL));
    for (int i = 0; i < MESSAGES; i++) {
        uint64_t value;
        CHECK(strand_chan_recv(back, &value, STRAND_FOREVER));
        sum += value;
    }
    strand_assert(sum == MESSAGES * (MESSAGES - 1) / 2, "every message arrives once");
    return NULL;
}

static void start(uint32_t engine)
{
    strand_config config;
    memset(&config, 0, sizeof config);
    config.size = sizeof config;
    config.engine = engine;
    CHECK(strand_scheduler_init(&config));
    CHECK(strand_chan_new(sizeof(uint64_t), 1, &there));
    CHECK(strand_chan_new(sizeof(uint64_t), 1, &back));
}

static void in_process(const char *plan)
{
    strand_explore_options options;
    strand_explore_result result;
    memset(&options, 0, sizeof options);
    memset(&result, 0, sizeof result);
    options.size = sizeof options;
    options.plan = plan;
    result.size = sizeof result;
    start(STRAND_ENGINE_STEPPED);
    int64_t began = bench_now();
    CHECK(strand_explore(&options, consume, NULL, &result));
    double took = (double)(bench_now() - began);
    double runs = (double)result.runs, decisions = (double)result.decisions;
    REQUIRE(decisions >= DECISIONS_MIN * runs);
    bench_result("per_second", runs / took * 1e9);
    bench_result("decisions", decisions / runs);
    bench_result("ns_decision", took / decisions);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "in_process") == 0) {
        in_process(argv[2]);
    } else if (argc == 2 && strcmp(argv[1], "program") == 0) {
        start(0);
        CHECK(strand_spawn(consume, NULL, NULL));
        CHECK(strand_scheduler_run());
    } else {
        fprintf(stderr, "usage: explore in_process <plan> | explore program\n");
        return 2;
    }
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    return 0;
}
