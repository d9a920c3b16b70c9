// SPDX-License-Identifier: MIT OR Apache-2.0
// libstrand_seq0: the scheduler, the channels and the value stack of the first version of Seq's runtime (November 2025), over strand.h.
// Programs of that version declare these symbols. It is an archive of its own, never linked together with libstrand_seq, whose symbols
// have the same names and another value stack.
//
// What that version got wrong is mended here:
//   - memory belongs to a strand, not to the OS thread on which it happens to run: texts of one strand live until that strand ends;
//   - nothing panics: sending to a closed or unknown channel is refused, and patch_seq_chan_send_safe says so;
//   - waiting for all strands is allowed inside a strand, which does not wait for itself;
//   - a strand that cannot be made is an answer (0), and its value stack is freed.
#ifndef LIBSTRAND_SEQ0_H
#define LIBSTRAND_SEQ0_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// A value: 32 bytes, what it is in the last word. Kinds that are not named here are carried and not looked into.
typedef struct seq0_value {
    uint64_t word[3];
    uint64_t kind;
} seq0_value;

enum {
    SEQ0_STRING = 1,    // word 0: bytes, word 1: length, word 2: 1 when the bytes belong to the strand, 0 when to the value
    SEQ0_INT = 2,       // word 0
};

// The value stack is a list; NULL is an empty one.
typedef struct seq0_node {
    struct seq0_node *next;
    seq0_value value;
} seq0_node;
typedef seq0_node *seq0_stack;
typedef seq0_stack (*seq0_entry)(seq0_stack stack);

// The scheduler. Init may be called again and does nothing then.
void patch_seq_scheduler_init(void);
// Until every strand has ended; always NULL. After a deadlock or a fault it says so on standard error and ends the process with 2 or 1.
seq0_stack patch_seq_scheduler_run(void);
// Ends what is left and frees everything. Init may follow.
void patch_seq_scheduler_shutdown(void);
// A strand that runs entry with this stack, which it owns; what entry returns is freed. Its id, above 0 and never used again; 0 when there
// is no memory for it, and the stack is freed.
int64_t patch_seq_strand_spawn(seq0_entry entry, seq0_stack stack);
void patch_seq_spawn_strand(seq0_entry entry);
void patch_seq_yield_strand(void);
// Until every strand has ended; on a strand: all others that do not wait here themselves.
void patch_seq_wait_all_strands(void);

// Channels of values, without a bound, named by an integer. Only the _safe forms say whether it worked.
seq0_stack patch_seq_make_channel(seq0_stack stack);            // -- id
seq0_stack patch_seq_chan_send(seq0_stack stack);               // value id --
seq0_stack patch_seq_chan_send_safe(seq0_stack stack);          // value id -- sent: 1, or 0 when the channel is closed or unknown
seq0_stack patch_seq_chan_receive(seq0_stack stack);            // id -- value; 0 when the channel is closed and empty, or unknown
seq0_stack patch_seq_chan_receive_safe(seq0_stack stack);       // id -- value received
seq0_stack patch_seq_close_channel(seq0_stack stack);           // id --

// The value stack. A value that is pushed belongs to the stack, one that is popped to the caller. NULL is an answer of push: no memory, and
// the stack is as before.
seq0_stack seq0_push(seq0_stack stack, seq0_value value);
seq0_stack seq0_pop(seq0_stack stack, seq0_value *value);       // of an empty stack: the integer 0
void seq0_free_stack(seq0_stack stack);
seq0_value seq0_int(int64_t number);
// A text in the running strand's memory: it lives until the strand ends, and a channel carries a copy of its own. Off-strand, or without
// memory for it: a text that owns its bytes, empty if not even that can be had.
seq0_value seq0_strand_string(const char *bytes, size_t length);
// The value has a copy of its own, which seq0_drop frees.
seq0_value seq0_string(const char *bytes, size_t length);
void seq0_drop(seq0_value value);
// Bytes of texts that the running strand has.
size_t seq0_strand_bytes(void);

// How values of other kinds are copied and dropped; before patch_seq_scheduler_init. NULL: their bits are all there is to them.
void seq0_set_hooks(seq0_value (*copy)(seq0_value value), void (*drop)(seq0_value value));

#ifdef __cplusplus
}
#endif
#endif
