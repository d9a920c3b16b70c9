/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A nursery: a page is put together from several sources, fetched at the same time. The scope holds the fetchers
 * together: whatever happens, none of them is left when the page is there or given up. One source that fails cancels the
 * others at once; a deadline of the whole cancels all that are late; what a fetcher holds, its exit function gives back.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include <strand.h>

#define MS INT64_C(1000000)

typedef struct source {
    const char *name;
    int64_t takes;
    int breaks;
} source;

static int connections; /* open at this moment */

static void hang_up(void *data)
{
    (void)data;
    __atomic_sub_fetch(&connections, 1, __ATOMIC_SEQ_CST);
}

/* A task: its value is what was fetched, a negative result its failure. */
static strand_status fetch(void *arg, uint64_t *bytes)
{
    const source *from = arg;
    strand_status status;
    __atomic_add_fetch(&connections, 1, __ATOMIC_SEQ_CST);
    CHECK(strand_on_exit(hang_up, NULL));
    status = strand_sleep(from->takes); /* in place of a network */
    if (status != STRAND_OK) {
        return status; /* asked to end: so it ends */
    }
    *bytes = strlen(from->name) * 1000;
    return from->breaks ? STRAND_ERR_IO : STRAND_OK;
}

static void put_together(const char *title, source *sources, size_t count, int64_t deadline)
{
    strand_scope_options options = {.size = sizeof options, .flags = STRAND_SCOPE_COLLECT};
    strand_scope scope = 0;
    strand_outcome outcome = {.size = sizeof outcome};
    uint64_t child = 0, bytes = 0;
    unsigned fetched = 0, given_up = 0;
    const int64_t began = strand_now();
    strand_status status;

    options.fault_policy = STRAND_FAULT_FAIL_SCOPE;
    options.deadline = deadline;
    CHECK(strand_scope_open(&options, &scope));
    for (size_t at = 0; at < count; at += 1) {
        strand_task task = 0;
        status = strand_task_spawn(scope, fetch, &sources[at], &task);
        if (status == STRAND_ERR_CANCELLED) {
            break; /* somebody has failed already */
        }
        CHECK(status);
        CHECK(strand_task_release(task)); /* the scope keeps it for us */
    }
    while (strand_scope_next(scope, STRAND_FOREVER, &child, &outcome) == STRAND_OK) {
        fetched += outcome.state == STRAND_SUCCEEDED;
        given_up += outcome.state == STRAND_CANCELLED;
        bytes += outcome.value;
        CHECK(strand_task_release(child));
    }
    status = strand_scope_exit(scope); /* whoever is left was waited for */
    printf("%s: %s after %" PRId64 " ms; fetched %u (%" PRIu64 " bytes), given up %u, connections open %d\n", title,
           status == STRAND_OK ? "complete" : status == STRAND_ERR_FAILED ? "failed" : "too late",
           (strand_now() - began) / MS, fetched, bytes, given_up, __atomic_load_n(&connections, __ATOMIC_SEQ_CST));
}

static void *pages(void *arg)
{
    source good[] = {{"news", 20 * MS, 0}, {"weather", 10 * MS, 0}, {"stocks", 30 * MS, 0}};
    source bad[] = {{"news", 20 * MS, 1}, {"weather", 10 * MS, 0}, {"stocks", 90000 * MS, 0}};
    source slow[] = {{"news", 20 * MS, 0}, {"weather", 90000 * MS, 0}, {"stocks", 90000 * MS, 0}};
    put_together("good day", good, 3, 0);
    put_together("bad day", bad, 3, 0);
    put_together("slow day", slow, 3, strand_after(50 * MS));
    return arg;
}

int main(void)
{
    CHECK(strand_scheduler_init(NULL));
    CHECK(strand_spawn(pages, NULL, NULL));
    CHECK(strand_scheduler_run());
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    return 0;
}
