/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * scan cpu|software|hardware <patterns> <text> <bytes of a stream> [auto|blocking|items]: finds every match of all patterns in all
 * streams, and takes them.
 * scan check <patterns>: prints "refused <number> <why>" for each pattern that the library does not compile.
 */
#include "corpus.h"
#include "ours.h"

static strand_pattern wanted_as(const pattern *one) {
    const uint32_t flags = (strchr(one->letters, 'l') ? STRAND_PATTERN_LITERAL : 0) | (strchr(one->letters, 'i') ? STRAND_PATTERN_CASELESS : 0) |
                           (strchr(one->letters, 'm') ? STRAND_PATTERN_MULTI_LINE : 0) | (strchr(one->letters, 's') ? STRAND_PATTERN_DOT_ALL : 0);
    return (strand_pattern){.size = sizeof(strand_pattern), .flags = flags, .text = one->bytes, .length = one->length};
}

static void *check_patterns(void *arguments) {
    char **words = arguments;
    const corpus all = read_corpus(words[2], "/dev/null", 1);
    open_device("cpu");
    for (uint32_t i = 0; i < all.count; i++) {
        const strand_pattern one = wanted_as(&all.patterns[i]);
        strand_automaton made;
        const strand_status status = strand_automaton_compile(device, &one, 1, NULL, &made);
        if (status != STRAND_OK) printf("refused %u %s\n", i, strand_status_name(status));
        else CHECK(strand_automaton_release(made));
    }
    return NULL;
}

static void *measure(void *arguments) {
    char **words = arguments;
    const corpus all = read_corpus(words[2], words[3], (uint32_t)atoi(words[4]));
    const uint32_t streams = streams_of(&all);
    strand_pattern *patterns = calloc(all.count, sizeof *patterns);
    strand_chunk *chunks = calloc(streams, sizeof *chunks);
    REQUIRE(patterns && chunks);
    for (uint32_t i = 0; i < all.count; i++) patterns[i] = wanted_as(&all.patterns[i]);
    open_device(words[1]);
    const char *mode = words[5] ? words[5] : "auto";
    const strand_automaton_options options = {.size = sizeof options, .streams_max = streams,
        .mode = *mode == 'b' ? STRAND_AUTOMATON_BLOCKING : *mode == 'i' ? STRAND_AUTOMATON_NON_BLOCKING : STRAND_AUTOMATON_AUTO};
    strand_automaton automaton;
    int64_t began = now_ns();
    CHECK(strand_automaton_compile(device, patterns, all.count, &options, &automaton));
    result("compile_ns", (double)(now_ns() - began));
    samples times = {0};
    matches found = {0};
    static strand_match taken[4096];
    began = now_ns();
    do {
        for (uint32_t i = 0; i < streams; i++)
            chunks[i] = (strand_chunk){.size = sizeof *chunks, .stream = i, .flags = STRAND_CHUNK_LAST, .data = all.text + (uint64_t)i * all.stream,
                                       .length = length_of_stream(&all, i)};
        const int64_t start = now_ns();
        strand_ticket ticket;
        CHECK(strand_automaton_scan(automaton, chunks, streams, NULL, &ticket));
        finish(ticket);
        found.count = 0;
        for (;;) {
            size_t count = 0;
            const strand_status status = strand_automaton_take(automaton, taken, sizeof taken / sizeof *taken, &count);
            if (status == STRAND_ERR_EMPTY) break;
            CHECK(status);
            for (size_t i = 0; i < count; i++) add_match(&found, taken[i].pattern, taken[i].stream, taken[i].end);
        }
        sample(&times, now_ns() - start);
    } while (!enough(&times, 5, began, 1.5));
    report(&times, (double)all.length);
    report_matches(&found);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "check") == 0) return on_a_strand(check_patterns, argv);
    if (argc != 5 && argc != 6) give_up("usage: scan cpu|software|hardware <patterns> <text> <bytes of a stream> [mode], or scan check <patterns>");
    return on_a_strand(measure, argv);
}
