/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The least that a lock costs: one compare-and-swap and one store, each in a function of another file. */
#include "bench.h"

strand_status floor_lock(uint64_t *word, int64_t deadline)
{
    uint64_t nobody = 0;
    if (__atomic_compare_exchange_n(word, &nobody, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        return STRAND_OK;
    }
    return deadline == STRAND_NO_WAIT ? STRAND_ERR_WOULD_BLOCK : STRAND_ERR_TIMEOUT;
}

strand_status floor_unlock(uint64_t *word)
{
    __atomic_store_n(word, 0, __ATOMIC_RELEASE);
    return STRAND_OK;
}
