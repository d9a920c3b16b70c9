// SPDX-License-Identifier: MIT OR Apache-2.0
// Four mirrors serve the same file. The four joins ask for all of them, for the first, for the first good one, and for
// whatever there is; a fifth rule is a function. Then a thread delivers what a strand waits for.
#include "check.h"
#include <pthread.h>
#include <time.h>

typedef struct mirror {
    const char *name;
    int milliseconds;
    strand_status answer;
} mirror;

static strand_status fetch(void *arg, uint64_t *bytes) {
    const mirror *from = arg;
    strand_status status = strand_sleep(from->milliseconds * INT64_C(1000000));
    if (status != STRAND_OK) return status;   // cancelled: somebody else was faster
    *bytes = 1000 + (uint64_t)from->milliseconds;
    return from->answer;
}

static mirror mirrors[] = {{"oslo", 40, STRAND_OK}, {"lima", 10, STRAND_ERR_IO}, {"kyoto", 20, STRAND_OK}, {"cairo", 30, STRAND_OK}};
enum { MIRRORS = sizeof mirrors / sizeof *mirrors };

// The first two that have the file are enough to compare them.
static uint32_t two_good_ones(size_t index, const strand_outcome *outcome, void *good) {
    (void)index;
    if (outcome->state == STRAND_SUCCEEDED) *(int *)good += 1;
    return *(int *)good == 2 ? STRAND_JOIN_CANCEL_REST : STRAND_JOIN_CONTINUE;
}

static void ask(const char *rule, uint32_t kind) {
    static const char *const states[] = {"pending", "running", "has it", "failed", "cancelled"};
    strand_task tasks[MIRRORS];
    strand_outcome outcomes[MIRRORS];
    size_t decided;
    int good = 0;
    strand_status status;
    for (int i = 0; i < MIRRORS; i++) {
        CHECK(strand_task_spawn(0, fetch, &mirrors[i], &tasks[i]));
        outcomes[i].size = sizeof outcomes[i];
    }
    if (kind <= STRAND_JOIN_ALL_SETTLED) status = strand_task_join(kind, tasks, MIRRORS, STRAND_FOREVER, outcomes, &decided);
    else status = strand_task_join_with(two_good_ones, &good, tasks, MIRRORS, STRAND_FOREVER, outcomes, &decided);
    printf("%-12s %-17s decided by %-7s", rule, strand_status_name(status), decided == SIZE_MAX ? "nobody" : mirrors[decided].name);
    for (int i = 0; i < MIRRORS; i++) {
        printf(" %s %s%s", mirrors[i].name, states[outcomes[i].state], i + 1 < MIRRORS ? "," : "\n");
        CHECK(strand_task_release(tasks[i]));
    }
}

static void *deliver(void *promise) {
    struct timespec moment = {0, 20000000};
    nanosleep(&moment, NULL);
    CHECK(strand_promise_complete(*(strand_promise *)promise, 42));
    return NULL;
}

static void *first_strand(void *unused) {
    strand_promise_options from_outside = {.size = sizeof from_outside, .flags = STRAND_PROMISE_EXTERNAL};
    strand_promise promise;
    strand_task answer;
    uint64_t value;
    pthread_t thread;
    (void)unused;
    ask("ALL", STRAND_JOIN_ALL);
    ask("RACE", STRAND_JOIN_RACE);
    ask("ANY", STRAND_JOIN_ANY);
    ask("ALL_SETTLED", STRAND_JOIN_ALL_SETTLED);
    ask("two of them", UINT32_MAX);
    CHECK(strand_promise_new_with(&from_outside, &promise, &answer));
    if (pthread_create(&thread, NULL, deliver, &promise) != 0) return NULL;
    CHECK(strand_task_await(answer, STRAND_FOREVER, &value));
    printf("a thread has promised, and delivered: %d\n", (int)value);
    CHECK(strand_promise_release(promise));
    CHECK(strand_task_release(answer));
    pthread_join(thread, NULL);
    return NULL;
}

// A failure that nobody looks at is not lost: run reports it.
static strand_status nobody_asks(void *unused, uint64_t *value) {
    (void)unused; (void)value;
    strand_fail(STRAND_ERR_IO, "the disk is full", 16);
}

int main(void) {
    char why[512];
    CHECK(strand_scheduler_init(NULL));
    CHECK(strand_spawn(first_strand, NULL, NULL));
    CHECK(strand_scheduler_run());
    CHECK(strand_task_spawn(0, nobody_asks, NULL, NULL));
    if (strand_scheduler_run() != STRAND_ERR_FAILED) return EXIT_FAILURE;
    strand_last_error(why, sizeof why);
    printf("run: %s\n", why);
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    return EXIT_SUCCESS;
}
