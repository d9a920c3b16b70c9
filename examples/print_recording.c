/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Prints a recording that STRAND_RECORD=FILE has made: print_recording FILE. Without a file it makes one first. */
#include "check.h"

#include <stdio.h>

static int32_t put(const char *text, size_t length, void *data)
{
    return fwrite(text, 1, length, data) != length;
}

static void *count(void *arg)
{
    for (int turn = 0; turn < 3; turn++) {
        CHECK(strand_yield());
    }
    return arg;
}

static void make(const char *path)
{
    strand_config config = {.size = sizeof config, .record = path};
    char word[] = "input";
    CHECK(strand_scheduler_init(&config));
    CHECK(strand_input(1, word, sizeof word - 1));
    CHECK(strand_spawn(count, NULL, NULL));
    CHECK(strand_spawn(count, NULL, NULL));
    CHECK(strand_scheduler_run());
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "print_recording.rec";
    if (argc < 2) {
        make(path);
    }
    CHECK(strand_recording_print(path, put, stdout));
    return argc < 2 ? remove(path) : 0;
}
