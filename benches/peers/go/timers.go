// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"slices"
	"sync"
	"time"
)

// W9
func sleepAll(n int) {
	late := make([]time.Duration, n)
	random := uint64(88172645463325252)
	var all sync.WaitGroup
	all.Add(n)
	cpu, began := cpuMs(), time.Now()
	for i := range late {
		random ^= random << 13
		random ^= random >> 7
		random ^= random << 17
		length := time.Duration(random%100000) * time.Microsecond
		go func() {
			slept := time.Now()
			time.Sleep(length)
			late[i] = time.Since(slept) - length
			all.Done()
		}()
	}
	all.Wait()
	result("ms", float64(time.Since(began).Nanoseconds())/1e6)
	result("cpu_ms", cpuMs()-cpu)
	slices.Sort(late)
	result("late_p50_ms", float64(late[n/2])/1e6)
	result("late_p99_ms", float64(late[n*99/100])/1e6)
	result("late_most_ms", float64(late[n-1])/1e6)
}
