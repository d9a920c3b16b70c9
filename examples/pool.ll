; SPDX-License-Identifier: MIT OR Apache-2.0
; pool.c as a compiler would emit it: a connection pool that is closed while it is in use. The declares come from
; include/strand.ll, which is put in front of it. pool.c tells the story; STRAND_EXPLORE and STRAND_REPLAY work here as
; there, since they need nothing of the program but that it calls the library.

@idle = internal global i64 0
@closing = internal global i32 0
@open = internal global i32 0
@fixed = internal global i1 0
@claim = private constant [27 x i8] c"every connection is closed\00"

declare i32 @puts(ptr)

define void @disconnect_idle() #0 {
entry:
  %connection = alloca i64
  %idle = load i64, ptr @idle
  br label %loop
loop:
  %status = call i32 @strand_chan_recv(i64 %idle, ptr %connection, i64 0)    ; STRAND_NO_WAIT
  %got = icmp eq i32 %status, 0
  br i1 %got, label %disconnect, label %done
disconnect:
  atomicrmw sub ptr @open, i32 1 seq_cst
  br label %loop
done:
  ret void
}

; Forty queries, then the connection goes back into the pool, or is closed if the pool is.
define ptr @client(ptr %connection) #0 {
entry:
  br label %query
query:
  %n = phi i64 [ 1, %entry ], [ %next, %query ]
  call i32 @strand_yield()
  %next = add i64 %n, 1
  %more = icmp ule i64 %next, 40
  br i1 %more, label %query, label %give_back
give_back:
  %closing = load atomic i32, ptr @closing seq_cst, align 4
  %open = icmp eq i32 %closing, 0
  br i1 %open, label %put, label %disconnect
disconnect:
  atomicrmw sub ptr @open, i32 1 seq_cst
  ret ptr null
put:                                                                     ; and here the pool may be closed
  %idle = load i64, ptr @idle
  call i32 @strand_chan_send(i64 %idle, ptr %connection, i64 -1)
  %again = load atomic i32, ptr @closing seq_cst, align 4
  %closed = icmp ne i32 %again, 0
  %fixed = load i1, ptr @fixed
  %both = and i1 %closed, %fixed
  br i1 %both, label %clear_up, label %done
clear_up:
  call void @disconnect_idle()
  br label %done
done:
  ret ptr null
}

define ptr @close_pool(ptr %unused) #0 {
  store atomic i32 1, ptr @closing seq_cst, align 4
  call void @disconnect_idle()
  ret ptr null
}

define ptr @serve(ptr %unused) #0 {
entry:
  %connection = alloca i64
  %user = alloca i64
  %closer = alloca i64
  %idle = load i64, ptr @idle
  br label %open
open:
  %n = phi i64 [ 0, %entry ], [ %next, %open ]
  store i64 %n, ptr %connection
  call i32 @strand_chan_send(i64 %idle, ptr %connection, i64 -1)
  atomicrmw add ptr @open, i32 1 seq_cst
  %next = add i64 %n, 1
  %more = icmp ult i64 %next, 3
  br i1 %more, label %open, label %start
start:
  call i32 @strand_chan_recv(i64 %idle, ptr %connection, i64 -1)
  call i32 @strand_spawn(ptr @client, ptr %connection, ptr %user)
  call i32 @strand_spawn(ptr @close_pool, ptr null, ptr %closer)
  %first = load i64, ptr %user
  call i32 @strand_join(i64 %first, i64 -1)
  %second = load i64, ptr %closer
  call i32 @strand_join(i64 %second, i64 -1)
  %left = load atomic i32, ptr @open seq_cst, align 4
  %none = icmp eq i32 %left, 0
  %condition = zext i1 %none to i32
  call i32 @strand_assert(i32 %condition, ptr @claim)
  ret ptr null
}

; With any argument it is the mended program.
define i32 @main(i32 %argc, ptr %argv) #0 {
entry:
  %fixed = icmp sgt i32 %argc, 1
  store i1 %fixed, ptr @fixed
  call i32 @strand_scheduler_init(ptr null)
  call i32 @strand_chan_new(i64 8, i64 3, ptr @idle)
  call i32 @strand_spawn(ptr @serve, ptr null, ptr null)
  %status = call i32 @strand_scheduler_run()
  %ok = icmp eq i32 %status, 0
  br i1 %ok, label %passed, label %failed
passed:
  call i32 @puts(ptr @claim)
  ret i32 0
failed:
  ret i32 1
}

attributes #0 = { nounwind "probe-stack"="inline-asm" }
