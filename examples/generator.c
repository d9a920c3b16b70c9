// SPDX-License-Identifier: MIT OR Apache-2.0
// Generators. Two trees of different shapes hold the same words in the same order: do they? Each is walked by a
// recursive function that yields from whatever depth it is in, and the two walks are compared word by word; the
// comparison stops at the first difference, and the walks that are not finished clean up after themselves. Then one
// that values go into as well as out of: it yields the mean of all that it was given.
#include "check.h"
#include <stdatomic.h>
#include <string.h>

typedef struct tree {
    const char *word;
    const struct tree *left, *right;
} tree;

static atomic_int open_walks; // walks that have begun and not cleaned up

// In order, each word one yield. Yield says CANCELLED when nobody wants the rest.
static strand_status visit(const tree *node) {
    if (node == NULL) return STRAND_OK;
    strand_status status = visit(node->left);
    if (status == STRAND_OK) status = strand_generator_yield((uint64_t)(uintptr_t)node->word, NULL);
    return status == STRAND_OK ? visit(node->right) : status;
}

static strand_status walk(void *root, uint64_t first, uint64_t *last) {
    (void)first, (void)last;
    open_walks++;
    strand_status status = visit(root);
    open_walks--; // frames are never unwound: code that cleans up is simply reached
    return status;
}

static const char *next_word(strand_generator words) {
    uint64_t word = 0;
    strand_status status = strand_generator_resume(words, 0, &word, STRAND_FOREVER);
    if (status == STRAND_ERR_CLOSED) return NULL;
    CHECK(status);
    return (const char *)(uintptr_t)word;
}

static void compare(const char *what, const tree *one, const tree *other) {
    strand_generator first, second;
    int words = 0;
    CHECK(strand_generator_new(NULL, walk, (void *)(uintptr_t)one, &first));
    CHECK(strand_generator_new(NULL, walk, (void *)(uintptr_t)other, &second));
    for (;;) {
        const char *mine = next_word(first), *theirs = next_word(second);
        if (mine == NULL && theirs == NULL) {
            printf("%s: the same %d words\n", what, words);
            break;
        }
        if (mine == NULL || theirs == NULL || strcmp(mine, theirs) != 0) {
            printf("%s: differ at word %d, \"%s\" and \"%s\"; nobody walks on\n", what, words + 1,
                   mine ? mine : "(end)", theirs ? theirs : "(end)");
            break;
        }
        words++;
    }
    CHECK(strand_generator_release(first));
    CHECK(strand_generator_release(second));
}

// What is handed in is a reading; what comes out is the mean so far. It never ends by itself.
static strand_status mean(void *arg, uint64_t first, uint64_t *last) {
    uint64_t reading = first, sum = 0, count = 0;
    (void)arg, (void)last;
    do {
        sum += reading;
        count++;
    } while (strand_generator_yield(sum / count, &reading) == STRAND_OK);
    printf("the mean of %llu readings was asked for\n", (unsigned long long)count);
    return STRAND_ERR_CANCELLED;
}

static void feed(void) {
    static const uint64_t readings[] = {12, 18, 30, 4, 36};
    strand_generator average;
    uint64_t value = 0;
    CHECK(strand_generator_new(NULL, mean, NULL, &average));
    printf("means:");
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++) {
        CHECK(strand_generator_resume(average, readings[i], &value, STRAND_FOREVER));
        printf(" %llu", (unsigned long long)value);
    }
    printf("\n");
    CHECK(strand_generator_cancel(average));
    strand_status status = strand_generator_wait(average, NULL, STRAND_FOREVER); // until it has cleaned up
    printf("cancelled: %s\n", strand_status_name(status));
    if (value != 20 || status != STRAND_ERR_CANCELLED) exit(EXIT_FAILURE);
    CHECK(strand_generator_release(average));
}

static void *program(void *arg) {
    static const tree and = {"and", NULL, NULL}, by = {"by", NULL, NULL}, sea = {"sea", NULL, NULL};
    static const tree land_low = {"land", &by, NULL}, land_top = {"land", &by, &and};
    static const tree and_top = {"and", &land_low, &sea}, sea_top = {"sea", &land_top, NULL};
    static const tree air = {"air", &land_top, &sea};
    (void)arg;
    compare("two shapes of one sentence", &and_top, &sea_top);
    compare("another sentence", &and_top, &air);
    while (open_walks > 0) CHECK(strand_yield()); // those that were given back unfinished end by themselves
    feed();
    return NULL;
}

int main(void) {
    CHECK(strand_scheduler_init(NULL));
    CHECK(strand_spawn(program, NULL, NULL));
    CHECK(strand_scheduler_run());
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    printf("walks left open: %d\n", open_walks);
    return open_walks == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
