/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * W4x: the round trip of W4 with the two strands on different workers. W4p: the same when the receiver's worker has
 * had time to go to sleep: every value is held back for a while before it is sent, and what is counted is the time
 * from just before the send to just after the receive, there and back.
 *
 * The strands are kept apart by the documented means: under --migration=new_only a strand that has run stays on its
 * worker. Each begins by spinning until the other runs too, which it can only do on another worker.
 */
#include "bench.h"

#include <pthread.h>
#include <stdatomic.h>

enum { HOLD_NS = 200000, MEETING_NS = 2000000000 };

typedef struct side {
    strand_chan in;
    strand_chan out;
    int calls; /* this side sends first */
    pthread_t thread;
    int64_t latency;
} side;

static long trips;
static int held;
static atomic_int running;

/* Kept out of line: a compiler may otherwise remember the thread across a call that switches. */
static __attribute__((noinline)) pthread_t this_thread(void)
{
    __asm__ volatile("" ::: "memory");
    return pthread_self();
}

static void meet(void)
{
    int64_t limit = bench_now() + MEETING_NS;
    atomic_fetch_add(&running, 1);
    while (atomic_load(&running) < 2) {
        if (bench_now() > limit) {
            bench_fail("the two strands did not come to run on two workers");
        }
    }
}

static void send_at_once(side *mine)
{
    int64_t value = 0;
    CHECK(strand_chan_send(mine->out, &value, STRAND_FOREVER));
}

static void receive(side *mine)
{
    int64_t value;
    CHECK(strand_chan_recv(mine->in, &value, STRAND_FOREVER));
}

static void send_late(side *mine)
{
    int64_t sent = bench_now();
    int64_t due = sent + HOLD_NS;
    while (sent < due) {
        sent = bench_now();
    }
    CHECK(strand_chan_send(mine->out, &sent, STRAND_FOREVER));
}

static void receive_late(side *mine)
{
    int64_t sent;
    CHECK(strand_chan_recv(mine->in, &sent, STRAND_FOREVER));
    mine->latency += bench_now() - sent;
}

static void *play(void *arg)
{
    side *mine = arg;
    void (*send)(side *) = held ? send_late : send_at_once;
    void (*take)(side *) = held ? receive_late : receive;
    mine->thread = this_thread();
    meet();
    for (long i = 0; i < trips; i++) {
        if (mine->calls) {
            send(mine);
            take(mine);
        } else {
            take(mine);
            send(mine);
        }
    }
    REQUIRE(pthread_equal(mine->thread, this_thread()));
    return NULL;
}

static void across(const bench_run *run, int hold)
{
    strand_chan there;
    strand_chan back;
    if (run->workers < 2 || run->migration == STRAND_MIGRATE_FREE) {
        bench_fail("needs two workers and --migration=new_only");
    }
    trips = run->n;
    held = hold;
    CHECK(strand_chan_new(sizeof(int64_t), 0, &there));
    CHECK(strand_chan_new(sizeof(int64_t), 0, &back));
    side caller = {.in = back, .out = there, .calls = 1};
    side echo = {.in = there, .out = back, .calls = 0};
    int64_t began = bench_now();
    CHECK(strand_spawn(play, &caller, NULL));
    CHECK(strand_spawn(play, &echo, NULL));
    CHECK(strand_wait_all(STRAND_FOREVER));
    if (held) {
        bench_result("ns", (double)(caller.latency + echo.latency) / (double)trips);
    } else {
        bench_ns_per(began, (double)trips);
    }
    REQUIRE(!pthread_equal(caller.thread, echo.thread));
    CHECK(strand_chan_release(there));
    CHECK(strand_chan_release(back));
}

void roundtrip_across(const bench_run *run)
{
    across(run, 0);
}

void wake_across(const bench_run *run)
{
    across(run, 1);
}
