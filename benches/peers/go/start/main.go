// SPDX-License-Identifier: MIT OR Apache-2.0

// W13 in Go: see benches/c/start.c.
package main

import (
	"os"
	"strconv"
	"syscall"
	"unsafe"
)

func now() int64 {
	var t syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, 1 /* CLOCK_MONOTONIC */, uintptr(unsafe.Pointer(&t)), 0)
	return t.Nano()
}

func main() {
	first := make(chan int64)
	go func() { first <- now() }()
	t := <-first
	if len(os.Args) > 1 {
		asked, _ := strconv.ParseInt(os.Args[1], 10, 64)
		os.Stdout.WriteString("R first_us " + strconv.FormatFloat(float64(t-asked)/1000, 'f', 1, 64) + "\n")
	}
}
