/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What our programs share: every status is checked, the work is done on a strand, on a device of the kind that is named. */
#ifndef BENCH_GPU_OURS_H
#define BENCH_GPU_OURS_H

#include "measure.h"

#include <strand.h>

#define CHECK(call)                                                                                  \
    do {                                                                                             \
        const strand_status check_status = (call);                                                   \
        if (check_status != STRAND_OK) failed(#call, check_status);                                  \
    } while (0)

static inline _Noreturn void failed(const char *call, strand_status status) {
    char text[1024] = "";
    strand_last_error(text, sizeof text);
    fprintf(stderr, "%s: %s: %s\n", call, strand_status_name(status), text);
    exit(1);
}

static strand_device device;

static inline void open_device(const char *name) {
    const char *names[] = {"", "hardware", "software", "cpu"};
    strand_device_options options = {.size = sizeof options, .kind = STRAND_DEVICE_HARDWARE};
    strand_device_info info = {.size = sizeof info};
    while (options.kind <= STRAND_DEVICE_CPU && strcmp(names[options.kind], name) != 0) options.kind++;
    if (options.kind > STRAND_DEVICE_CPU) give_up("the device is cpu, software or hardware");
    const int64_t began = now_ns();
    CHECK(strand_device_open(&options, &device));
    result("open_ns", (double)(now_ns() - began));
    CHECK(strand_device_info_of(device, &info));
    printf("D %s, %s\n", info.name, info.driver);
}

static inline strand_buffer buffer_of(uint64_t bytes) {
    strand_buffer made;
    CHECK(strand_buffer_new(device, bytes, 0, &made));
    return made;
}
static inline void finish(strand_ticket ticket) {
    CHECK(strand_ticket_await(ticket, STRAND_FOREVER));
    CHECK(strand_ticket_release(ticket));
}
static inline void read_back(strand_buffer from, uint32_t *words, uint64_t count) {
    strand_ticket ticket;
    CHECK(strand_buffer_read(from, 0, words, 4 * count, &ticket));
    finish(ticket);
}
static inline uint32_t *words_of(uint64_t count) {
    uint32_t *words = calloc(count, 4);
    REQUIRE(words != NULL);
    return words;
}
/* Runs `entry` on a strand, and ends. */
static inline int on_a_strand(strand_entry entry, void *argument) {
    CHECK(strand_scheduler_init(NULL));
    CHECK(strand_spawn(entry, argument, NULL));
    CHECK(strand_scheduler_run());
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    return 0;
}

#endif
