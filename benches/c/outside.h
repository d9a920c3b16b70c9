/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A thread of the program's own that uses the runtime: it sends the first strand a message before the workload begins
 * and another after it has ended, and is alive, waiting outside the library, all the time between.
 */
#ifndef OUTSIDE_H
#define OUTSIDE_H

void outside_start(void); /* main thread, after init */
void outside_meet(void);  /* first strand: receive the first message */
void outside_part(void);  /* first strand: ask for the second one and receive it */
void outside_stop(void);  /* main thread, before shutdown */

#endif
