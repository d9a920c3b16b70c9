/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reads what corpus.py wrote: patterns, one a line as "<letters> <bytes in hexadecimal>" (l literal, i caseless, m multi-line, s dot
 * matches newline), and a text, which is cut into streams of equal length. A match is (pattern, stream, end): as a set, sorted, with a sum
 * over it, so that engines can be compared.
 */
#ifndef BENCH_GPU_CORPUS_H
#define BENCH_GPU_CORPUS_H

#include "measure.h"

typedef struct pattern {
    char letters[8];
    char *bytes;
    uint32_t length;
} pattern;

typedef struct corpus {
    pattern *patterns;
    uint32_t count;
    char *text;
    uint64_t length;
    uint32_t stream; /* bytes of each; the last may be shorter */
} corpus;

typedef struct match {
    uint32_t pattern, stream;
    uint64_t end; /* behind its last byte, from the beginning of the stream */
} match;
typedef struct matches {
    match *list;
    size_t count, capacity;
} matches;

static inline void add_match(matches *all, uint32_t number, uint32_t stream, uint64_t end) {
    if (all->count == all->capacity) {
        all->capacity = all->capacity ? 2 * all->capacity : 1 << 16;
        all->list = realloc(all->list, all->capacity * sizeof *all->list);
        REQUIRE(all->list != NULL);
    }
    all->list[all->count++] = (match){number, stream, end};
}
static inline int by_place(const void *left, const void *right) {
    const match *a = left, *b = right;
    if (a->stream != b->stream) return a->stream < b->stream ? -1 : 1;
    if (a->end != b->end) return a->end < b->end ? -1 : 1;
    return (a->pattern > b->pattern) - (a->pattern < b->pattern);
}
/* Sorts, leaves each once, and prints how many there are and a sum over them. */
static inline void report_matches(matches *all) {
    size_t kept = 0;
    uint64_t sum = 1469598103934665603u;
    if (all->count) qsort(all->list, all->count, sizeof *all->list, by_place);
    for (size_t i = 0; i < all->count; i++) {
        if (kept && by_place(&all->list[kept - 1], &all->list[i]) == 0) continue;
        all->list[kept++] = all->list[i];
        const uint64_t words[3] = {all->list[i].pattern, all->list[i].stream, all->list[i].end};
        for (int word = 0; word < 3; word++) sum = (sum ^ words[word]) * 1099511628211u;
    }
    all->count = kept;
    result("matches", (double)kept);
    result("sum", (double)(sum >> 40));
}

static inline char *read_file(const char *path, uint64_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file) give_up(path);
    fseek(file, 0, SEEK_END);
    *length = (uint64_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*length + 1);
    REQUIRE(bytes != NULL && fread(bytes, 1, *length, file) == *length);
    bytes[*length] = 0;
    fclose(file);
    return bytes;
}
static inline uint32_t streams_of(const corpus *all) { return (uint32_t)((all->length + all->stream - 1) / all->stream); }
static inline uint32_t length_of_stream(const corpus *all, uint32_t number) {
    const uint64_t from = (uint64_t)number * all->stream;
    return (uint32_t)(all->length - from < all->stream ? all->length - from : all->stream);
}
static inline corpus read_corpus(const char *patterns, const char *text, uint32_t stream) {
    corpus all = {.stream = stream};
    uint64_t length;
    char *lines = read_file(patterns, &length), *save = NULL;
    for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        pattern one = {0};
        char *hex = strchr(line, ' ');
        REQUIRE(hex != NULL && hex - line < (int)sizeof one.letters);
        memcpy(one.letters, line, (size_t)(hex - line));
        hex++;
        one.length = (uint32_t)strlen(hex) / 2;
        one.bytes = calloc(one.length + 1, 1);
        REQUIRE(one.bytes != NULL);
        for (uint32_t i = 0; i < one.length; i++) {
            unsigned byte;
            REQUIRE(sscanf(hex + 2 * i, "%2x", &byte) == 1);
            one.bytes[i] = (char)byte;
        }
        all.patterns = realloc(all.patterns, (all.count + 1) * sizeof one);
        REQUIRE(all.patterns != NULL);
        all.patterns[all.count++] = one;
    }
    free(lines);
    all.text = read_file(text, &all.length);
    return all;
}

#endif
