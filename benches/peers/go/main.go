// SPDX-License-Identifier: MIT OR Apache-2.0

// The workloads of benches/c as a Go programmer would write them: gobench <workload> <workers> [n].
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type workload struct {
	run func(n int)
	n   int
}

var workloads = map[string]workload{
	"w1a": {func(n int) { yieldAmong(2, n) }, 2000000}, "w1b": {func(n int) { yieldAmong(1000, n) }, 2000000},
	"w2": {spawnAll, 1000000}, "w2j": {spawnJoin, 500000}, "w3": {parked, 1000000},
	"w4": {roundtrip, 500000}, "w4x": {roundtripAcross, 50000}, "w4p": {wakeAcross, 2000},
	"w4d": {roundtripTimed, 500000}, "w9": {sleepAll, 100000},
	"w5a": {func(n int) { buffered(1, n) }, 4000000}, "w5b": {func(n int) { buffered(4, n) }, 4000000},
	"w6": {ring, 1000000}, "w7": {skynetChannels, 1000000}, "w7j": {skynetJoin, 1000000},
	"w8": {selectFour, 1000000},
	"w10a": {func(n int) { lockAmongAll(n, false) }, 1000000}, "w10b": {func(n int) { lockAmongAll(n, true) }, 200000},
	"w11a": {func(n int) { fibDownTo(n, 12, 20) }, 30}, "w11f": {func(n int) { fibDownTo(n, 2, 1) }, 30},
	"w11b": {uneven, 4096},
}

func result(key string, value float64) { fmt.Printf("R %s %.4f\n", key, value) }

func nsPer(began time.Time, operations int) {
	result("ns", float64(time.Since(began).Nanoseconds())/float64(operations))
}

func require(condition bool) {
	if !condition {
		panic("a workload computed something wrong")
	}
}

func statusKB(field string) float64 {
	text, err := os.ReadFile("/proc/self/status")
	require(err == nil)
	for _, line := range strings.Split(string(text), "\n") {
		if rest, found := strings.CutPrefix(line, field); found {
			value, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return value
		}
	}
	return -1
}

func cpuMs() float64 {
	var usage syscall.Rusage
	require(syscall.Getrusage(syscall.RUSAGE_SELF, &usage) == nil)
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e6
}

func maps() float64 {
	file, err := os.Open("/proc/self/maps")
	require(err == nil)
	defer file.Close()
	lines := 0.0
	for scan := bufio.NewScanner(file); scan.Scan(); {
		lines++
	}
	return lines
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: gobench <workload> <workers> [n]")
		os.Exit(2)
	}
	chosen, known := workloads[os.Args[1]]
	if !known {
		fmt.Println("NA")
		return
	}
	workers, _ := strconv.Atoi(os.Args[2])
	runtime.GOMAXPROCS(workers)
	n := chosen.n
	if len(os.Args) > 3 {
		n, _ = strconv.Atoi(os.Args[3])
	}
	ended := make(chan bool)
	go func() {
		chosen.run(n)
		ended <- true
	}()
	<-ended
	result("peak_kb", statusKB("VmHWM:"))
	result("pte_kb", statusKB("VmPTE:"))
	result("maps", maps())
}
