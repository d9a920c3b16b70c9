// SPDX-License-Identifier: MIT OR Apache-2.0
// Weaves, Seq's generators: values both ways between whoever resumes one and the strand that yields in it. A weave is an integer, the
// handle of a generator, on both sides; what the original keeps for ever (a weave that is cancelled, the stack of one that is never
// finished) is freed.
#include "seq.h"

#include <stdlib.h>
#include <string.h>

static void drop_value(uint64_t value, void *unused) {
    (void)unused;
    uint64_t values[1] = {value};
    patch_seq_drop_op(values + 1);
}

// The body begins with what a strand would begin with, the weave, and the value of the first resume.
static strand_status run_weave(void *record, uint64_t first, uint64_t *last) {
    (void)last;
    seq_strand *me = record;
    uint64_t values[SEQ_STACK_SLOTS];
    size_t inherited = me->count - 1;
    memcpy(values, me->values, inherited * sizeof *values);
    values[inherited] = SEQ_INTEGER(strand_generator_self());
    values[inherited + 1] = first;
    values[inherited + 2] = me->values[inherited];
    patch_seq_set_stack_base(values);
    seq_leave(patch_seq_call(values + inherited + 3));
    return STRAND_OK;
}

// quotation -- weave
Stack patch_seq_weave(Stack sp) {
    seq_strand *made = seq_take_callable(sp);
    strand_generator_options options = {.size = sizeof options, .arg_drop = seq_drop_record, .value_drop = drop_value, .local = made};
    strand_generator weave;
    seq_must(strand_generator_new(&options, run_weave, made, &weave), "a weave cannot be made");
    sp[-1] = SEQ_INTEGER(weave);
    return sp;
}

// weave value -- weave value more?
Stack patch_seq_resume(Stack sp) {
    strand_generator weave = SEQ_HANDLE(sp[-2]);
    uint64_t yielded = 0;
    strand_status status = strand_generator_resume(weave, sp[-1], &yielded, STRAND_FOREVER);
    if (status == STRAND_OK) {
        sp[-1] = yielded;
        *sp = SEQ_TRUE;
        return sp + 1;
    }
    switch (status) {
    case STRAND_ERR_CLOSED:    // it has taken the value and returned: nobody can resume it any more
    case STRAND_ERR_FAILED: strand_generator_release(weave); break;
    case STRAND_ERR_CANCELLED: break;
    default: patch_seq_drop_op(sp);    // ended before, or cancelled: the value is still ours
    }
    sp[-1] = SEQ_INTEGER(0);
    *sp = SEQ_FALSE;
    return sp + 1;
}

// weave value -- weave value, inside the weave
Stack patch_seq_yield(Stack sp) {
    if (SEQ_HANDLE(sp[-2]) != strand_generator_self()) {
        seq_fail(sp, STRAND_ERR_INVALID, "yield: the value below is not the weave that runs here");
    }
    uint64_t answer;
    if (strand_generator_yield(sp[-1], &answer) == STRAND_OK) {
        sp[-1] = answer;
        return sp;
    }
    // Cancelled. The frames of the language cannot return early, so they are dropped, and what they hold is given back.
    seq_leave(sp);
    strand_exit(NULL);
    abort();
}

// weave --
Stack patch_seq_weave_cancel(Stack sp) {
    strand_generator_release(SEQ_HANDLE(sp[-1]));
    return sp - 1;
}
