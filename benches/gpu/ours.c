/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * ours await|trivial|requeue|spill cpu|software|hardware [size]: worklists through strand.h, from a strand. What is measured is whole:
 * items are pushed, run and their results read back; every result is checked in the same run.
 */
#include "ours.h"

static uint64_t size;
static int on_processor;

/* ------------------------------------------------------------------------------------------ what is done with an item */

/* One word in, one emitted. */
static void emit_kernel(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
    (void)data;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t record = items[i] * 3 + 1;
        strand_work_emit(work, i, &record);
    }
}
static const char EMIT[] = "fn run(item: Item) { emit(Record(item.param * 3u + 1u)); }\n";

/* One word in, one written to a buffer at its place. */
static void write_kernel(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
    uint64_t bytes;
    uint32_t *out = strand_work_buffer(work, 0, &bytes);
    (void)data;
    for (uint32_t i = 0; i < count; i++) out[items[i]] = items[i] * 3 + 1;
}
static const char WRITE[] =
    "@group(1) @binding(0) var<storage, read_write> results: array<u32>;\n"
    "fn run(item: Item) { results[item.param] = item.param * 3u + 1u; }\n";

/* Goes on ROUNDS times, then writes how often it did. */
enum { ROUNDS = 256 };
static void again_kernel(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
    uint64_t bytes;
    uint32_t *out = strand_work_buffer(work, 0, &bytes);
    (void)data;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t param = items[2 * i], round = items[2 * i + 1];
        if (round < ROUNDS) strand_work_requeue(work, i, round + 1, 0, STRAND_BAND_SAME);
        else out[param] += round;
    }
}
static const char AGAIN[] =
    "@group(1) @binding(0) var<storage, read_write> results: array<u32>;\n"
    "fn run(item: Item) {\n"
    "  if (item.continuation_pc < 256u) { requeue(item.continuation_pc + 1u, 0u, BAND_SAME); }\n"
    "  else { results[item.param] += item.continuation_pc; }\n"
    "}\n";

/* A tree in the order of a heap: each item counts itself and pushes its two children. */
static void tree_kernel(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
    uint64_t bytes;
    uint32_t *seen = strand_work_buffer(work, 0, &bytes);
    const uint32_t limit = (uint32_t)(bytes / 4);
    (void)data;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t left = 2 * items[i] + 1, right = left + 1;
        seen[items[i]] += 1;
        if (left < limit) strand_work_push(work, i, &left, STRAND_BAND_SAME);
        if (right < limit) strand_work_push(work, i, &right, STRAND_BAND_SAME);
    }
}
static const char TREE[] =
    "@group(1) @binding(0) var<storage, read_write> seen: array<u32>;\n"
    "fn run(item: Item) {\n"
    "  let limit = arrayLength(&seen);\n"
    "  let left = 2u * item.param + 1u;\n"
    "  seen[item.param] += 1u;\n"
    "  if (left < limit) { push(Item(left), BAND_SAME); }\n"
    "  if (left + 1u < limit) { push(Item(left + 1u), BAND_SAME); }\n"
    "}\n";

/* ---------------------------------------------------------------------------------------------------------- parts */

static strand_program program(strand_program_options options) {
    strand_program made;
    options.size = sizeof options;
    CHECK(strand_program_new(device, &options, &made));
    return made;
}
static strand_worklist worklist(strand_program of, strand_worklist_options options) {
    strand_worklist made;
    options.size = sizeof options;
    CHECK(strand_worklist_new(of, &options, &made));
    return made;
}
static void drain(strand_worklist list) {
    const strand_run_options run = {.size = sizeof run};
    strand_ticket ticket;
    CHECK(strand_worklist_dispatch(list, &run, &ticket));
    finish(ticket);
}
static void push_all(strand_worklist list, const uint32_t *items, uint64_t count, uint32_t words) {
    for (uint64_t at = 0; at < count;) {
        const uint32_t part = count - at < 65536 ? (uint32_t)(count - at) : 65536;
        CHECK(strand_worklist_push(list, items + at * words, part, 0, 0, STRAND_FOREVER));
        at += part;
    }
}
/*
 * Until all is done, pushed while a run is on, which takes up what comes meanwhile: on the processor one worker copies while others run. On
 * an adapter the run begins when all is there. (PoCL is no faster in parts, in order or out of it.)
 */
static void push_and_drain(strand_worklist list, const uint32_t *items, uint64_t count) {
    const strand_run_options run = {.size = sizeof run};
    strand_ticket ticket = 0;
    if (!on_processor) push_all(list, items, count, 1);
    for (uint64_t at = 0; on_processor && at < count;) {
        const uint32_t part = count - at < 65536 ? (uint32_t)(count - at) : 65536;
        strand_status result;
        CHECK(strand_worklist_push(list, items + at, part, 0, 0, STRAND_FOREVER));
        at += part;
        if (ticket != 0 && strand_ticket_poll(ticket, &result) == STRAND_OK) finish(ticket), ticket = 0;    /* it was faster */
        if (ticket == 0) CHECK(strand_worklist_dispatch(list, &run, &ticket));
    }
    if (ticket != 0) finish(ticket);
    drain(list);
}
/* ------------------------------------------------------------------------------------------------------ workloads */

static void await_one(void) {
    const strand_worklist list = worklist(
        program((strand_program_options){.fields = STRAND_FIELD_PARAM, .emit_max = 1, .emit_words = 1, .kernel = emit_kernel, .wgsl = EMIT}),
        (strand_worklist_options){.capacity = 64, .emitted_max = 64});
    samples times = {0};
    const int64_t began = now_ns();
    uint32_t number = 0;
    do {
        uint32_t record = 0, count = 0;
        const int64_t start = now_ns();
        CHECK(strand_worklist_push(list, &number, 1, 0, 0, STRAND_FOREVER));
        drain(list);
        CHECK(strand_worklist_take(list, &record, 1, &count));
        sample(&times, now_ns() - start);
        REQUIRE(count == 1 && record == number * 3 + 1);
        number++;
    } while (!enough(&times, 1000, began, 1.5));
    report(&times, 1);
}

static void trivial(void) {
    const uint64_t items = size ? size : 1 << 22;
    const strand_buffer results = buffer_of(4 * items);
    const strand_worklist list = worklist(
        program((strand_program_options){.fields = STRAND_FIELD_PARAM, .buffer_count = 1, .kernel = write_kernel, .wgsl = WRITE}),
        (strand_worklist_options){.capacity = 1 << 20, .buffers = &results, .buffer_count = 1});
    uint32_t *words = words_of(items), *out = words_of(items);
    for (uint64_t i = 0; i < items; i++) words[i] = (uint32_t)i;
    samples times = {0};
    const int64_t began = now_ns();
    do {
        memset(out, 0, 4 * items);
        CHECK(strand_buffer_write(results, 0, out, 4 * items));
        const int64_t start = now_ns();
        push_and_drain(list, words, items);
        read_back(results, out, items);
        sample(&times, now_ns() - start);
        for (uint64_t i = 0; i < items; i++) REQUIRE(out[i] == i * 3 + 1);
    } while (!enough(&times, 5, began, 2));
    report(&times, (double)items);
}

static void requeue(void) {
    const uint64_t items = size ? size : 1 << 16;
    const strand_buffer results = buffer_of(4 * items);
    const strand_worklist list = worklist(
        program((strand_program_options){.fields = STRAND_FIELD_PARAM | STRAND_FIELD_CONTINUATION_PC, .buffer_count = 1, .inner_steps = 1,
                                         .kernel = again_kernel, .wgsl = AGAIN}),
        (strand_worklist_options){.capacity = (uint32_t)items, .mode = STRAND_WORKLIST_NON_BLOCKING, .buffers = &results, .buffer_count = 1});
    uint32_t *words = words_of(2 * items), *out = words_of(items);
    for (uint64_t i = 0; i < items; i++) words[2 * i] = (uint32_t)i;
    samples times = {0};
    const int64_t began = now_ns();
    do {
        memset(out, 0, 4 * items);
        CHECK(strand_buffer_write(results, 0, out, 4 * items));
        const int64_t start = now_ns();
        push_all(list, words, items, 2);
        drain(list);
        read_back(results, out, items);
        sample(&times, now_ns() - start);
        for (uint64_t i = 0; i < items; i++) REQUIRE(out[i] == ROUNDS);
    } while (!enough(&times, 3, began, 2));
    report(&times, (double)items * (ROUNDS + 1));
}

static void spill(void) {
    const uint64_t items = size ? size : 10000000;
    const strand_buffer seen = buffer_of(4 * items);
    const strand_worklist list = worklist(
        program((strand_program_options){.fields = STRAND_FIELD_PARAM, .fan_out_max = 2, .buffer_count = 1, .kernel = tree_kernel, .wgsl = TREE}),
        (strand_worklist_options){.capacity = 1 << 14, .order = STRAND_WORKLIST_LIFO, .buffers = &seen, .buffer_count = 1});
    uint32_t *out = words_of(items);
    samples times = {0};
    const int64_t began = now_ns();
    do {
        const uint32_t root = 0;
        memset(out, 0, 4 * items);
        CHECK(strand_buffer_write(seen, 0, out, 4 * items));
        read_back(seen, out, items);
        const int64_t start = now_ns();
        push_all(list, &root, 1, 1);
        drain(list);
        sample(&times, now_ns() - start);
        read_back(seen, out, items);
        for (uint64_t i = 0; i < items; i++) REQUIRE(out[i] == 1);
    } while (!enough(&times, 2, began, 2));
    report(&times, (double)items);
}

static void *measure(void *arguments) {
    static const struct { const char *name; void (*run)(void); } all[] = {
        {"await", await_one}, {"trivial", trivial}, {"requeue", requeue}, {"spill", spill}};
    char **words = arguments;
    open_device(words[2]);
    on_processor = strcmp(words[2], "cpu") == 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(all[i].name, words[1]) != 0) continue;
        all[i].run();
        CHECK(strand_device_close(device));
        return NULL;
    }
    give_up("there is no such workload");
}

int main(int argc, char **argv) {
    if (argc < 3) give_up("usage: ours await|trivial|requeue|spill cpu|software|hardware [size]");
    if (argc > 3) size = strtoull(argv[3], NULL, 10);
    return on_a_strand(measure, argv);
}
