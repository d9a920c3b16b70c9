/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* vectorscan <patterns> <text> <bytes of a stream>: the same patterns over the same streams by vectorscan, on one thread. */
#include "corpus.h"

#include <hs.h>

typedef struct scan {
    matches found;
    uint32_t stream;
} scan;

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context) {
    scan *all = context;
    (void)from, (void)flags;
    add_match(&all->found, id, all->stream, to);
    return 0;
}

static hs_database_t *compile(const corpus *all) {
    const char **texts = calloc(all->count, sizeof *texts);
    unsigned *flags = calloc(all->count, sizeof *flags), *ids = calloc(all->count, sizeof *ids);
    size_t *lengths = calloc(all->count, sizeof *lengths);
    int literals = 1;
    REQUIRE(texts && flags && ids && lengths);
    for (uint32_t i = 0; i < all->count; i++) {
        const pattern *one = &all->patterns[i];
        literals = literals && strchr(one->letters, 'l');
        ids[i] = i;
        flags[i] = (strchr(one->letters, 'i') ? HS_FLAG_CASELESS : 0) | (strchr(one->letters, 'm') ? HS_FLAG_MULTILINE : 0) |
                   (strchr(one->letters, 's') ? HS_FLAG_DOTALL : 0);
    }
    for (uint32_t i = 0; i < all->count; i++) {
        const pattern *one = &all->patterns[i];
        texts[i] = one->bytes;
        lengths[i] = one->length;
        if (literals || !strchr(one->letters, 'l')) continue;
        char *escaped = calloc(4 * (size_t)one->length + 1, 1), *end = escaped;    /* among regular expressions a literal is written as one */
        REQUIRE(escaped != NULL);
        for (uint32_t at = 0; at < one->length; at++) end += sprintf(end, "\\x%02x", (unsigned char)one->bytes[at]);
        texts[i] = escaped;
    }
    hs_database_t *database = NULL;
    hs_compile_error_t *error = NULL;
    const hs_error_t status = literals
        ? hs_compile_lit_multi(texts, flags, ids, lengths, all->count, HS_MODE_BLOCK, NULL, &database, &error)
        : hs_compile_multi(texts, flags, ids, all->count, HS_MODE_BLOCK, NULL, &database, &error);
    if (status != HS_SUCCESS) give_up(error ? error->message : "hs_compile");
    return database;
}

int main(int argc, char **argv) {
    if (argc != 4) give_up("usage: vectorscan <patterns> <text> <bytes of a stream>");
    const corpus all = read_corpus(argv[1], argv[2], (uint32_t)atoi(argv[3]));
    int64_t began = now_ns();
    hs_database_t *database = compile(&all);
    result("compile_ns", (double)(now_ns() - began));
    hs_scratch_t *scratch = NULL;
    REQUIRE(hs_alloc_scratch(database, &scratch) == HS_SUCCESS);
    scan state = {0};
    samples times = {0};
    began = now_ns();
    do {
        const int64_t start = now_ns();
        state.found.count = 0;
        for (state.stream = 0; state.stream < streams_of(&all); state.stream++)
            REQUIRE(hs_scan(database, all.text + (uint64_t)state.stream * all.stream, length_of_stream(&all, state.stream), 0, scratch,
                            on_match, &state) == HS_SUCCESS);
        sample(&times, now_ns() - start);
    } while (!enough(&times, 5, began, 1.5));
    report(&times, (double)all.length);
    report_matches(&state.found);
    return 0;
}
