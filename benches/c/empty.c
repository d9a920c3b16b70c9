/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What W13's time and size are counted against: the same program without the library. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int argc, char **argv)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (argc > 1) {
        int64_t first = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
        printf("R first_us %.1f\n", (double)(first - strtoll(argv[1], NULL, 10)) / 1000);
    }
    return 0;
}
