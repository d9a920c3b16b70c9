// SPDX-License-Identifier: MIT OR Apache-2.0
#include <stdio.h>
#include <strand.h>
static strand_chan words;
static void *speak(void *word) {
    return strand_chan_send(words, &word, STRAND_FOREVER) == STRAND_OK ? word : NULL;
}
static void *hear(void *word) {
    if (strand_chan_recv(words, &word, STRAND_FOREVER) == STRAND_OK) puts(word);
    return NULL;
}
int main(void) {
    if (strand_scheduler_init(NULL) || strand_chan_new(sizeof(char *), 0, &words)) return 1;
    if (strand_spawn(hear, NULL, NULL) || strand_spawn(speak, "hello from another strand", NULL)) return 1;
    return strand_scheduler_run() == STRAND_OK ? 0 : 1;
}
