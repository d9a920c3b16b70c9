// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// W1a, W1b
func yieldAmong(strands, total int) {
	each := total / strands
	var all sync.WaitGroup
	all.Add(strands)
	began := time.Now()
	for s := 0; s < strands; s++ {
		go func() {
			for i := 0; i < each; i++ {
				runtime.Gosched()
			}
			all.Done()
		}()
	}
	all.Wait()
	nsPer(began, each*strands)
}

// W2
func spawnAll(n int) {
	var all sync.WaitGroup
	all.Add(n)
	began := time.Now()
	for i := 0; i < n; i++ {
		go all.Done()
	}
	all.Wait()
	nsPer(began, n)
}

// W2j: Go has no join; a message is the usual stand-in.
func spawnJoin(n int) {
	ended := make(chan struct{})
	began := time.Now()
	for i := 0; i < n; i++ {
		go func() { ended <- struct{}{} }()
		<-ended
	}
	nsPer(began, n)
}

// W3
func parked(n int) {
	gate, allStarted := make(chan int), make(chan bool, 1)
	var all sync.WaitGroup
	var started atomic.Int64
	all.Add(n)
	resident, tables := statusKB("VmRSS:"), statusKB("VmPTE:")
	began := time.Now()
	for i := 0; i < n; i++ {
		go func() {
			if started.Add(1) == int64(n) {
				allStarted <- true
			}
			<-gate
			all.Done()
		}()
	}
	<-allStarted
	created := time.Since(began)
	result("bytes_each", (statusKB("VmRSS:")-resident)*1024/float64(n))
	result("table_bytes_each", (statusKB("VmPTE:")-tables)*1024/float64(n))
	result("maps_live", maps())
	began = time.Now()
	for i := 0; i < n; i++ {
		gate <- i
	}
	all.Wait()
	released := time.Since(began)
	result("create_ns", float64(created.Nanoseconds())/float64(n))
	result("release_ns", float64(released.Nanoseconds())/float64(n))
	result("ns", float64((created + released).Nanoseconds())/float64(n))
}
