// SPDX-License-Identifier: MIT OR Apache-2.0
// Strands, channels, sleep and waits for programs that the published seq-compiler has compiled: the patch_seq_* symbols of their
// runtime's scheduler half, over strand.h. Weaves are in weave.c, calls that would block a worker in offload.c.
//
// A Seq value is one 64-bit slot of a value stack that grows upward, and is never looked into here:
//
//     odd       an integer, 2 * n + 1          0, 2    false, true
//     other     a reference that owns a share of a value of the language's own runtime
//
// so a slot is moved by copying it, and copied or dropped only by the language's own functions. A channel is an integer, its
// handle: it may be copied like one, and is released when it is closed and empty (every later use finds it stale, which is
// the same as closed).
#include "seq.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Threads for calls that block: a server has one in each connection that it reads from.
enum { DEFAULT_STACK_BYTES = 256 << 10, OFFLOAD_THREADS = 1024 };

// ---------------------------------------------------------------------------------------------- who runs

// The language's runtime keeps the base of the value stack in a variable of the OS thread. It follows the strand, because
// each switch into one sets it anew.
static _Thread_local seq_strand *running;

static void resume(void *local, void *unused) {
    (void)unused;
    running = local;
    if (local != NULL) seq_runtime_set_stack_base(((seq_strand *)local)->base);
}

// A call, so that no address of the thread's variable is kept over a switch.
__attribute__((noinline)) seq_strand *seq_running(void) {
    return strand_self() == 0 ? NULL : running;
}

void patch_seq_set_stack_base(Stack base) {
    seq_strand *me = seq_running();
    if (me != NULL) me->base = base;
    seq_runtime_set_stack_base(base);
}

// ---------------------------------------------------------------------------------------------- errors

_Noreturn void seq_die(const char *what) {
    char why[512];
    strand_last_error(why, sizeof why);
    fprintf(stderr, "libstrand_seq: %s: %s\n", what, why);
    abort();
}

// The language has no way to hear of most failures: they end the program, with a message.
void seq_must(strand_status status, const char *what) {
    if (status != STRAND_OK) seq_die(what);
}

// What only the program's author can mend ends the strand, not the process: the others go on, and the run reports it.
_Noreturn void seq_fail(Stack sp, strand_status code, const char *message) {
    seq_leave(sp);
    strand_fail(code, message, strlen(message));
    abort();
}

// The running strand gives back what it has: the values up to sp, and its record.
void seq_leave(Stack sp) {
    seq_strand *me = seq_running();
    if (me == NULL) return;
    if (sp != NULL && me->base != NULL) seq_drop_values(me->base, sp);
    free(me);
}

// ---------------------------------------------------------------------------------------------- the scheduler

static size_t stack_bytes(void) {
    const char *text = getenv("SEQ_STACK_SIZE");
    if (text == NULL) return DEFAULT_STACK_BYTES;
    char *end;
    unsigned long long bytes = strtoull(text, &end, 10);
    if (*text != 0 && *end == 0 && bytes > 0) return bytes;
    fprintf(stderr, "Warning: SEQ_STACK_SIZE='%s' is not a valid number, using default %d\n", text, DEFAULT_STACK_BYTES);
    return DEFAULT_STACK_BYTES;
}

void patch_seq_scheduler_init(void) {
    strand_language_hooks hooks = {.size = sizeof hooks, .strand_resume = resume};
    strand_config config = {.size = sizeof config, .hooks = &hooks};
    if (getenv("STRAND_STACK_BYTES") == NULL) config.stack_bytes = stack_bytes();
    if (getenv("STRAND_OFFLOAD_THREADS") == NULL) config.offload_threads = OFFLOAD_THREADS;
    seq_must(strand_scheduler_init(&config), "the scheduler cannot start");
}

// Until every strand has ended; weaves that nobody resumes do not count.
static strand_status run(void) {
    return strand_self() != 0 ? strand_wait_all(STRAND_FOREVER) : strand_scheduler_run();
}

// Shows whose scheduler ran.
static void say_counters(void) {
    strand_statistics seen = {.size = sizeof seen};
    if (getenv("LIBSTRAND_SEQ_COUNTERS") == NULL || strand_statistics_read(&seen) != STRAND_OK) return;
    fprintf(stderr, "libstrand_seq: %llu strands, %llu switches, %llu waits\n", (unsigned long long)seen.spawned,
            (unsigned long long)seen.switches, (unsigned long long)seen.parks);
}

Stack patch_seq_scheduler_run(void) {
    strand_status status = run();
    if (status != STRAND_OK) {
        // A deadlock, or a strand that ended with a fault: the program cannot go on, and says so.
        char why[8192];
        strand_last_error(why, sizeof why);
        fprintf(stderr, "%s\n", why);
        exit(status == STRAND_ERR_DEADLOCK ? 2 : 1);
    }
    say_counters();
    // Drops what was sent and never received, and ends weaves that were never finished.
    strand_scheduler_shutdown(strand_after(2000000000));
    return NULL;
}

void patch_seq_scheduler_shutdown(void) {}

void patch_seq_wait_all_strands(void) {
    seq_must(run(), "waiting for all strands");
}

// ---------------------------------------------------------------------------------------------- strands

static atomic_int_fast64_t strands_made;

// Drops every value from base up to sp.
void seq_drop_values(Stack base, Stack sp) {
    while (sp > base) sp = patch_seq_drop_op(sp);
}

// A new strand's record with the callable on top of sp, and under it what the new value stack begins with. A quotation starts with
// a copy of its maker's values, a closure with nothing: it carries its own.
seq_strand *seq_take_callable(Stack sp) {
    seq_strand *me = seq_running();
    size_t depth = 0;
    if (me != NULL && me->base != NULL && patch_seq_peek_is_quotation(sp)) depth = (size_t)(sp - 1 - me->base);
    seq_strand *made = malloc(sizeof *made + (depth + 1) * sizeof(uint64_t));
    if (made == NULL) {
        fprintf(stderr, "libstrand_seq: no memory for a strand with %zu values\n", depth);
        abort();
    }
    made->base = NULL;
    made->entry = NULL;
    made->count = depth + 1;
    for (size_t i = 0; i < depth; i++) patch_seq_clone_value(&me->base[i], &made->values[i]);
    made->values[depth] = sp[-1];
    return made;
}

// The strand never ran: its values are dropped on a stack of their own.
void seq_drop_record(void *record) {
    seq_strand *made = record;
    seq_drop_values(made->values, made->values + made->count);
    free(made);
}

// The value stack lies in this frame, so that it comes and goes with the strand and costs no memory before it is used.
static void *run_callable(void *record) {
    seq_strand *me = record;
    uint64_t values[SEQ_STACK_SLOTS];
    memcpy(values, me->values, me->count * sizeof *values);
    patch_seq_set_stack_base(values);
    Stack sp = me->entry != NULL ? me->entry(values + me->count) : patch_seq_call(values + me->count);
    seq_leave(sp);
    return NULL;
}

// Seq's main: makes and frees a value stack of its own.
static void *run_entry(void *record) {
    seq_strand *me = record;
    me->entry(me->base);
    free(me);
    return NULL;
}

static int64_t start(seq_strand *record, strand_entry entry) {
    strand_spawn_options options = {.size = sizeof options, .arg_drop = seq_drop_record, .local = record};
    strand_id id;
    seq_must(strand_spawn_with(&options, entry, record, &id), "a strand cannot be spawned");
    return atomic_fetch_add_explicit(&strands_made, 1, memory_order_relaxed) + 1;
}

int64_t patch_seq_strand_spawn_with_base(Stack (*entry)(Stack), Stack sp, Stack base) {
    seq_strand *made = calloc(1, sizeof *made);
    if (made == NULL) abort();
    made->entry = entry;
    made->base = base != NULL ? base : sp;
    return start(made, run_entry);
}

int64_t patch_seq_strand_spawn(Stack (*entry)(Stack), Stack sp) {
    return patch_seq_strand_spawn_with_base(entry, sp, NULL);
}

void patch_seq_spawn_strand(Stack (*entry)(Stack)) {
    patch_seq_strand_spawn(entry, NULL);
}

Stack patch_seq_spawn(Stack sp) {
    sp[-1] = SEQ_INTEGER(start(seq_take_callable(sp), run_callable));
    return sp;
}

Stack patch_seq_yield_strand(Stack sp) {
    strand_yield();
    return sp;
}

void patch_seq_maybe_yield(void) {
    if (__builtin_expect(strand_poll_word != 0, 0)) strand_checkpoint();
}

Stack patch_seq_time_sleep_ms(Stack sp) {
    int64_t milliseconds = SEQ_INTEGER_OF(sp[-1]);
    if (milliseconds < 0) seq_fail(sp, STRAND_ERR_INVALID, "time.sleep-ms: a negative time");
    int64_t most = INT64_MAX / 1000000;
    strand_sleep((milliseconds < most ? milliseconds : most) * 1000000);
    return sp - 1;
}

// ---------------------------------------------------------------------------------------------- channels

static void drop_message(void *element, size_t size, void *unused) {
    (void)size;
    (void)unused;
    uint64_t values[1];
    memcpy(values, element, sizeof *values);
    patch_seq_drop_op(values + 1);
}

Stack patch_seq_make_channel(Stack sp) {
    strand_chan_options options = {
        .size = sizeof options, .element_size = sizeof(uint64_t), .capacity = STRAND_UNBOUNDED, .drop = drop_message};
    strand_chan channel;
    seq_must(strand_chan_new_with(&options, &channel), "a channel cannot be made");
    *sp = SEQ_INTEGER(channel);
    return sp + 1;
}

// value channel -- sent?
Stack patch_seq_chan_send(Stack sp) {
    strand_status status = strand_chan_send(SEQ_HANDLE(sp[-1]), &sp[-2], STRAND_NO_WAIT);
    if (status != STRAND_OK) patch_seq_drop_op(sp - 1);
    sp[-2] = status == STRAND_OK ? SEQ_TRUE : SEQ_FALSE;
    return sp - 1;
}

// channel -- value received?
Stack patch_seq_chan_receive(Stack sp) {
    strand_chan channel = SEQ_HANDLE(sp[-1]);
    strand_status status = strand_chan_recv(channel, &sp[-1], STRAND_FOREVER);
    if (status != STRAND_OK) {
        sp[-1] = SEQ_INTEGER(0);
        // Closed and empty: nobody can get anything from it any more. Who comes second finds it stale.
        if (status == STRAND_ERR_CLOSED) strand_chan_release(channel);
    }
    *sp = status == STRAND_OK ? SEQ_TRUE : SEQ_FALSE;
    return sp + 1;
}

Stack patch_seq_close_channel(Stack sp) {
    strand_chan_close(SEQ_HANDLE(sp[-1]));
    return sp - 1;
}
