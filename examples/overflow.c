// SPDX-License-Identifier: MIT OR Apache-2.0
// A recursive sum over a list that bites its own tail, on a strand. The strand's stack ends in a guard: instead of
// writing into its neighbour's stack the program stops, and the message names the strand, its stack size and the remedy.
// usage: overflow    (ends by a signal; that is what it shows)
#include "check.h"
#include <string.h>

struct node {
    struct node *next;
    int64_t value;
};

// Adds up a list by recursion; the scratch space keeps the compiler from making a loop of it.
static int64_t sum(const struct node *list) {
    volatile char scratch[200];
    if (!list) return 0;
    scratch[list->value % 200] = 1;
    return list->value + sum(list->next) + scratch[list->value % 200];
}

static void *adder(void *list) {
    printf("this line is never reached: %lld\n", (long long)sum(list));
    return NULL;
}

int main(void) {
    static struct node first, second = {&first, 2};
    first = (struct node){&second, 1};   // 1, 2, 1, 2, 1, ...
    strand_spawn_options options = {0};
    options.size = sizeof options;
    options.name = "list-adder";
    options.name_length = strlen(options.name);
    CHECK(strand_scheduler_init(NULL));
    CHECK(strand_spawn_with(&options, adder, &first, NULL));
    CHECK(strand_scheduler_run());
    return EXIT_SUCCESS;
}
