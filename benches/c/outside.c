/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "outside.h"
#include "bench.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

static pthread_t thread;
static sem_t workload_ended;
static strand_chan messages;

static void *outside(void *unused)
{
    uint64_t message = 1;
    (void)unused;
    CHECK(strand_chan_send(messages, &message, STRAND_FOREVER));
    while (sem_wait(&workload_ended) != 0) {
        REQUIRE(errno == EINTR);
    }
    message = 2;
    CHECK(strand_chan_send(messages, &message, STRAND_FOREVER));
    return NULL;
}

static void expect(uint64_t wanted)
{
    uint64_t message = 0;
    CHECK(strand_chan_recv(messages, &message, STRAND_FOREVER));
    REQUIRE(message == wanted);
}

void outside_start(void)
{
    CHECK(strand_chan_new(sizeof(uint64_t), 0, &messages));
    CHECK(strand_external_acquire()); /* a strand will wait for this thread while it is outside the library */
    REQUIRE(sem_init(&workload_ended, 0, 0) == 0);
    REQUIRE(pthread_create(&thread, NULL, outside, NULL) == 0);
}

void outside_meet(void)
{
    expect(1);
}

void outside_part(void)
{
    REQUIRE(sem_post(&workload_ended) == 0);
    expect(2);
}

void outside_stop(void)
{
    REQUIRE(pthread_join(thread, NULL) == 0);
    CHECK(strand_external_release());
    CHECK(strand_chan_release(messages));
}
