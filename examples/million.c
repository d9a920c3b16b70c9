// SPDX-License-Identifier: MIT OR Apache-2.0
// A million strands, all alive and parked at the same time, each on a stack of its own with a guard. Then all are
// released. Prints what one strand costs.
// usage: million [strands]
#include "check.h"
#include <stdatomic.h>
#include <string.h>

static strand_park_token *tokens;     // where each strand says how to wake it
static int64_t wanted = 1000000;
static atomic_int_fast64_t parked, released;
static strand_chan all_parked;

static void *sleeper(void *slot) {
    strand_park_token *token = slot;
    uint64_t value = 0;
    CHECK(strand_park_begin(token));
    if (atomic_fetch_add(&parked, 1) + 1 == wanted) CHECK(strand_chan_send(all_parked, &value, STRAND_FOREVER));
    CHECK(strand_park(*token, STRAND_FOREVER, &value));
    if (value == 7) atomic_fetch_add(&released, 1);
    return NULL;
}

// A line such as "VmRSS:   4711 kB" of a file in /proc; -1 where there is none.
static int64_t kilobytes(const char *path, const char *key) {
    char line[256];
    long long found = -1;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, key, strlen(key)) == 0) sscanf(line + strlen(key), " %lld", &found);
    }
    if (file) fclose(file);
    return found;
}

static int64_t number_in(const char *path) {
    long long found = -1;
    FILE *file = fopen(path, "r");
    if (file && fscanf(file, "%lld", &found) != 1) found = -1;
    if (file) fclose(file);
    return found;
}

static int64_t maps(void) {
    int64_t lines = 0;
    FILE *file = fopen("/proc/self/maps", "r");
    for (int c; file && (c = getc(file)) != EOF;) lines += c == '\n';
    if (file) fclose(file);
    return lines;
}

// What is free here: the machine's memory or what the control group leaves, whichever is less.
static int64_t free_kilobytes(void) {
    int64_t available = kilobytes("/proc/meminfo", "MemAvailable:");
    int64_t limit = number_in("/sys/fs/cgroup/memory.max");
    int64_t used = number_in("/sys/fs/cgroup/memory.current");
    if (limit > 0 && used >= 0 && (limit - used) / 1024 < available) available = (limit - used) / 1024;
    return available;
}

static void scale_down(const char *guard) {
    const int64_t needed = 8000000;       // 8 GB in kB, about twice what a million strands take
    const int64_t without_madvise = 20000;   // before Linux 6.13 each guard takes two of the kernel's 65530 maps
    int64_t available = free_kilobytes();
    if (available >= 0 && available < needed) {
        wanted = wanted * available / needed;
        if (wanted < 1000) wanted = 1000;
        printf("*** SCALED DOWN to %lld strands: %lld MB are free here, a million wants 8000 MB ***\n", (long long)wanted,
               (long long)available / 1000);
    }
    if (strcmp(guard, "madvise") != 0 && wanted > without_madvise) {
        wanted = without_madvise;
        printf("*** SCALED DOWN to %lld strands: this kernel makes guards by %s, which takes maps ***\n", (long long)wanted,
               guard);
    }
}

static strand_statistics statistics(void) {
    strand_statistics counted = {0};
    counted.size = sizeof counted;
    CHECK(strand_statistics_read(&counted));
    return counted;
}

// The last strand to park sends the word. One for which no stack can be had never parks: it ends with a fault.
static void wait_until_all_are_parked(void) {
    uint64_t word;
    strand_status status;
    while ((status = strand_chan_recv(all_parked, &word, strand_after(250000000))) == STRAND_ERR_TIMEOUT) {
        if (statistics().faults == 0) continue;
        do {   // let all go that have parked by now, until none is left; then the run says what went wrong
            for (int64_t i = 0; i < wanted; i++) strand_unpark(tokens[i], 0);
            status = strand_scheduler_run();
        } while (status == STRAND_ERR_DEADLOCK);
        check(status, "strand_scheduler_run()", __FILE__, __LINE__);
    }
    CHECK(status);
}

int main(int argc, char **argv) {
    char guard[32] = "?";
    CHECK(strand_scheduler_init(NULL));
    CHECK(strand_info("guard", guard, sizeof guard, NULL));
    if (argc > 1) wanted = atoll(argv[1]);
    else scale_down(guard);
    if (wanted < 1 || !(tokens = calloc((size_t)wanted, sizeof *tokens))) return EXIT_FAILURE;
    memset(tokens, 0, (size_t)wanted * sizeof *tokens);   // our own table shall not count as the strands' memory
    CHECK(strand_chan_new(sizeof(uint64_t), 1, &all_parked));

    int64_t resident = kilobytes("/proc/self/status", "VmRSS:"), tables = kilobytes("/proc/self/status", "VmPTE:");
    int64_t start = strand_now();
    for (int64_t i = 0; i < wanted; i++) CHECK(strand_spawn(sleeper, &tokens[i], NULL));
    wait_until_all_are_parked();
    int64_t created = strand_now();

    strand_statistics counted = statistics();
    resident = kilobytes("/proc/self/status", "VmRSS:") - resident;
    tables = kilobytes("/proc/self/status", "VmPTE:") - tables;
    int64_t regions = maps();

    int64_t before = strand_now();
    for (int64_t i = 0; i < wanted; i++) CHECK(strand_unpark(tokens[i], 7));
    CHECK(strand_scheduler_run());
    int64_t done = strand_now();

    printf("alive and parked    %lld strands on %u workers\n", (long long)counted.live, (unsigned)counted.workers);
    printf("memory              %.2f kB a strand   (VmRSS, %lld MB in all)\n", (double)resident * 1.024 / (double)wanted,
           (long long)(resident * 1024 / 1000000));
    printf("page tables         %.0f bytes a strand (VmPTE)\n", (double)tables * 1024 / (double)wanted);
    printf("maps                %lld   (the kernel allows %lld)\n", (long long)regions,
           (long long)number_in("/proc/sys/vm/max_map_count"));
    printf("guards              %s\n", guard);
    printf("create              %lld ns a strand   (spawn, first run, park)\n", (long long)((created - start) / wanted));
    printf("release             %lld ns a strand   (unpark, last run, end)\n", (long long)((done - before) / wanted));
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    free(tokens);
    if (atomic_load(&released) != wanted) return EXIT_FAILURE;
    printf("all %lld were woken exactly once and have ended\n", (long long)wanted);
    return EXIT_SUCCESS;
}
