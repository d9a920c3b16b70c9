// SPDX-License-Identifier: MIT OR Apache-2.0
// Calls of the language's runtime that may block: each is made on a thread that may, while the strand waits. They take a value stack
// and give it back, so any thread can make them; nobody else touches the stack meanwhile.
#include "seq.h"

typedef struct blocking_call {
    Stack (*function)(Stack);
    Stack sp;
} blocking_call;

static void *call(void *argument) {
    blocking_call *made = argument;
    made->sp = made->function(made->sp);
    return NULL;
}

static Stack offload(Stack (*function)(Stack), Stack sp, const char *what) {
    blocking_call made = {function, sp};
    seq_must(strand_offload(call, &made, STRAND_FOREVER, NULL), what);
    return made.sp;
}

// patch_seq_NAME is ours, the runtime's own is renamed seq_runtime_NAME by strand-seqc.
#define OFFLOADED(name)                     \
    Stack seq_runtime_##name(Stack sp);     \
    Stack patch_seq_##name(Stack sp);       \
    Stack patch_seq_##name(Stack sp) {      \
        return offload(seq_runtime_##name, sp, #name); \
    }

OFFLOADED(tcp_listen)
OFFLOADED(tcp_accept)
OFFLOADED(tcp_connect)
OFFLOADED(tcp_read)
OFFLOADED(tcp_write)
OFFLOADED(tcp_close)
OFFLOADED(tcp_local_port)
OFFLOADED(udp_bind)
OFFLOADED(udp_send_to)
OFFLOADED(udp_receive_from)
OFFLOADED(udp_close)
OFFLOADED(tls_client)
OFFLOADED(dns_resolve)
OFFLOADED(http_get)
OFFLOADED(http_post)
OFFLOADED(http_put)
OFFLOADED(http_delete)
OFFLOADED(read_line)
OFFLOADED(read_n)
OFFLOADED(terminal_read_char)
