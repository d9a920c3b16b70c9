// SPDX-License-Identifier: MIT OR Apache-2.0
// A work queue whose worker sleeps while there is nothing to do, and one job that nobody wakes it for.
//
// The worker looks without waiting; when nothing is there it tells the statistics, leaves its token where producers find
// it, and parks. A producer puts a job in, and wakes the worker if there is a token. A job that comes after the look and
// before the token is seen by neither, and if no other follows it is never done.
//
//   workqueue            on all cores: passes nearly always
//   STRAND_EXPLORE=pct:depth=2 workqueue
//                        finds the order in which everybody waits for ever, and says who waits on what
//   STRAND_EXPLORE=pct:depth=2 workqueue --fixed
//                        10,000 orders of the mended program, none of which fails
#include "named.h"
#include <stdatomic.h>

enum { JOBS = 20 };

static strand_chan jobs, statistics;
static atomic_uint_fast64_t sleeper;
static int fixed;

static void tell_statistics(int64_t done) { CHECK(strand_chan_send(statistics, &done, STRAND_FOREVER)); }

static int64_t next_job(int64_t done) {
    int64_t job;
    for (;;) {
        strand_park_token token;
        if (strand_chan_recv(jobs, &job, STRAND_NO_WAIT) == STRAND_OK) return job;
        tell_statistics(done);    // may switch
        CHECK(strand_park_begin(&token));
        atomic_store(&sleeper, token);
        // Once the token is there, look again: whoever came before is seen now, whoever comes later sees the token.
        if (fixed && strand_chan_recv(jobs, &job, STRAND_NO_WAIT) == STRAND_OK) {
            atomic_store(&sleeper, 0);
            return job;
        }
        CHECK(strand_park(token, STRAND_FOREVER, NULL));
    }
}

static void *worker(void *unused) {
    (void)unused;
    for (int64_t done = 0; done < JOBS; done++) next_job(done);
    CHECK(strand_chan_close(statistics));
    return NULL;
}

static void *producer(void *unused) {
    (void)unused;
    for (int64_t job = 0; job < JOBS; job++) {
        CHECK(strand_chan_send(jobs, &job, STRAND_NO_WAIT));    // there is room for all of them
        strand_park_token token = atomic_exchange(&sleeper, 0);
        if (token != 0) strand_unpark(token, 0);
        CHECK(strand_yield());
    }
    return NULL;
}

static void *watch(void *unused) {
    int64_t done;
    (void)unused;
    while (strand_chan_recv(statistics, &done, STRAND_FOREVER) == STRAND_OK) continue;
    return NULL;
}

int main(int argc, char **argv) {
    fixed = argc > 1 && strcmp(argv[1], "--fixed") == 0;
    CHECK(strand_scheduler_init(NULL));
    CHECK(strand_chan_new(sizeof(int64_t), JOBS, &jobs));
    CHECK(strand_chan_new(sizeof(int64_t), 2 * JOBS, &statistics));
    start("statistics", watch, NULL);
    start("worker", worker, NULL);
    start("producer", producer, NULL);
    CHECK(strand_scheduler_run());
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    printf("all %d jobs are done\n", JOBS);
    return EXIT_SUCCESS;
}
