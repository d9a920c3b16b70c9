// SPDX-License-Identifier: MIT OR Apache-2.0
// Counts the words of many files with a pipeline of strands:
//
//     names --> 2 readers --blocks--> 4 parsers --batches--> 4 reducers, each with its own share of the words
//
// A reader cuts files into blocks that end between two words. A parser counts the words of one block and sends each
// reducer the words that are its own (by hash), so no two strands ever write to the same table: no locks anywhere.
// Every message is one pointer; who receives it owns it. A word is a run of the letters A to Z, in small letters.
//
// usage: wordcount OUTPUT FILE...    writes a line "count word" for each word to OUTPUT, sorted by word
#include "check.h"
#include <stdatomic.h>
#include <string.h>

enum { READERS = 2, PARSERS = 4, REDUCERS = 4, BLOCK = 64 * 1024 };

typedef struct block {
    size_t length;
    atomic_int users;      // batches that still point into bytes
    char bytes[];
} block;

typedef struct word {
    const char *bytes;     // in a block while in a parser or a batch, in the reducer's own memory later
    uint32_t length, hash;
    uint64_t count;        // 0: a free slot of a table
} word;

typedef struct batch {
    block *source;
    size_t count;
    word words[];
} batch;

typedef struct table {     // open addressing, at most half full
    word *slots;
    size_t capacity, used;
} table;

static strand_chan names, blocks, batches[REDUCERS];
static table results[REDUCERS];
static atomic_uint_fast64_t total_bytes, total_words, total_blocks;

static void *memory(void *old, size_t bytes) {
    void *found = realloc(old, bytes ? bytes : 1);
    if (!found) exit((fprintf(stderr, "wordcount: out of memory\n"), EXIT_FAILURE));
    return found;
}

// ---- tables ----

static word *find(const table *table, const char *bytes, uint32_t length, uint32_t hash) {
    for (size_t at = hash / REDUCERS;; at++) {
        word *slot = &table->slots[at & (table->capacity - 1)];
        if (slot->count == 0) return slot;
        if (slot->hash == hash && slot->length == length && memcmp(slot->bytes, bytes, length) == 0) return slot;
    }
}

static void grow(table *table) {
    word *old = table->slots;
    size_t slots = table->capacity;
    table->capacity = slots ? slots * 2 : 4096;
    table->slots = memset(memory(NULL, table->capacity * sizeof *old), 0, table->capacity * sizeof *old);
    for (size_t i = 0; i < slots; i++) {
        if (old[i].count) *find(table, old[i].bytes, old[i].length, old[i].hash) = old[i];
    }
    free(old);
}

// Adds to the count of a word; says whether the word is new, and where it is.
static word *add(table *table, word seen, int *is_new) {
    if (table->used * 2 >= table->capacity) grow(table);
    word *slot = find(table, seen.bytes, seen.length, seen.hash);
    *is_new = slot->count == 0;
    if (*is_new) {
        table->used++;
        *slot = seen;
    } else {
        slot->count += seen.count;
    }
    return slot;
}

// ---- readers ----

static int is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static block *new_block(const char *start, size_t length) {
    block *made = memory(NULL, sizeof *made + length + BLOCK);
    made->length = length;
    memcpy(made->bytes, start, length);
    return made;
}

static void *reader(void *unused) {
    (void)unused;
    for (const char *name; strand_chan_recv(names, &name, STRAND_FOREVER) == STRAND_OK;) {
        FILE *file = fopen(name, "rb");
        if (!file) exit((perror(name), EXIT_FAILURE));
        block *current = new_block("", 0);
        for (size_t got; (got = fread(current->bytes + current->length, 1, BLOCK, file)) > 0;) {
            current->length += got;
            size_t cut = current->length;
            while (cut > 0 && is_letter(current->bytes[cut - 1])) cut--;
            block *next = new_block(current->bytes + cut, current->length - cut);
            current->length = cut;
            CHECK(strand_chan_send(blocks, &current, STRAND_FOREVER));
            current = next;
        }
        if (ferror(file)) exit((perror(name), EXIT_FAILURE));
        CHECK(strand_chan_send(blocks, &current, STRAND_FOREVER));
        fclose(file);
    }
    return NULL;
}

// ---- parsers ----

static void count_words(block *block, table *table) {
    char *at = block->bytes, *end = at + block->length;
    uint64_t found = 0;
    while (at < end) {
        char *start = at;
        uint32_t hash = 2166136261u;
        for (; at < end && is_letter(*at); at++) hash = (hash ^ (unsigned char)(*at |= 0x20)) * 16777619u;
        int is_new;
        if (at > start) add(table, (word){start, (uint32_t)(at - start), hash, 1}, &is_new);
        found += at > start;
        while (at < end && !is_letter(*at)) at++;
    }
    atomic_fetch_add(&total_words, found);
    atomic_fetch_add(&total_bytes, block->length);
    atomic_fetch_add(&total_blocks, 1);
}

static void *parser(void *unused) {
    (void)unused;
    table table = {0};
    for (block *block; strand_chan_recv(blocks, &block, STRAND_FOREVER) == STRAND_OK;) {
        count_words(block, &table);
        batch *parts[REDUCERS];
        for (int r = 0; r < REDUCERS; r++) {
            parts[r] = memory(NULL, sizeof(batch) + table.used * sizeof(word));
            parts[r]->source = block;
            parts[r]->count = 0;
        }
        for (size_t i = 0; i < table.capacity; i++) {
            batch *part = parts[table.slots[i].hash % REDUCERS];
            if (table.slots[i].count) part->words[part->count++] = table.slots[i];
        }
        atomic_store(&block->users, REDUCERS);
        for (int r = 0; r < REDUCERS; r++) CHECK(strand_chan_send(batches[r], &parts[r], STRAND_FOREVER));
        if (table.capacity) memset(table.slots, 0, table.capacity * sizeof *table.slots);
        table.used = 0;
    }
    free(table.slots);
    return NULL;
}

// ---- reducers ----

static void *reducer(void *number) {
    size_t own = (size_t)(uintptr_t)number;
    for (batch *batch; strand_chan_recv(batches[own], &batch, STRAND_FOREVER) == STRAND_OK;) {
        for (size_t i = 0; i < batch->count; i++) {
            int is_new;
            word *slot = add(&results[own], batch->words[i], &is_new);
            if (is_new) slot->bytes = memcpy(memory(NULL, slot->length), slot->bytes, slot->length);
        }
        if (atomic_fetch_sub(&batch->source->users, 1) == 1) free(batch->source);
        free(batch);
    }
    return NULL;
}

// ---- main: starts the stages, closes each channel when its senders have ended ----

static void start(strand_entry entry, int count, strand_id *ids) {
    for (int i = 0; i < count; i++) CHECK(strand_spawn(entry, (void *)(uintptr_t)i, &ids[i]));
}

static void join_then_close(const strand_id *ids, int count, strand_chan *channels, int channel_count) {
    for (int i = 0; i < count; i++) CHECK(strand_join(ids[i], STRAND_FOREVER));
    for (int i = 0; i < channel_count; i++) CHECK(strand_chan_close(channels[i]));
}

static int by_word(const void *left, const void *right) {
    const word *a = left, *b = right;
    int order = memcmp(a->bytes, b->bytes, a->length < b->length ? a->length : b->length);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

static int by_count(const void *left, const void *right) {
    const word *a = left, *b = right;
    return a->count != b->count ? (a->count < b->count) - (a->count > b->count) : by_word(left, right);
}

static void report(const char *path, int64_t nanoseconds) {
    size_t distinct = 0;
    for (int r = 0; r < REDUCERS; r++) distinct += results[r].used;
    word *all = memory(NULL, distinct * sizeof *all), *next = all;
    for (int r = 0; r < REDUCERS; r++) {
        for (size_t i = 0; i < results[r].capacity; i++) {
            if (results[r].slots[i].count) *next++ = results[r].slots[i];
        }
        free(results[r].slots);
    }
    qsort(all, distinct, sizeof *all, by_word);
    FILE *output = fopen(path, "w");
    if (!output) exit((perror(path), EXIT_FAILURE));
    for (size_t i = 0; i < distinct; i++) {
        fprintf(output, "%llu %.*s\n", (unsigned long long)all[i].count, (int)all[i].length, all[i].bytes);
    }
    if (fclose(output) != 0) exit((perror(path), EXIT_FAILURE));

    qsort(all, distinct, sizeof *all, by_count);
    printf("%llu words, %zu of them different, in %.1f MB\n", (unsigned long long)total_words, distinct,
           (double)total_bytes / 1e6);
    printf("the most frequent:");
    for (size_t i = 0; i < distinct && i < 8; i++) printf(" %.*s", (int)all[i].length, all[i].bytes);
    printf("\n%.2f s, %.0f MB/s, %llu blocks through %d strands\n", (double)nanoseconds / 1e9,
           (double)total_bytes * 1e3 / (double)nanoseconds, (unsigned long long)total_blocks,
           READERS + PARSERS + REDUCERS);
    for (size_t i = 0; i < distinct; i++) free((void *)(uintptr_t)all[i].bytes);
    free(all);
}

int main(int argc, char **argv) {
    strand_id readers[READERS], parsers[PARSERS], reducers[REDUCERS];
    if (argc < 3) return fprintf(stderr, "usage: wordcount OUTPUT FILE...\n"), EXIT_FAILURE;
    CHECK(strand_scheduler_init(NULL));
    CHECK(strand_chan_new(sizeof(char *), 0, &names));
    CHECK(strand_chan_new(sizeof(block *), 8, &blocks));
    for (int r = 0; r < REDUCERS; r++) CHECK(strand_chan_new(sizeof(batch *), 8, &batches[r]));

    int64_t began = strand_now();
    start(reducer, REDUCERS, reducers);
    start(parser, PARSERS, parsers);
    start(reader, READERS, readers);
    for (int i = 2; i < argc; i++) CHECK(strand_chan_send(names, &argv[i], STRAND_FOREVER));
    CHECK(strand_chan_close(names));
    join_then_close(readers, READERS, &blocks, 1);
    join_then_close(parsers, PARSERS, batches, REDUCERS);
    CHECK(strand_scheduler_run());
    int64_t spent = strand_now() - began;

    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    report(argv[1], spent);
    return EXIT_SUCCESS;
}
