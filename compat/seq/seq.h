// SPDX-License-Identifier: MIT OR Apache-2.0
// What the files of libstrand_seq share: the shape of a Seq value stack, what a strand of a Seq program has, and what is used of
// the language's own runtime.
#ifndef LIBSTRAND_SEQ_H
#define LIBSTRAND_SEQ_H

#include <stddef.h>
#include <stdint.h>
#include <strand.h>

// Points behind the value on top.
typedef uint64_t *Stack;

enum {
    SEQ_STACK_SLOTS = 4096,
    SEQ_FALSE = 0,
    SEQ_TRUE = 2,
};
#define SEQ_INTEGER(n) ((uint64_t)(n) << 1 | 1)
#define SEQ_INTEGER_OF(slot) ((int64_t)(slot) >> 1)
#define SEQ_HANDLE(slot) ((uint64_t)(slot) >> 1)

// A strand of a Seq program.
typedef struct seq_strand {
    Stack base;               // of its value stack; NULL before it runs
    Stack (*entry)(Stack);    // a function instead of a callable value
    size_t count;             // values to begin with, the callable last
    uint64_t values[];
} seq_strand;

// Of the language's runtime. The last is its patch_seq_set_stack_base, renamed by strand-seqc.
void patch_seq_clone_value(const uint64_t *source, uint64_t *copy);
Stack patch_seq_drop_op(Stack sp);
Stack patch_seq_call(Stack sp);
int64_t patch_seq_peek_is_quotation(Stack sp);
void seq_runtime_set_stack_base(Stack base);

// Ours.
void patch_seq_set_stack_base(Stack base);
seq_strand *seq_running(void);
seq_strand *seq_take_callable(Stack sp);
void seq_drop_record(void *record);
void seq_drop_values(Stack base, Stack sp);
void seq_must(strand_status status, const char *what);
_Noreturn void seq_die(const char *what);
_Noreturn void seq_fail(Stack sp, strand_status code, const char *message);
void seq_leave(Stack sp);

#endif
