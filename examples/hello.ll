; SPDX-License-Identifier: MIT OR Apache-2.0
; hello.c in LLVM IR: two strands and a channel. It declares what it uses, so it stands alone.

@words = internal global i64 0
@greeting = private constant [26 x i8] c"hello from another strand\00"

declare i32 @strand_scheduler_init(ptr)
declare i32 @strand_scheduler_run()
declare i32 @strand_spawn(ptr, ptr, ptr)
declare i32 @strand_chan_new(i64, i64, ptr)
declare i32 @strand_chan_send(i64, ptr, i64)
declare i32 @strand_chan_recv(i64, ptr, i64)
declare i32 @puts(ptr)

; A message is as many bytes as the channel's elements have, here one pointer; it is passed by address.
define ptr @speak(ptr %word) #0 {
  %element = alloca ptr
  store ptr %word, ptr %element
  %words = load i64, ptr @words
  call i32 @strand_chan_send(i64 %words, ptr %element, i64 -1)      ; -1 is STRAND_FOREVER
  ret ptr null
}

define ptr @hear(ptr %unused) #0 {
  %element = alloca ptr
  %words = load i64, ptr @words
  %status = call i32 @strand_chan_recv(i64 %words, ptr %element, i64 -1)
  %received = icmp eq i32 %status, 0                                ; 0 is STRAND_OK
  br i1 %received, label %print, label %done
print:
  %word = load ptr, ptr %element
  call i32 @puts(ptr %word)
  br label %done
done:
  ret ptr null
}

define i32 @main() #0 {
  call i32 @strand_scheduler_init(ptr null)
  call i32 @strand_chan_new(i64 8, i64 0, ptr @words)               ; eight-byte elements, no buffer
  call i32 @strand_spawn(ptr @hear, ptr null, ptr null)
  call i32 @strand_spawn(ptr @speak, ptr @greeting, ptr null)
  %status = call i32 @strand_scheduler_run()
  ret i32 %status
}

; Entries let no exception out, and every function that may run on a strand probes its stack.
attributes #0 = { nounwind "probe-stack"="inline-asm" }
