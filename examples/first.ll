; SPDX-License-Identifier: MIT OR Apache-2.0
; The smallest program: its declares come from include/strand.ll, which is put in front of it.
@text = private constant [23 x i8] c"hello from LLVM's side\00"
declare i32 @puts(ptr)
define ptr @hello(ptr %text) nounwind {
  call i32 @puts(ptr %text)
  ret ptr null
}
define i32 @main() {
  call i32 @strand_scheduler_init(ptr null)
  call i32 @strand_spawn(ptr @hello, ptr @text, ptr null)
  %status = call i32 @strand_scheduler_run()
  ret i32 %status
}
