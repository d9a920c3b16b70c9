// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"sync"
	"sync/atomic"
	"time"
)

func wholeTree(n int) (leaves, strands int) {
	leaves, strands = 1, 1
	for leaves*10 <= n {
		leaves *= 10
		strands += leaves
	}
	return
}

func speak(parent chan int64, first, leaves int64) {
	if leaves == 1 {
		parent <- first
		return
	}
	replies, share, sum := make(chan int64), leaves/10, int64(0)
	for i := int64(0); i < 10; i++ {
		go speak(replies, first+i*share, share)
	}
	for i := 0; i < 10; i++ {
		sum += <-replies
	}
	parent <- sum
}

// W7
func skynetChannels(n int) {
	leaves, strands := wholeTree(n)
	parent := make(chan int64)
	began := time.Now()
	go speak(parent, 0, int64(leaves))
	sum := <-parent
	nsPer(began, strands)
	require(sum == int64(leaves*(leaves-1)/2))
}

func addUp(sum *int64, first, leaves int64, parent *sync.WaitGroup) {
	if leaves == 1 {
		*sum = first
		parent.Done()
		return
	}
	var all sync.WaitGroup
	var sums [10]int64
	all.Add(10)
	for i := int64(0); i < 10; i++ {
		go addUp(&sums[i], first+i*(leaves/10), leaves/10, &all)
	}
	all.Wait()
	for _, one := range sums {
		*sum += one
	}
	parent.Done()
}

// W7j
func skynetJoin(n int) {
	leaves, strands := wholeTree(n)
	var top sync.WaitGroup
	var sum int64
	top.Add(1)
	began := time.Now()
	go addUp(&sum, 0, int64(leaves), &top)
	top.Wait()
	nsPer(began, strands)
	require(sum == int64(leaves*(leaves-1)/2))
}

func fibSerial(n int) uint64 {
	if n < 2 {
		return uint64(n)
	}
	return fibSerial(n-1) + fibSerial(n-2)
}

func fib(n, serialBelow int) uint64 {
	if n < serialBelow {
		return fibSerial(n)
	}
	half := make(chan uint64, 1)
	go func() { half <- fib(n-1, serialBelow) }()
	other := fib(n-2, serialBelow)
	return other + <-half
}

// W11a, W11f
func fibDownTo(n, serialBelow, repeats int) {
	before, value := uint64(0), uint64(1)
	for i := 1; i < n; i++ {
		before, value = value, before+value
	}
	began := time.Now()
	for i := 0; i < repeats; i++ {
		require(fib(n, serialBelow) == value)
	}
	result("ms", float64(time.Since(began).Nanoseconds())/1e6/float64(repeats))
}

//go:noinline
func burn(rounds uint64) uint64 {
	x := rounds | 1
	for i := uint64(0); i < rounds; i++ {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

func roundsOf(i int) uint64 {
	if i%16 == 0 {
		return 160000
	}
	return 10000
}

// W11b
func uneven(n int) {
	var sink, total atomic.Uint64
	for i := 0; i < n; i++ {
		total.Add(roundsOf(i))
	}
	began := time.Now()
	sink.Add(burn(total.Load()))
	serial := time.Since(began)
	var all sync.WaitGroup
	all.Add(n)
	began = time.Now()
	for i := 0; i < n; i++ {
		go func() {
			sink.Add(burn(roundsOf(i)))
			all.Done()
		}()
	}
	all.Wait()
	spread := time.Since(began)
	result("ms", float64(spread.Nanoseconds())/1e6)
	result("speedup", serial.Seconds()/spread.Seconds())
}
