// SPDX-License-Identifier: MIT OR Apache-2.0
// Seeks thousands of rules in many files at once, and counts for each rule the lines that it is found in, as grep -c does.
//
// The rules are compiled to one automaton. A strand for each file reads it in chunks and scans them: while its chunk is
// scanned by strands of the library it waits for the ticket, and the others read theirs. Nothing is reported twice or missed
// where two chunks meet: the library carries what is active from one to the next.
//
// usage: rules RULES FILE...     RULES has a rule in each line: F, f: fixed bytes; P, p: a regular expression;
//                                the small letters ignore case; then a blank, then the rule
#include "check.h"
#include <string.h>

enum { CHUNK = 256 * 1024, RULES_MAX = 20000, FILES_MAX = 4096, TAKEN = 1024 };

static strand_automaton automaton;
static strand_pattern patterns[RULES_MAX];
static size_t rules, files;
static uint64_t *lines_of[FILES_MAX]; // where the lines of each file end
static size_t line_count[FILES_MAX];
static char **names;

static void read_rules(const char *name) {
    static char line[1 << 16];
    FILE *file = fopen(name, "r");
    if (file == NULL) exit((perror(name), EXIT_FAILURE));
    while (fgets(line, sizeof line, file) != NULL && rules < RULES_MAX) {
        const size_t length = strcspn(line, "\n");
        if (length < 3) continue;
        strand_pattern *pattern = &patterns[rules++];
        pattern->size = sizeof *pattern;
        pattern->flags = STRAND_PATTERN_MULTI_LINE;
        if (line[0] == 'F' || line[0] == 'f') pattern->flags = STRAND_PATTERN_LITERAL;
        if (line[0] == 'f' || line[0] == 'p') pattern->flags |= STRAND_PATTERN_CASELESS;
        pattern->length = length - 2;
        pattern->text = memcpy(malloc(length), line + 2, length - 2);
    }
    fclose(file);
}

static void note_lines(size_t stream, uint64_t offset, const char *bytes, size_t length) {
    for (const char *at = bytes; (at = memchr(at, '\n', length - (size_t)(at - bytes))) != NULL; at += 1) {
        size_t *count = &line_count[stream];
        if ((*count & (*count - 1)) == 0) {
            lines_of[stream] = realloc(lines_of[stream], (*count == 0 ? 1 : *count * 2) * sizeof **lines_of);
        }
        lines_of[stream][(*count)++] = offset + (uint64_t)(at - bytes);
    }
}

// One file: chunk for chunk.
static void *scan_file(void *arg) {
    const size_t stream = (size_t)arg;
    FILE *file = fopen(names[stream], "rb");
    char *bytes = malloc(CHUNK);
    uint64_t offset = 0;
    if (file == NULL) exit((perror(names[stream]), EXIT_FAILURE));
    for (int more = 1; more;) {
        strand_ticket ticket;
        strand_chunk chunk = {.size = sizeof chunk, .stream = (uint32_t)stream, .data = bytes};
        chunk.length = fread(bytes, 1, CHUNK, file);
        more = chunk.length == CHUNK;
        chunk.flags = more ? 0 : STRAND_CHUNK_LAST;
        note_lines(stream, offset, bytes, chunk.length);
        CHECK(strand_automaton_scan(automaton, &chunk, 1, NULL, &ticket));
        CHECK(strand_ticket_await(ticket, STRAND_FOREVER));
        CHECK(strand_ticket_release(ticket));
        offset += chunk.length;
    }
    free(bytes);
    fclose(file);
    return NULL;
}

// Number of the line that a byte is in.
static uint64_t line_at(size_t stream, uint64_t byte) {
    size_t low = 0, high = line_count[stream];
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (lines_of[stream][middle] < byte) low = middle + 1;
        else high = middle;
    }
    return low + 1;
}

int main(int argc, char **argv) {
    static strand_match found[TAKEN];
    strand_device_options options = {.size = sizeof options, .kind = STRAND_DEVICE_CPU};
    strand_automaton_counts counts = {.size = sizeof counts};
    strand_device device;
    if (argc < 3) exit((fprintf(stderr, "usage: rules RULES FILE...\n"), EXIT_FAILURE));
    read_rules(argv[1]);
    names = argv + 2;
    files = (size_t)argc - 2 < FILES_MAX ? (size_t)argc - 2 : FILES_MAX;
    CHECK(strand_scheduler_init(NULL));
    CHECK(strand_device_open(&options, &device));
    CHECK(strand_automaton_compile(device, patterns, rules, NULL, &automaton));
    for (size_t stream = 0; stream < files; stream += 1) CHECK(strand_spawn(scan_file, (void *)stream, NULL));
    CHECK(strand_scheduler_run());

    // Matches of one rule in one file come in order, so a line is new if it is not the last one.
    uint64_t *last = calloc(rules * files, sizeof *last), *hits = calloc(rules, sizeof *hits);
    for (size_t count; strand_automaton_take(automaton, found, TAKEN, &count) == STRAND_OK;) {
        for (size_t index = 0; index < count; index += 1) {
            const strand_match *match = &found[index];
            const uint64_t line = line_at(match->stream, match->end - 1);
            uint64_t *known = &last[match->pattern * files + match->stream];
            hits[match->pattern] += *known != line;
            *known = line;
        }
    }
    for (size_t rule = 0; rule < rules; rule += 1) {
        if (hits[rule] > 0) printf("%llu %.*s\n", (unsigned long long)hits[rule], (int)patterns[rule].length, patterns[rule].text);
    }
    CHECK(strand_automaton_stats(automaton, &counts));
    fprintf(stderr, "%u rules, %u states, %zu files, %llu bytes, %llu matches\n", counts.patterns, counts.states, files,
            (unsigned long long)counts.bytes, (unsigned long long)counts.matches);
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    return 0;
}
