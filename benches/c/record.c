/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * W15: what recording costs a program that does nothing but send and receive, and how large recordings are.
 *
 * record [rounds]
 *
 * Each round runs every workload plain, recorded, and recorded with every pick, one after the other; the figures are
 * medians over the rounds, of the ratios for the cost. The files are written to the working directory and removed.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RING = 1000, LAPS = 300, PAIRS = 8, MESSAGES = 40000, ROUNDS_MAX = 101, FORMS = 3 };

static strand_chan links[RING];
static long messages;

static void *pass_on(void *arg)
{
    const strand_chan *link = arg;
    for (int lap = 0; lap < LAPS; lap++) {
        uint64_t value;
        CHECK(strand_chan_recv(link[-1], &value, STRAND_FOREVER));
        CHECK(strand_chan_send(link[0], &value, STRAND_FOREVER));
    }
    return NULL;
}

static void *go_round(void *unused)
{
    uint64_t value = 7;
    (void)unused;
    for (int lap = 0; lap < LAPS; lap++) {
        CHECK(strand_chan_send(links[0], &value, STRAND_FOREVER));
        CHECK(strand_chan_recv(links[RING - 1], &value, STRAND_FOREVER));
    }
    return NULL;
}

static void *produce(void *arg)
{
    for (long i = 0; i < messages; i++) {
        uint64_t value = (uint64_t)i;
        CHECK(strand_chan_send(*(strand_chan *)arg, &value, STRAND_FOREVER));
    }
    return NULL;
}

static void *consume(void *arg)
{
    for (long i = 0; i < messages; i++) {
        uint64_t value;
        CHECK(strand_chan_recv(*(strand_chan *)arg, &value, STRAND_FOREVER));
    }
    return NULL;
}

static void spawn_ring(void)
{
    for (int i = 0; i < RING; i++) {
        CHECK(strand_chan_new(sizeof(uint64_t), 0, &links[i]));
    }
    for (int i = 1; i < RING; i++) {
        CHECK(strand_spawn(pass_on, &links[i], NULL));
    }
    CHECK(strand_spawn(go_round, NULL, NULL));
}

static void spawn_pairs(size_t room)
{
    for (int i = 0; i < PAIRS; i++) {
        CHECK(strand_chan_new(sizeof(uint64_t), room, &links[i]));
        CHECK(strand_spawn(consume, &links[i], NULL));
        CHECK(strand_spawn(produce, &links[i], NULL));
    }
}

static void spawn_rendezvous(void)
{
    messages = MESSAGES;
    spawn_pairs(0);
}

static void spawn_buffered(void)
{
    messages = 4 * MESSAGES;
    spawn_pairs(16);
}

typedef struct figures {
    double ns_a_step;
    double bytes_a_step;
} figures;

static figures once(void (*spawn)(void), uint32_t policy, const char *file)
{
    figures result = {0, 0};
    strand_config config;
    strand_step_result steps = {.size = sizeof steps};
    strand_recording_summary summary = {.size = sizeof summary};
    memset(&config, 0, sizeof config);
    config.size = sizeof config;
    config.engine = STRAND_ENGINE_STEPPED;
    config.policy = policy;
    config.seed = 1;
    config.record = file;
    CHECK(strand_scheduler_init(&config));
    spawn();
    int64_t began = bench_now();
    CHECK(strand_scheduler_run());
    int64_t took = bench_now() - began;
    CHECK(strand_scheduler_step(1, &steps));
    result.ns_a_step = (double)took / (double)steps.total_steps;
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    if (file != NULL) {
        CHECK(strand_recording_verify("bench.recording", &summary));
        REQUIRE(summary.complete == 1);
        result.bytes_a_step = (double)summary.bytes / (double)summary.steps;
        unlink("bench.recording");
    }
    return result;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

static void report(const char *name, const char *what, double value)
{
    char key[64];
    snprintf(key, sizeof key, "%s_%s", name, what);
    bench_result(key, value);
}

static void measure(const char *name, void (*spawn)(void), uint32_t policy, int rounds)
{
    static const char *const files[FORMS] = {NULL, "bench.recording", "bench.recording,explicit"};
    static double plain[ROUNDS_MAX], cost[FORMS][ROUNDS_MAX];
    double bytes[FORMS] = {0};
    for (int round = 0; round < rounds; round++) {
        double taken[FORMS];
        for (int turn = 0; turn < FORMS; turn++) {
            int form = (turn + round) % FORMS;
            figures found = once(spawn, policy, files[form]);
            taken[form] = found.ns_a_step;
            bytes[form] = found.bytes_a_step;
        }
        plain[round] = taken[0];
        cost[1][round] = taken[1] / taken[0] - 1;
        cost[2][round] = taken[2] / taken[0] - 1;
    }
    report(name, "ns_a_step", median(plain, rounds));
    report(name, "cost_percent", 100 * median(cost[1], rounds));
    report(name, "bytes_a_step", bytes[1]);
    report(name, "explicit_cost_percent", 100 * median(cost[2], rounds));
    report(name, "explicit_bytes_a_step", bytes[2]);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 11;
    if (rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: record [rounds], 1 to %d\n", ROUNDS_MAX);
        return 2;
    }
    measure("ring", spawn_ring, STRAND_POLICY_COOPERATIVE, rounds);
    measure("rendezvous", spawn_rendezvous, STRAND_POLICY_COOPERATIVE, rounds);
    measure("buffered", spawn_buffered, STRAND_POLICY_COOPERATIVE, rounds);
    measure("random_ring", spawn_ring, STRAND_POLICY_RANDOM, rounds);
    return 0;
}
