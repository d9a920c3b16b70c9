// SPDX-License-Identifier: MIT OR Apache-2.0
#include "seq0.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strand.h>

enum { STACK_BYTES = 256 << 10, BLOCK_BYTES = 4080 };

static seq0_value (*copy_other)(seq0_value value);
static void (*drop_other)(seq0_value value);

void seq0_set_hooks(seq0_value (*copy)(seq0_value value), void (*drop)(seq0_value value)) {
    copy_other = copy;
    drop_other = drop;
}

// ---------------------------------------------------------------------------------------------- memory of a strand

// Texts lie in blocks that only their strand uses and that are freed when it ends, whichever thread it ends on.
typedef struct block {
    struct block *next;
    size_t used;
    size_t size;
    char bytes[];
} block;

static uint32_t blocks_key;
static atomic_bool is_up;

static void free_blocks(void *first) {
    for (block *one = first; one != NULL;) {
        block *next = one->next;
        free(one);
        one = next;
    }
}

static char *strand_memory(size_t size) {
    if (strand_self() == 0 || !atomic_load(&is_up)) return NULL;
    block *first = strand_local_get(blocks_key);
    if (first == NULL || first->size - first->used < size) {
        size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        block *made = malloc(sizeof *made + room);
        if (made == NULL) return NULL;
        *made = (block){.next = first, .size = room};
        if (strand_local_set(blocks_key, made) != STRAND_OK) {
            free(made);
            return NULL;
        }
        first = made;
    }
    first->used += size;
    return first->bytes + first->used - size;
}

size_t seq0_strand_bytes(void) {
    size_t bytes = 0;
    if (strand_self() != 0 && atomic_load(&is_up))
        for (block *one = strand_local_get(blocks_key); one != NULL; one = one->next) bytes += one->used;
    return bytes;
}

// ---------------------------------------------------------------------------------------------- values

seq0_value seq0_int(int64_t number) {
    return (seq0_value){.word = {(uint64_t)number}, .kind = SEQ0_INT};
}

static seq0_value text_at(char *memory, const char *bytes, size_t length, bool of_strand) {
    if (length > 0) memcpy(memory, bytes, length);
    return (seq0_value){.word = {(uint64_t)(uintptr_t)memory, length, of_strand}, .kind = SEQ0_STRING};
}

seq0_value seq0_string(const char *bytes, size_t length) {
    char *memory = malloc(length > 0 ? length : 1);
    return text_at(memory, bytes, memory == NULL ? 0 : length, false);
}

seq0_value seq0_strand_string(const char *bytes, size_t length) {
    char *memory = strand_memory(length);
    return memory == NULL ? seq0_string(bytes, length) : text_at(memory, bytes, length, true);
}

void seq0_drop(seq0_value value) {
    if (value.kind == SEQ0_STRING) {
        if (!value.word[2]) free((void *)(uintptr_t)value.word[0]);
    } else if (value.kind != SEQ0_INT && drop_other != NULL) {
        drop_other(value);
    }
}

static seq0_value copy_of(seq0_value value) {
    if (value.kind == SEQ0_STRING) return seq0_string((const char *)(uintptr_t)value.word[0], value.word[1]);
    return value.kind == SEQ0_INT || copy_other == NULL ? value : copy_other(value);
}

seq0_stack seq0_push(seq0_stack stack, seq0_value value) {
    seq0_node *node = malloc(sizeof *node);
    if (node == NULL) return NULL;
    *node = (seq0_node){stack, value};
    return node;
}

seq0_stack seq0_pop(seq0_stack stack, seq0_value *value) {
    if (stack == NULL) {
        *value = seq0_int(0);
        return NULL;
    }
    *value = stack->value;
    seq0_stack rest = stack->next;
    free(stack);
    return rest;
}

void seq0_free_stack(seq0_stack stack) {
    while (stack != NULL) {
        seq0_value value;
        stack = seq0_pop(stack, &value);
        seq0_drop(value);
    }
}

// What the functions below push must fit: a program of that language cannot go on without it.
static seq0_stack must_push(seq0_stack stack, seq0_value value) {
    seq0_stack pushed = seq0_push(stack, value);
    if (pushed == NULL) {
        fputs("libstrand_seq0: no memory for a value\n", stderr);
        abort();
    }
    return pushed;
}

// ---------------------------------------------------------------------------------------------- the scheduler

static void complain(const char *what) {
    char why[8192];
    strand_last_error(why, sizeof why);
    fprintf(stderr, "libstrand_seq0: %s: %s\n", what, why);
}

void patch_seq_scheduler_init(void) {
    if (atomic_load(&is_up)) return;
    strand_config config = {.size = sizeof config};
    if (getenv("STRAND_STACK_BYTES") == NULL) config.stack_bytes = STACK_BYTES;
    strand_status status = strand_scheduler_init(&config);
    if (status == STRAND_OK) status = strand_local_new(free_blocks, 0, &blocks_key);
    if (status != STRAND_OK) {
        complain("the scheduler cannot start");
        abort();
    }
    atomic_store(&is_up, true);
}

static void wait_for_all(void) {
    strand_status status = strand_self() != 0 ? strand_wait_all(STRAND_FOREVER) : strand_scheduler_run();
    if (status == STRAND_OK || status == STRAND_ERR_CANCELLED || status == STRAND_ERR_NOT_INITIALISED) return;
    complain(status == STRAND_ERR_DEADLOCK ? "the program is stuck" : "a strand has failed");
    exit(status == STRAND_ERR_DEADLOCK ? 2 : 1);
}

seq0_stack patch_seq_scheduler_run(void) {
    wait_for_all();
    return NULL;
}

void patch_seq_wait_all_strands(void) {
    wait_for_all();
}

void patch_seq_scheduler_shutdown(void) {
    if (!atomic_exchange(&is_up, false)) return;
    if (strand_scheduler_shutdown(strand_after(2000000000)) != STRAND_OK) complain("the scheduler cannot end");
}

typedef struct start {
    seq0_entry entry;
    seq0_stack stack;
} start;

static void *run(void *argument) {
    start begin = *(start *)argument;
    seq0_free_stack(begin.entry(begin.stack));
    return NULL;
}

static void drop_start(void *argument) {
    seq0_free_stack(((start *)argument)->stack);
}

// Texts of the spawner's memory do not outlive it: the new strand gets copies.
static void own_texts(seq0_stack stack) {
    for (; stack != NULL; stack = stack->next)
        if (stack->value.kind == SEQ0_STRING && stack->value.word[2]) stack->value = copy_of(stack->value);
}

int64_t patch_seq_strand_spawn(seq0_entry entry, seq0_stack stack) {
    patch_seq_scheduler_init();
    own_texts(stack);
    start begin = {entry, stack};
    strand_spawn_options options = {.size = sizeof options, .arg_bytes = sizeof begin, .arg_drop = drop_start};
    strand_id id;
    if (entry != NULL && strand_spawn_with(&options, run, &begin, &id) == STRAND_OK) return (int64_t)id;
    seq0_free_stack(stack);
    return 0;
}

void patch_seq_spawn_strand(seq0_entry entry) {
    patch_seq_strand_spawn(entry, NULL);
}

void patch_seq_yield_strand(void) {
    strand_yield();
}

// ---------------------------------------------------------------------------------------------- channels

static void drop_message(void *element, size_t size, void *unused) {
    (void)unused;
    seq0_value value;
    memcpy(&value, element, size);
    seq0_drop(value);
}

// The other side may run on without us: what a strand's memory holds is copied.
static void copy_message(void *copy, const void *element, size_t size, void *unused) {
    (void)size;
    (void)unused;
    seq0_value value = copy_of(*(const seq0_value *)element);
    memcpy(copy, &value, sizeof value);
}

seq0_stack patch_seq_make_channel(seq0_stack stack) {
    patch_seq_scheduler_init();
    strand_chan_options options = {
        .size = sizeof options, .element_size = sizeof(seq0_value), .capacity = STRAND_UNBOUNDED, .transfer = copy_message, .drop = drop_message};
    strand_chan channel = 0;
    if (strand_chan_new_with(&options, &channel) != STRAND_OK) complain("a channel cannot be made");
    return must_push(stack, seq0_int((int64_t)channel));
}

static seq0_stack pop_channel(seq0_stack stack, strand_chan *channel) {
    seq0_value id;
    stack = seq0_pop(stack, &id);
    *channel = id.kind == SEQ0_INT ? id.word[0] : 0;
    if (id.kind != SEQ0_INT) seq0_drop(id);
    return stack;
}

static seq0_stack send(seq0_stack stack, bool *sent) {
    strand_chan channel;
    seq0_value value;
    stack = seq0_pop(pop_channel(stack, &channel), &value);
    *sent = strand_chan_send(channel, &value, STRAND_NO_WAIT) == STRAND_OK;
    seq0_drop(value);
    return stack;
}

seq0_stack patch_seq_chan_send(seq0_stack stack) {
    bool sent;
    return send(stack, &sent);
}

seq0_stack patch_seq_chan_send_safe(seq0_stack stack) {
    bool sent;
    stack = send(stack, &sent);
    return must_push(stack, seq0_int(sent));
}

static seq0_stack receive(seq0_stack stack, bool *received) {
    strand_chan channel;
    seq0_value value;
    stack = pop_channel(stack, &channel);
    strand_status status = strand_chan_recv(channel, &value, STRAND_FOREVER);
    *received = status == STRAND_OK;
    if (status == STRAND_ERR_CLOSED) strand_chan_release(channel);
    return must_push(stack, *received ? value : seq0_int(0));
}

seq0_stack patch_seq_chan_receive(seq0_stack stack) {
    bool received;
    return receive(stack, &received);
}

seq0_stack patch_seq_chan_receive_safe(seq0_stack stack) {
    bool received;
    stack = receive(stack, &received);
    return must_push(stack, seq0_int(received));
}

seq0_stack patch_seq_close_channel(seq0_stack stack) {
    strand_chan channel;
    stack = pop_channel(stack, &channel);
    strand_chan_close(channel);
    return stack;
}
