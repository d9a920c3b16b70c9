// SPDX-License-Identifier: MIT OR Apache-2.0
// Who runs next: two lanes that share the turns three to one, a strand that changes lanes, one that is held, and
// priorities. Each strand prints its letter when it has a turn, so the order can be read off. The host makes the steps
// itself, on the stepped engine.
//
// usage: lanes                 the orders
//        lanes --snapshot      then the whole state as JSON
#include "check.h"
#include <string.h>

enum { OVERTAKEN = 7 }; // a reason of our own for a move

static int ending; // a turn that was left is had while everybody is told to end

static void *print_letter(void *letter) {
    while (!ending) {
        putchar(*(const char *)letter);
        strand_yield();
    }
    return NULL;
}

static strand_id spawn(const char *letter, uint32_t lane, int32_t priority) {
    strand_id id;
    strand_spawn_options options = {0};
    options.size = sizeof options;
    options.name = letter;
    options.name_length = 1;
    options.lane = lane;
    options.priority = priority;
    CHECK(strand_spawn_with(&options, print_letter, (void *)letter, &id));
    return id;
}

static void steps(const char *what, uint64_t count) {
    strand_step_result result = {0};
    result.size = sizeof result;
    printf("%-28s ", what);
    CHECK(strand_scheduler_step(count, &result));
    putchar('\n');
}

static void print_snapshot(void) {
    size_t length = strand_snapshot(NULL, 0);
    char *text = malloc(length + 1);
    if (text != NULL) {
        strand_snapshot(text, length + 1);
        puts(text);
    }
    free(text);
}

int main(int argc, char **argv) {
    strand_config config = {0};
    config.size = sizeof config;
    config.engine = STRAND_ENGINE_STEPPED;
    config.policy = STRAND_POLICY_PRIORITY_FIXED;
    CHECK(strand_scheduler_init(&config));

    uint32_t express;
    strand_lane_options lane = {0};
    lane.size = sizeof lane;
    lane.name = "express";
    lane.name_length = strlen(lane.name);
    lane.weight = 3;
    CHECK(strand_lane_new(&lane, &express));

    strand_id a = spawn("a", 0, 0);
    spawn("b", 0, 0);
    strand_id x = spawn("x", express, 0);
    spawn("y", express, 0);
    steps("one turn, then three:", 16);

    CHECK(strand_set_lane(a, express, OVERTAKEN));
    steps("a takes the express lane:", 16);

    CHECK(strand_set_priority(a, 1));
    steps("and the lead in it:", 16);

    CHECK(strand_set_priority(a, 0));
    CHECK(strand_pause(x));
    steps("x is held:", 16);

    CHECK(strand_resume(x));
    steps("and goes on:", 16);

    strand_handoff record;
    size_t moves;
    CHECK(strand_handoffs_read(&record, 1, &moves, NULL));
    printf("%zu move: from lane %u to lane %u after step %llu, reason %u\n", moves, record.from, record.to,
           (unsigned long long)record.step, record.reason);
    if (argc > 1 && strcmp(argv[1], "--snapshot") == 0) print_snapshot();
    ending = 1;
    return strand_scheduler_shutdown(STRAND_FOREVER);
}
