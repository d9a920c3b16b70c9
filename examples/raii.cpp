// SPDX-License-Identifier: MIT OR Apache-2.0
// A C++ face in 90 lines: lambdas as strands, channels that carry any movable type, and exceptions that end one
// strand with a message instead of the process. What is left in a channel is destroyed with it.
#include <atomic>
#include <cstring>
#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <strand.h>
#include <string>
#include <utility>

namespace strands {

inline std::string last_error() {
    char text[4096];
    strand_last_error(text, sizeof text);
    return text;
}

inline void check(strand_status status) {
    if (status != STRAND_OK) throw std::runtime_error(std::string(strand_status_name(status)) + ": " + last_error());
}

// The scheduler: starts with the object, ends with it.
class runtime {
public:
    runtime() { check(strand_scheduler_init(nullptr)); }
    ~runtime() { strand_scheduler_shutdown(STRAND_FOREVER); }
    runtime(const runtime &) = delete;
    runtime &operator=(const runtime &) = delete;
    strand_status run() { return strand_scheduler_run(); }
};

// A channel of T. The message is the address of a T that the channel owns while it is under way.
template <class T> class channel {
public:
    explicit channel(size_t capacity = 0) {
        strand_chan_options options = {};
        options.size = sizeof options;
        options.element_size = sizeof(T *);
        options.capacity = capacity;
        options.drop = [](void *element, size_t, void *) { delete *static_cast<T **>(element); };
        check(strand_chan_new_with(&options, &handle_));
    }
    channel(const channel &other) : handle_(other.handle_) { check(strand_chan_retain(handle_)); }
    channel &operator=(const channel &) = delete;
    ~channel() { strand_chan_release(handle_); }

    bool send(T value) const {   // false: closed
        auto owned = std::make_unique<T>(std::move(value));
        T *element = owned.get();
        strand_status status = strand_chan_send(handle_, &element, STRAND_FOREVER);
        if (status == STRAND_OK) owned.release();   // only now it has changed hands
        else if (status != STRAND_ERR_CLOSED) check(status);
        return status == STRAND_OK;
    }
    std::unique_ptr<T> receive() const {   // empty: closed, and nothing is left
        T *element = nullptr;
        strand_status status = strand_chan_recv(handle_, &element, STRAND_FOREVER);
        if (status != STRAND_OK && status != STRAND_ERR_CLOSED) check(status);
        return std::unique_ptr<T>(element);
    }
    void close() const { check(strand_chan_close(handle_)); }

private:
    strand_chan handle_ = 0;
};

// Runs a function object on a new strand. No exception may leave an entry: it is caught here, all destructors have
// run by then, and strand_fail records its message as the strand's fault.
template <class F> strand_id spawn(const char *name, F function) {
    auto owned = std::make_unique<F>(std::move(function));
    strand_spawn_options options = {};
    options.size = sizeof options;
    options.name = name;
    options.name_length = std::strlen(name);
    options.arg_drop = [](void *argument) { delete static_cast<F *>(argument); };   // for a strand that never ran
    auto entry = [](void *argument) -> void * {
        char message[512] = "";
        try {
            std::unique_ptr<F> own(static_cast<F *>(argument));
            (*own)();
            return nullptr;
        } catch (const std::exception &error) {
            std::strncpy(message, error.what(), sizeof message - 1);
        } catch (...) {
            std::strncpy(message, "an exception of unknown type", sizeof message - 1);
        }
        strand_fail(STRAND_ERR_FAILED, message, std::strlen(message));
        return nullptr;
    };
    strand_id id = 0;
    check(strand_spawn_with(&options, entry, owned.get(), &id));
    owned.release();
    return id;
}

}   // namespace strands

// Counts its living copies, to show that nothing is lost and nothing is destroyed twice.
struct parcel {
    static std::atomic<int> alive;
    std::string text;
    explicit parcel(std::string t) : text(std::move(t)) { alive++; }
    parcel(parcel &&other) : text(std::move(other.text)) { alive++; }
    ~parcel() { alive--; }
};
std::atomic<int> parcel::alive{0};

int main() {
    strand_status status;
    std::string fault;
    {
        strands::runtime runtime;
        strands::channel<parcel> parcels, shelf(8);
        strands::spawn("packer", [parcels] {
            for (const char *text : {"strings", "vectors", "whatever moves"}) parcels.send(parcel(text));
            parcels.close();
        });
        strands::spawn("unpacker", [parcels] {
            while (auto got = parcels.receive()) std::cout << "received: " << got->text << "\n";
        });
        strands::spawn("forgetful", [shelf] {
            for (int i = 0; i < 5; i++) shelf.send(parcel("nobody asks for this one"));
        });
        strands::spawn("clumsy", [] { throw std::runtime_error("dropped the parcel"); });
        status = runtime.run();
        fault = strands::last_error();
    }   // channels first (their buffers are dropped), then the runtime
    std::cout << "the run answered " << strand_status_name(status) << ": " << fault << "\n"
              << "parcels still alive: " << parcel::alive << "\n";
    return status == STRAND_ERR_FAILED && fault.find("clumsy") != std::string::npos && parcel::alive == 0 ? 0 : 1;
}
