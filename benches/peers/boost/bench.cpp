// SPDX-License-Identifier: MIT OR Apache-2.0
// The workloads of benches/c on Boost.Fiber: one worker under round robin, several under its work stealing.
#include "support.hpp"

#include <cstring>

using Rendezvous = fibers::unbuffered_channel<std::uint64_t>;

static void yield_among(long strands, long total)
{
    long each = total / strands;
    Countdown all(strands);
    auto began = Clock::now();
    for (long s = 0; s < strands; s++) {
        start([&] {
            for (long i = 0; i < each; i++) {
                boost::this_fiber::yield();
            }
            all.done();
        }).detach();
    }
    all.wait();
    ns_per(began, each * strands);
}

static void spawn_all(long n)
{
    Countdown all(n);
    auto began = Clock::now();
    for (long i = 0; i < n; i++) {
        start([&] { all.done(); }).detach();
    }
    all.wait();
    ns_per(began, n);
}

static void spawn_join(long n)
{
    auto began = Clock::now();
    for (long i = 0; i < n; i++) {
        start([] {}).join();
    }
    ns_per(began, n);
}

static void parked(long n)
{
    fibers::mutex mutex;
    fibers::condition_variable changed;
    long permits = 0;
    std::atomic<long> started{0};
    Countdown all(n), all_started(1);
    double resident = status_kb("VmRSS:"), tables = status_kb("VmPTE:");
    auto began = Clock::now();
    for (long i = 0; i < n; i++) {
        start([&] {
            if (started.fetch_add(1) + 1 == n) {
                all_started.done();
            }
            {
                std::unique_lock<fibers::mutex> lock(mutex);
                changed.wait(lock, [&] { return permits > 0; });
                permits--;
            }
            all.done();
        }).detach();
    }
    all_started.wait();
    double created = ns_since(began);
    result("bytes_each", (status_kb("VmRSS:") - resident) * 1024 / n);
    result("table_bytes_each", (status_kb("VmPTE:") - tables) * 1024 / n);
    result("maps_live", maps());
    began = Clock::now();
    for (long i = 0; i < n; i++) {
        std::unique_lock<fibers::mutex> lock(mutex);
        permits++;
        changed.notify_one();
    }
    all.wait();
    double released = ns_since(began);
    result("create_ns", created / n);
    result("release_ns", released / n);
    result("ns", (created + released) / n);
}

static void echo(long n, Rendezvous &there, Rendezvous &back)
{
    for (long i = 0; i < n; i++) {
        std::uint64_t value = 0;
        there.pop(value);
        back.push(value);
    }
}

static void call(long n, Rendezvous &there, Rendezvous &back)
{
    for (long i = 0; i < n; i++) {
        std::uint64_t value = 0;
        there.push(static_cast<std::uint64_t>(i));
        back.pop(value);
        require(value == static_cast<std::uint64_t>(i));
    }
}

static void roundtrip(long n)
{
    Rendezvous there, back;
    auto began = Clock::now();
    fibers::fiber echoing = start([&] { echo(n, there, back); });
    fibers::fiber calling = start([&] { call(n, there, back); });
    calling.join();
    echoing.join();
    ns_per(began, n);
}

/* Two threads with a scheduler each. */
static void roundtrip_across(long n)
{
    Rendezvous there, back;
    auto began = Clock::now();
    std::thread echoing([&] { start([&] { echo(n, there, back); }).join(); });
    std::thread calling([&] { start([&] { call(n, there, back); }).join(); });
    calling.join();
    echoing.join();
    ns_per(began, n);
}

static void lock_among_all(long total, bool yields)
{
    constexpr long strands = 1000;
    fibers::mutex mutex;
    long each = total / strands, counter = 0;
    Countdown all(strands);
    auto began = Clock::now();
    for (long s = 0; s < strands; s++) {
        start([&] {
            for (long i = 0; i < each; i++) {
                mutex.lock();
                counter++;
                if (yields) {
                    boost::this_fiber::yield();
                }
                mutex.unlock();
            }
            all.done();
        }).detach();
    }
    all.wait();
    ns_per(began, each * strands);
    require(counter == each * strands);
}

static void buffered(long pairs, long total)
{
    fibers::buffered_channel<std::uint64_t> between(256); /* a power of two, one of which stays free: room for 128 needs 256 */
    long each = total / pairs;
    std::atomic<std::uint64_t> sum{0};
    Countdown all(2 * pairs);
    auto began = Clock::now();
    for (long p = 0; p < pairs; p++) {
        start([&] {
            for (long i = 0; i < each; i++) {
                between.push(static_cast<std::uint64_t>(i));
            }
            all.done();
        }).detach();
        start([&] {
            std::uint64_t mine = 0, value = 0;
            for (long i = 0; i < each; i++) {
                between.pop(value);
                mine += value;
            }
            sum += mine;
            all.done();
        }).detach();
    }
    all.wait();
    ns_per(began, each * pairs);
    require(sum == static_cast<std::uint64_t>(pairs * (each * (each - 1) / 2)));
}

static void ring(long hops)
{
    constexpr long members = 10000;
    long laps = std::max(hops / members, 1L);
    std::vector<Rendezvous> links(members);
    Countdown all(members - 1);
    for (long i = 1; i < members; i++) {
        start([&, i] {
            for (long lap = 0; lap < laps; lap++) {
                std::uint64_t value = 0;
                links[i - 1].pop(value);
                links[i].push(value + 1);
            }
            all.done();
        }).detach();
    }
    std::uint64_t value = 0;
    auto began = Clock::now();
    for (long lap = 0; lap < laps; lap++) {
        links[0].push(value);
        links[members - 1].pop(value);
    }
    ns_per(began, laps * members);
    require(value == static_cast<std::uint64_t>(laps * (members - 1)));
    all.wait();
}

static long whole_tree(long n, long &strands)
{
    long leaves = 1;
    strands = 1;
    while (leaves * 10 <= n) {
        leaves *= 10;
        strands += leaves;
    }
    return leaves;
}

static void speak(Rendezvous &parent, long first, long leaves)
{
    std::uint64_t sum = static_cast<std::uint64_t>(first), value = 0;
    if (leaves == 1) {
        parent.push(sum);
        return;
    }
    Rendezvous replies;
    fibers::fiber children[10];
    for (long i = 0; i < 10; i++) {
        children[i] = start([&replies, first, leaves, i] { speak(replies, first + i * (leaves / 10), leaves / 10); });
    }
    sum = 0;
    for (long i = 0; i < 10; i++) {
        replies.pop(value);
        sum += value;
    }
    for (fibers::fiber &child : children) {
        child.join();
    }
    parent.push(sum);
}

static void skynet_channels(long n)
{
    long strands, leaves = whole_tree(n, strands);
    Rendezvous parent;
    std::uint64_t sum = 0;
    auto began = Clock::now();
    fibers::fiber root = start([&] { speak(parent, 0, leaves); });
    parent.pop(sum);
    ns_per(began, strands);
    root.join();
    require(sum == static_cast<std::uint64_t>(leaves) * static_cast<std::uint64_t>(leaves - 1) / 2);
}

static std::uint64_t add_up(long first, long leaves)
{
    if (leaves == 1) {
        return static_cast<std::uint64_t>(first);
    }
    std::uint64_t sums[10], sum = 0;
    fibers::fiber children[10];
    for (long i = 0; i < 10; i++) {
        children[i] = start([&sums, first, leaves, i] { sums[i] = add_up(first + i * (leaves / 10), leaves / 10); });
    }
    for (long i = 0; i < 10; i++) {
        children[i].join();
        sum += sums[i];
    }
    return sum;
}

static void skynet_join(long n)
{
    long strands, leaves = whole_tree(n, strands);
    std::uint64_t sum = 0;
    auto began = Clock::now();
    start([&] { sum = add_up(0, leaves); }).join();
    ns_per(began, strands);
    require(sum == static_cast<std::uint64_t>(leaves) * static_cast<std::uint64_t>(leaves - 1) / 2);
}

static std::uint64_t fib_serial(long n)
{
    return n < 2 ? static_cast<std::uint64_t>(n) : fib_serial(n - 1) + fib_serial(n - 2);
}

static std::uint64_t fib(long n, long serial_below)
{
    if (n < serial_below) {
        return fib_serial(n);
    }
    std::uint64_t half = 0;
    fibers::fiber child = start([&] { half = fib(n - 1, serial_below); });
    std::uint64_t other = fib(n - 2, serial_below);
    child.join();
    return half + other;
}

static void fib_down_to(long n, long serial_below, int repeats)
{
    std::uint64_t expected = fib_serial(n);
    auto began = Clock::now();
    for (int i = 0; i < repeats; i++) {
        require(fib(n, serial_below) == expected);
    }
    result("ms", ns_since(began) / 1e6 / repeats);
}

static std::uint64_t __attribute__((noinline)) burn(std::uint64_t rounds)
{
    std::uint64_t x = rounds | 1;
    for (std::uint64_t i = 0; i < rounds; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    __asm__ volatile("" : "+r"(x));
    return x;
}

static std::uint64_t rounds_of(long i)
{
    return i % 16 == 0 ? 160000 : 10000;
}

static void uneven(long n)
{
    std::uint64_t total = 0;
    for (long i = 0; i < n; i++) {
        total += rounds_of(i);
    }
    auto began = Clock::now();
    burn(total);
    double serial = ns_since(began);
    Countdown all(n);
    began = Clock::now();
    for (long i = 0; i < n; i++) {
        start([&, i] {
            burn(rounds_of(i));
            all.done();
        }).detach();
    }
    all.wait();
    double spread = ns_since(began);
    result("ms", spread / 1e6);
    result("speedup", serial / spread);
}

struct Workload {
    const char *name;
    void (*run)(long n);
    long n;
};

static const Workload workloads[] = {
    {"w1a", [](long n) { yield_among(2, n); }, 2000000},
    {"w1b", [](long n) { yield_among(1000, n); }, 2000000},
    {"w2", spawn_all, 1000000},
    {"w2j", spawn_join, 500000},
    {"w3", parked, 1000000},
    {"w4", roundtrip, 500000},
    {"w4x", roundtrip_across, 50000},
    {"w5a", [](long n) { buffered(1, n); }, 4000000},
    {"w5b", [](long n) { buffered(4, n); }, 4000000},
    {"w10a", [](long n) { lock_among_all(n, false); }, 1000000},
    {"w10b", [](long n) { lock_among_all(n, true); }, 200000},
    {"w6", ring, 1000000},
    {"w7", skynet_channels, 1000000},
    {"w7j", skynet_join, 1000000},
    {"w11a", [](long n) { fib_down_to(n, 12, 20); }, 30},
    {"w11f", [](long n) { fib_down_to(n, 2, 1); }, 30},
    {"w11b", uneven, 4096},
};

int main(int argc, char **argv)
{
    if (argc < 3) {
        std::fprintf(stderr, "usage: boostbench <workload> <workers> [n]\n");
        return 2;
    }
    auto workers = static_cast<std::uint32_t>(std::atoi(argv[2]));
    for (const Workload &workload : workloads) {
        if (std::strcmp(workload.name, argv[1]) != 0) {
            continue;
        }
        long n = argc > 3 ? std::atol(argv[3]) : workload.n;
        bool across = std::strcmp(workload.name, "w4x") == 0;
        for (std::uint32_t w = 1; w < workers && !across; w++) {
            std::thread([workers] {
                fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(workers, true);
                Countdown(1).wait(); /* for ever: the process ends by _Exit */
            }).detach();
        }
        if (workers > 1 && !across) {
            fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(workers, true);
        }
        workload.run(n);
        result("peak_kb", status_kb("VmHWM:"));
        result("pte_kb", status_kb("VmPTE:"));
        result("maps", maps());
        std::_Exit(0);
    }
    std::puts("NA");
    return 0;
}
