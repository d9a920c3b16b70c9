// SPDX-License-Identifier: MIT OR Apache-2.0
// errno follows the strand. Sixteen strands each keep a number of their own in errno while they move between OS
// threads; it has to be there after every switch. In plain C it would not be: compilers keep the address of errno, and
// of every other thread-local, across calls. strand.h makes errno a call that may not be kept.
#define _GNU_SOURCE
#include "check.h"
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STRANDS = 16, ROUNDS = 2000, MICROSECOND = 1000 };
static atomic_int wrong, moves;

static void *keeper(void *number) {
    int own = 1000 + (int)(uintptr_t)number;
    long thread = syscall(SYS_gettid);   // not pthread_self: compilers keep its answer as well
    errno = own;
    for (int round = 0; round < ROUNDS; round++) {
        CHECK(round % 20 ? strand_yield() : strand_sleep(50 * MICROSECOND));
        if (errno != own) wrong++;
        long now = syscall(SYS_gettid);
        if (now != thread) moves++;
        thread = now;
    }
    return NULL;
}

int main(void) {
    CHECK(strand_scheduler_init(NULL));
    for (uintptr_t number = 0; number < STRANDS; number++) CHECK(strand_spawn(keeper, (void *)number, NULL));
    CHECK(strand_scheduler_run());
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    printf("%d switches, %d of them to another OS thread: errno was wrong %d times\n", STRANDS * ROUNDS, moves, wrong);
    return wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
