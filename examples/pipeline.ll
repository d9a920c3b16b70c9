; SPDX-License-Identifier: MIT OR Apache-2.0
; A pipeline as a compiler would emit it: a generator, three squarers and a sum.
;
;     generate --numbers--> square x 3 --squares--> sum
;
; It shows what a front end needs beyond hello.ll: ids of strands and joins, closing a channel when its last sender
; is done, a loop that polls (strand_poll_word), and stack probes on every function that runs on a strand.
; The declares come from include/strand.ll, which is put in front of it.

@numbers = internal global i64 0
@squares = internal global i64 0
@format = private constant [42 x i8] c"sum of the squares of 1 to 100000: %llu%c\00"

declare i32 @printf(ptr, ...)

; Sends 1 to 100000, then closes the channel: that is how the squarers learn that nothing more will come.
define ptr @generate(ptr %unused) #0 {
entry:
  %element = alloca i64
  %numbers = load i64, ptr @numbers
  br label %loop
loop:
  %n = phi i64 [ 1, %entry ], [ %next, %loop ]
  store i64 %n, ptr %element
  call i32 @strand_chan_send(i64 %numbers, ptr %element, i64 -1)
  %next = add i64 %n, 1
  %more = icmp ule i64 %next, 100000
  br i1 %more, label %loop, label %done
done:
  call i32 @strand_chan_close(i64 %numbers)
  ret ptr null
}

; Receives until the channel is closed and empty (status CLOSED, -9), and passes squares on.
define ptr @square(ptr %unused) #0 {
entry:
  %element = alloca i64
  %numbers = load i64, ptr @numbers
  %squares = load i64, ptr @squares
  br label %loop
loop:
  %status = call i32 @strand_chan_recv(i64 %numbers, ptr %element, i64 -1)
  %open = icmp eq i32 %status, 0
  br i1 %open, label %work, label %done
work:
  %n = load i64, ptr %element
  %squared = mul i64 %n, %n
  store i64 %squared, ptr %element
  call i32 @strand_chan_send(i64 %squares, ptr %element, i64 -1)
  br label %poll
poll:                                    ; every back-edge of a loop: one load, one test, seldom a call
  %raised = load volatile i32, ptr @strand_poll_word
  %quiet = icmp eq i32 %raised, 0
  br i1 %quiet, label %loop, label %checkpoint
checkpoint:
  call i32 @strand_checkpoint()
  br label %loop
done:
  ret ptr null
}

; Adds up what arrives, into the word that its argument points to.
define ptr @sum(ptr %total) #0 {
entry:
  %element = alloca i64
  %squares = load i64, ptr @squares
  br label %loop
loop:
  %status = call i32 @strand_chan_recv(i64 %squares, ptr %element, i64 -1)
  %open = icmp eq i32 %status, 0
  br i1 %open, label %add, label %done
add:
  %square = load i64, ptr %element
  %before = load i64, ptr %total
  %after = add i64 %before, %square
  store i64 %after, ptr %total
  br label %loop
done:
  ret ptr null
}

; Joins the squarers, then closes their channel: the one place that knows when the last of them is done.
define ptr @conduct(ptr %total) #0 {
entry:
  %workers = alloca [3 x i64]
  %adder = alloca i64
  call i32 @strand_spawn(ptr @sum, ptr %total, ptr %adder)
  call i32 @strand_spawn(ptr @generate, ptr null, ptr null)
  %first = getelementptr [3 x i64], ptr %workers, i64 0, i64 0
  %second = getelementptr [3 x i64], ptr %workers, i64 0, i64 1
  %third = getelementptr [3 x i64], ptr %workers, i64 0, i64 2
  call i32 @strand_spawn(ptr @square, ptr null, ptr %first)
  call i32 @strand_spawn(ptr @square, ptr null, ptr %second)
  call i32 @strand_spawn(ptr @square, ptr null, ptr %third)
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %slot = getelementptr [3 x i64], ptr %workers, i64 0, i64 %i
  %worker = load i64, ptr %slot
  call i32 @strand_join(i64 %worker, i64 -1)
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, 3
  br i1 %more, label %loop, label %close
close:
  %squares = load i64, ptr @squares
  call i32 @strand_chan_close(i64 %squares)
  %last = load i64, ptr %adder
  call i32 @strand_join(i64 %last, i64 -1)
  %result = load i64, ptr %total
  call i32 (ptr, ...) @printf(ptr @format, i64 %result, i32 10)
  ret ptr null
}

define i32 @main() {
  %total = alloca i64
  store i64 0, ptr %total
  call i32 @strand_scheduler_init(ptr null)
  call i32 @strand_chan_new(i64 8, i64 0, ptr @numbers)      ; rendezvous
  call i32 @strand_chan_new(i64 8, i64 64, ptr @squares)     ; up to 64 squares wait
  call i32 @strand_spawn(ptr @conduct, ptr %total, ptr null)
  %status = call i32 @strand_scheduler_run()
  ret i32 %status
}

; A large frame may step over any guard page; with probes it touches each page on the way. Entries do not unwind.
attributes #0 = { nounwind "probe-stack"="inline-asm" }
