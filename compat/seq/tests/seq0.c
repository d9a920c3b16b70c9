// SPDX-License-Identifier: MIT OR Apache-2.0
// The first version's own list of tests, and what that version got wrong: each claim is printed when it holds.
#define _GNU_SOURCE
#include "../seq0.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strand.h>

#define REQUIRE(condition)                                                              \
    do {                                                                                \
        if (!(condition)) {                                                             \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                                    \
        }                                                                               \
    } while (0)
#define CLAIM(name)                  \
    do {                             \
        name();                      \
        puts("holds: " #name);       \
    } while (0)

static atomic_int counter;
static atomic_int_fast64_t alive;    // values of a kind of our own

enum { COUNTED = 77 };

static seq0_value copy_counted(seq0_value value) {
    atomic_fetch_add(&alive, 1);
    return value;
}
static void drop_counted(seq0_value value) {
    (void)value;
    atomic_fetch_sub(&alive, 1);
}
static seq0_value counted(void) {
    atomic_fetch_add(&alive, 1);
    return (seq0_value){.kind = COUNTED};
}

static seq0_stack count(seq0_stack stack) {
    atomic_fetch_add(&counter, 1);
    return stack;
}

static seq0_stack channel_of(strand_chan channel) { return seq0_push(NULL, seq0_int((int64_t)channel)); }

static strand_chan new_channel(void) {
    seq0_value id;
    REQUIRE(seq0_pop(patch_seq_make_channel(NULL), &id) == NULL);
    REQUIRE(id.kind == SEQ0_INT && (int64_t)id.word[0] > 0);
    return id.word[0];
}

static void init_is_idempotent(void) {
    patch_seq_scheduler_init();
    patch_seq_scheduler_init();
    patch_seq_scheduler_init();
}

static void a_hundred_strands_run(void) {
    atomic_store(&counter, 0);
    for (int i = 0; i < 100; i++) patch_seq_spawn_strand(count);
    REQUIRE(patch_seq_scheduler_run() == NULL);
    REQUIRE(atomic_load(&counter) == 100);
}

static void freeing_no_stack_is_nothing(void) { seq0_free_stack(NULL); }

static void freeing_a_stack_drops_every_value_once(void) {
    seq0_stack stack = seq0_push(NULL, counted());
    stack = seq0_push(stack, seq0_string("a text", 6));
    stack = seq0_push(stack, counted());
    REQUIRE(atomic_load(&alive) == 2);
    seq0_free_stack(stack);
    REQUIRE(atomic_load(&alive) == 0);
}

static void a_strand_owns_its_stack_and_what_it_returns_is_freed(void) {
    atomic_store(&counter, 0);
    REQUIRE(patch_seq_strand_spawn(count, seq0_push(NULL, counted())) > 0);
    patch_seq_wait_all_strands();
    REQUIRE(atomic_load(&counter) == 1 && atomic_load(&alive) == 0);
}

static void a_thousand_strands_are_all_waited_for(void) {
    atomic_store(&counter, 0);
    for (int i = 0; i < 1000; i++) REQUIRE(patch_seq_strand_spawn(count, NULL) > 0);
    patch_seq_wait_all_strands();
    REQUIRE(atomic_load(&counter) == 1000);
}

static int by_number(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void ids_are_positive_and_never_used_twice(void) {
    enum { MANY = 10000 };
    static int64_t ids[MANY];
    for (int i = 0; i < MANY; i++) {
        ids[i] = patch_seq_strand_spawn(count, NULL);
        if (i % 100 == 99) patch_seq_wait_all_strands();
    }
    qsort(ids, MANY, sizeof *ids, by_number);
    REQUIRE(ids[0] > 0);
    for (int i = 1; i < MANY; i++) REQUIRE(ids[i] != ids[i - 1]);
}

// Two strands on one worker, in turn: each has texts, one ends, the other's are untouched. The first version kept them in memory of the
// thread, which the end of any strand emptied.
static seq0_stack reader(seq0_stack stack) {
    static const char expected[] = "written by the reader";
    seq0_value text = seq0_strand_string(expected, strlen(expected));
    for (int i = 0; i < 50; i++) {
        patch_seq_yield_strand();
        REQUIRE(text.word[1] == strlen(expected));
        REQUIRE(memcmp((const char *)(uintptr_t)text.word[0], expected, text.word[1]) == 0);
    }
    REQUIRE(seq0_strand_bytes() == strlen(expected));
    return stack;
}
static seq0_stack writer(seq0_stack stack) {
    for (int i = 0; i < 100; i++) seq0_strand_string("overwritten by a stranger", 25);
    REQUIRE(seq0_strand_bytes() == 2500);
    patch_seq_yield_strand();
    return stack;
}
static void texts_of_a_strand_survive_the_end_of_others_on_its_thread(void) {
    for (int i = 0; i < 20; i++) {
        patch_seq_spawn_strand(reader);
        patch_seq_spawn_strand(writer);
    }
    patch_seq_wait_all_strands();
}

static seq0_stack send_text(seq0_stack stack) {
    seq0_value id;
    stack = seq0_pop(stack, &id);
    stack = seq0_push(stack, seq0_strand_string("Hello from the sender!", 22));
    return patch_seq_chan_send(seq0_push(stack, id));
}
static seq0_stack receive_text(seq0_stack stack) {
    seq0_value text;
    stack = seq0_pop(patch_seq_chan_receive(stack), &text);
    REQUIRE(text.kind == SEQ0_STRING && text.word[1] == 22);
    REQUIRE(memcmp((const char *)(uintptr_t)text.word[0], "Hello from the sender!", 22) == 0);
    seq0_drop(text);
    atomic_fetch_add(&counter, 1);
    return stack;
}
static void a_text_that_is_sent_outlives_its_sender(void) {
    strand_chan channel = new_channel();
    atomic_store(&counter, 0);
    patch_seq_strand_spawn(send_text, channel_of(channel));
    patch_seq_wait_all_strands();
    patch_seq_strand_spawn(receive_text, channel_of(channel));
    patch_seq_wait_all_strands();
    REQUIRE(atomic_load(&counter) == 1);
    REQUIRE(patch_seq_close_channel(channel_of(channel)) == NULL);
}

static seq0_stack spawn_with_own_text(seq0_stack stack) {
    seq0_stack of_child = seq0_push(NULL, seq0_strand_string("for the child", 13));
    REQUIRE(patch_seq_strand_spawn(count, of_child) > 0);
    return stack;
}
static void a_text_given_to_a_new_strand_outlives_its_spawner(void) {
    for (int i = 0; i < 100; i++) patch_seq_spawn_strand(spawn_with_own_text);
    patch_seq_wait_all_strands();
}

static seq0_stack wait_inside(seq0_stack stack) {
    patch_seq_wait_all_strands();
    REQUIRE(atomic_load(&counter) == 10);
    atomic_fetch_add(&counter, 100);
    return stack;
}
static void waiting_for_all_is_allowed_inside_a_strand(void) {
    atomic_store(&counter, 0);
    for (int i = 0; i < 10; i++) patch_seq_spawn_strand(count);
    patch_seq_spawn_strand(wait_inside);
    patch_seq_wait_all_strands();
    REQUIRE(atomic_load(&counter) == 110);
}

static int64_t answer(seq0_stack stack) {
    seq0_value value;
    stack = seq0_pop(stack, &value);
    seq0_free_stack(stack);
    REQUIRE(value.kind == SEQ0_INT);
    return (int64_t)value.word[0];
}

static void closed_and_unknown_channels_are_answers_not_panics(void) {
    strand_chan channel = new_channel();
    REQUIRE(answer(patch_seq_chan_send_safe(seq0_push(seq0_push(NULL, counted()), seq0_int((int64_t)channel)))) == 1);
    patch_seq_close_channel(channel_of(channel));
    patch_seq_close_channel(channel_of(channel));
    REQUIRE(answer(patch_seq_chan_send_safe(seq0_push(seq0_push(NULL, counted()), seq0_int((int64_t)channel)))) == 0);
    seq0_value value;
    REQUIRE(answer(seq0_push(NULL, seq0_int(5))) == 5);
    seq0_stack got = patch_seq_chan_receive_safe(channel_of(channel));    // what was sent before the close
    REQUIRE(answer(seq0_push(NULL, (got = seq0_pop(got, &value), value))) == 1);
    got = seq0_pop(got, &value);
    REQUIRE(got == NULL && value.kind == COUNTED);
    seq0_drop(value);
    REQUIRE(answer(patch_seq_chan_receive_safe(channel_of(channel))) == 0);
    REQUIRE(answer(patch_seq_chan_receive_safe(channel_of(channel))) == 0);
    REQUIRE(answer(patch_seq_chan_receive_safe(seq0_push(NULL, seq0_int(-7)))) == 0);
    REQUIRE(answer(patch_seq_chan_send_safe(seq0_push(seq0_push(NULL, counted()), seq0_int(123456)))) == 0);
    REQUIRE(patch_seq_chan_send(NULL) == NULL);
    REQUIRE(atomic_load(&alive) == 0);
}

static void what_nobody_receives_is_dropped(void) {
    strand_chan channel = new_channel();
    for (int i = 0; i < 10; i++) patch_seq_chan_send(seq0_push(seq0_push(NULL, counted()), seq0_int((int64_t)channel)));
    REQUIRE(atomic_load(&alive) == 10);
    patch_seq_scheduler_shutdown();
    REQUIRE(atomic_load(&alive) == 0);
    patch_seq_scheduler_init();
}

static seq0_stack many_texts(seq0_stack stack) {
    for (int i = 0; i < 50; i++) REQUIRE(seq0_strand_string("request header", 14).word[2] == 1);
    return stack;
}
static void ten_thousand_strands_leave_no_memory_behind(void) {
    for (int i = 0; i < 1000; i++) patch_seq_spawn_strand(many_texts);
    patch_seq_wait_all_strands();
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < 10000; i++) {
        patch_seq_spawn_strand(many_texts);
        if (i % 100 == 99) patch_seq_wait_all_strands();
    }
    patch_seq_wait_all_strands();
    size_t after = mallinfo2().uordblks;
    // The texts of one in ten of them would be more; what threads keep that have no work before is less.
    REQUIRE(after < before + (256 << 10));
}

static void shutdown_ends_and_init_begins_again(void) {
    patch_seq_scheduler_shutdown();
    patch_seq_scheduler_shutdown();
    patch_seq_scheduler_init();
    a_hundred_strands_run();
}

int main(void) {
    seq0_set_hooks(copy_counted, drop_counted);
    CLAIM(init_is_idempotent);
    CLAIM(a_hundred_strands_run);
    CLAIM(freeing_no_stack_is_nothing);
    CLAIM(freeing_a_stack_drops_every_value_once);
    CLAIM(a_strand_owns_its_stack_and_what_it_returns_is_freed);
    CLAIM(a_thousand_strands_are_all_waited_for);
    CLAIM(ids_are_positive_and_never_used_twice);
    CLAIM(texts_of_a_strand_survive_the_end_of_others_on_its_thread);
    CLAIM(a_text_that_is_sent_outlives_its_sender);
    CLAIM(a_text_given_to_a_new_strand_outlives_its_spawner);
    CLAIM(waiting_for_all_is_allowed_inside_a_strand);
    CLAIM(closed_and_unknown_channels_are_answers_not_panics);
    CLAIM(what_nobody_receives_is_dropped);
    CLAIM(ten_thousand_strands_leave_no_memory_behind);
    CLAIM(shutdown_ends_and_init_begins_again);
    patch_seq_scheduler_shutdown();
    REQUIRE(atomic_load(&alive) == 0);
    return 0;
}
