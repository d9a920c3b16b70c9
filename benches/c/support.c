/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Failing loudly, the clock, and what the operating system says about this process's memory. */
#include "bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

_Noreturn void bench_fail(const char *what)
{
    fprintf(stderr, "strandbench: %s\n", what);
    exit(1);
}

_Noreturn void bench_status_failed(const char *call, strand_status status)
{
    char message[512];
    (void)strand_last_error(message, sizeof message);
    fprintf(stderr, "strandbench: %s: %s: %s\n", call, strand_status_name(status), message);
    exit(1);
}

int64_t bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

double bench_cpu_ms(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

void bench_result(const char *key, double value)
{
    printf("R %s %.4f\n", key, value);
    fflush(stdout);
}

void bench_ns_per(int64_t began, double operations)
{
    bench_result("ns", (double)(bench_now() - began) / operations);
}

int64_t bench_status_kb(const char *field)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    int64_t value = -1;
    if (file == NULL) {
        return -1;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, field, strlen(field)) == 0) {
            value = strtoll(line + strlen(field), NULL, 10);
            break;
        }
    }
    fclose(file);
    return value;
}

int64_t bench_maps(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    int64_t lines = 0;
    int byte;
    if (file == NULL) {
        return -1;
    }
    while ((byte = getc(file)) != EOF) {
        lines += byte == '\n';
    }
    fclose(file);
    return lines;
}

void bench_report_memory(void)
{
    bench_result("peak_kb", (double)bench_status_kb("VmHWM:"));
    bench_result("pte_kb", (double)bench_status_kb("VmPTE:"));
    bench_result("maps", (double)bench_maps());
}

uint64_t bench_burn(uint64_t rounds)
{
    uint64_t x = rounds | 1;
    for (uint64_t i = 0; i < rounds; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    __asm__ volatile("" : "+r"(x));
    return x;
}
