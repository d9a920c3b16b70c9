// SPDX-License-Identifier: MIT OR Apache-2.0
// How many ways are there to put so many queens on a board so that none attacks another? An item of the worklist is a board with some
// rows filled: three masks of the columns that are taken. It pushes a child for each free column, and emits itself when the board is full.
// The same program runs on the processor, as a C function, and on a device, as a shader; the boards must be the same.
// usage: queens [rows] [cpu|software|hardware ...]
#include <string.h>

#include "check.h"

enum { MOST = 12, BATCH = 4096 };
static uint32_t rows = 9;

// Words of a record in the order of the task's words: diagonals to the left and to the right, and columns.
static void place(strand_work *work, const uint32_t *items, uint32_t count, void *unused) {
    (void)unused;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t left = items[3 * i], right = items[3 * i + 1], columns = items[3 * i + 2], full = (1u << rows) - 1;
        if (columns == full) {
            strand_work_emit(work, i, &left);
            continue;
        }
        for (uint32_t open = full & ~(left | right | columns); open != 0; open &= open - 1) {
            const uint32_t queen = open & -open;
            const uint32_t child[3] = {((left | queen) << 1) & full, (right | queen) >> 1, columns | queen};
            strand_work_push(work, i, child, STRAND_BAND_SAME);
        }
    }
}

// The number of rows is put in front of it.
static const char shader[] =
    "fn run(item: Item) {\n"
    "  let full = (1u << ROWS) - 1u;\n"
    "  if (item.param == full) {\n"
    "    emit(Record(item.input_handle));\n"
    "    return;\n"
    "  }\n"
    "  var open = full & ~(item.input_handle | item.output_handle | item.param);\n"
    "  while (open != 0u) {\n"
    "    let queen = open & (~open + 1u);\n"
    "    push(Item(((item.input_handle | queen) << 1u) & full, (item.output_handle | queen) >> 1u, item.param | queen), BAND_SAME);\n"
    "    open = open & (open - 1u);\n"
    "  }\n"
    "}\n";

// Counts on a device; the sum over the emitted words tells different boards apart.
static strand_status count_on(uint32_t kind, uint64_t *boards, uint64_t *sum) {
    strand_device device;
    const strand_device_options choice = {.size = sizeof choice, .kind = kind};
    const strand_status opened = strand_device_open(&choice, &device);
    if (opened != STRAND_OK) return opened;
    strand_device_info info = {.size = sizeof info};
    CHECK(strand_device_info_of(device, &info));

    char text[sizeof shader + 64];
    snprintf(text, sizeof text, "const ROWS: u32 = %uu;\n%s", rows, shader);
    strand_program program;
    const strand_program_options what = {
        .size = sizeof what,
        .fields = STRAND_FIELD_INPUT_HANDLE | STRAND_FIELD_OUTPUT_HANDLE | STRAND_FIELD_PARAM,
        .fan_out_max = rows,
        .emit_max = 1,
        .emit_words = 1,
        .kernel = place,
        .wgsl = text,
    };
    CHECK(strand_program_new(device, &what, &program));
    strand_worklist list;
    const strand_worklist_options how = {.size = sizeof how, .capacity = 1 << 14, .order = STRAND_WORKLIST_LIFO};
    CHECK(strand_worklist_new(program, &how, &list));

    const uint32_t empty_board[3] = {0, 0, 0};
    const strand_run_options run = {.size = sizeof run};
    strand_ticket ticket;
    CHECK(strand_worklist_push(list, empty_board, 1, 0, 0, STRAND_FOREVER));
    CHECK(strand_worklist_dispatch(list, &run, &ticket));
    CHECK(strand_ticket_await(ticket, STRAND_FOREVER)); // the strand waits, its thread does not
    CHECK(strand_ticket_release(ticket));

    uint32_t records[BATCH], count;
    *boards = *sum = 0;
    for (strand_status status; (status = strand_worklist_take(list, records, BATCH, &count)) == STRAND_OK; *boards += count)
        for (uint32_t i = 0; i < count; i++) *sum += (records[i] + 1) * 2654435761u;
    strand_worklist_statistics statistics = {.size = sizeof statistics};
    CHECK(strand_worklist_stats(list, &statistics));
    printf("%s: %llu boards, %llu items\n", info.name, (unsigned long long)*boards, (unsigned long long)statistics.visits);
    CHECK(strand_worklist_release(list));
    CHECK(strand_program_release(program));
    CHECK(strand_device_close(device));
    return STRAND_OK;
}

static int wanted[8];
static int kinds;

static void *count_everywhere(void *unused) {
    (void)unused;
    uint64_t boards[8] = {0}, sums[8] = {0};
    int counted = 0;
    for (int n = 0; n < kinds; n++) {
        const strand_status status = count_on((uint32_t)wanted[n], &boards[counted], &sums[counted]);
        if (status == STRAND_OK) counted++;
        else printf("%s: not here\n", wanted[n] == STRAND_DEVICE_HARDWARE ? "hardware" : "software");
    }
    for (int n = 1; n < counted; n++) {
        if (boards[n] != boards[0] || sums[n] != sums[0]) {
            printf("the devices disagree\n");
            exit(EXIT_FAILURE);
        }
    }
    printf("%u queens: %llu ways, the same on %d device%s\n", rows, (unsigned long long)boards[0], counted, counted == 1 ? "" : "s");
    return NULL;
}

int main(int argc, char **argv) {
    const char *names[] = {"", "hardware", "software", "cpu"};
    if (argc > 1) rows = (uint32_t)atoi(argv[1]);
    if (rows < 1 || rows > MOST) return EXIT_FAILURE;
    for (int n = 2; n < argc && kinds < 8; n++)
        for (int kind = STRAND_DEVICE_HARDWARE; kind <= STRAND_DEVICE_CPU; kind++)
            if (strcmp(argv[n], names[kind]) == 0) wanted[kinds++] = kind;
    if (kinds == 0) {
        wanted[kinds++] = STRAND_DEVICE_CPU;
        wanted[kinds++] = STRAND_DEVICE_SOFTWARE;
    }
    CHECK(strand_scheduler_init(NULL));
    CHECK(strand_spawn(count_everywhere, NULL, NULL));
    CHECK(strand_scheduler_run());
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    return EXIT_SUCCESS;
}
