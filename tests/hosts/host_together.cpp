// host_together.cpp - everything that allocates, by several threads at once that end and are
// replaced, taking over each other's blocks; forks in the middle of it, whose children go on with
// threads of their own; with an argument, at last an exec while all run. Held against a ledger that
// the program keeps, and over tcmalloc against its own count of bytes in use.
#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>

#include <atomic>

#include "everything.h"
#include "pool_view.h"

namespace {

#ifdef HOST_CHILDREN_ONLY_LOOK
constexpr bool GOES_ON = false;
#else
constexpr bool GOES_ON = true;
#endif
constexpr int CELLS = 4000, THREADS = 4, ROUNDS = 5, TURNS = 12, OPERATIONS = 1500;

// Whoever exchanges `busy` has it. What other threads had at a fork stays busy in the child.
struct Cell {
    std::atomic<bool> busy;
    Block block;
};

Cell cells[CELLS];
std::atomic<int64_t> ledger_bytes, ledger_count;
std::atomic<bool> endless;
pthread_barrier_t barrier;

void enter(void *block, int sign) {
    ledger_bytes += sign * static_cast<int64_t>(malloc_usable_size(block));
    ledger_count += sign;
}

void operate(Dice &dice) {
    Cell &cell = cells[dice.next() % CELLS];
    if (!cell.busy.exchange(true)) {
        change(cell.block, dice, enter);
        cell.busy = false;
    }
}

void *work(void *seed) {
    Dice dice;
    dice.state ^= reinterpret_cast<std::uintptr_t>(seed) << 32;
    for (int i = 0; i < OPERATIONS || endless; i++) {
        operate(dice);
    }
    if (dice.next() % 2 == 0) {
        pthread_exit(nullptr);
    }
    return nullptr;
}

void *meet(void *argument) {
    pthread_barrier_wait(&barrier);
    return argument;
}

pthread_t start(void *(*run)(void *), std::uintptr_t seed) {
    pthread_t id;
    HOST_CHECK(pthread_create(&id, nullptr, run, reinterpret_cast<void *>(seed)) == 0);
    return id;
}

// libc keeps the stacks of threads and a block for each: as many at once as there will ever be. The
// first to call pthread_exit loads libgcc.
void warm_up(int threads) {
    pthread_t ids[THREADS];
    pthread_barrier_init(&barrier, nullptr, static_cast<unsigned>(threads));
    for (int i = 0; i < threads; i++) {
        ids[i] = start(meet, 0);
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], nullptr);
    }
    pthread_join(start([](void *) -> void * { pthread_exit(nullptr); }, 0), nullptr);
}

using Property = int (*)(const char *, std::size_t *);

Property property; // tcmalloc's, or null: looked up once, for a look-up in vain allocates

struct Reading {
    int64_t bytes, count, ledger_bytes, ledger_count, in_use;
};

// While one thread runs.
Reading read_all(const spillmark_slot *slot) {
    std::size_t in_use = 0;
    bool known = property != nullptr && property("generic.current_allocated_bytes", &in_use) != 0;
    return {view_live_bytes(slot), view_live_count(slot), ledger_bytes, ledger_count,
            known ? static_cast<int64_t>(in_use) : -1};
}

void compare(const Reading &before, const Reading &now) {
    HOST_CHECK(now.count - before.count == now.ledger_count - before.ledger_count);
    HOST_CHECK(now.bytes - before.bytes == now.ledger_bytes - before.ledger_bytes);
    HOST_CHECK(now.in_use < 0 || now.in_use - before.in_use == now.bytes - before.bytes);
}

void go_on(const spillmark_slot *slot, std::uintptr_t seed) {
    warm_up(2);
    Reading before = read_all(slot);
    pthread_t one = start(work, seed + 1), other = start(work, seed + 2);
    pthread_join(one, nullptr);
    pthread_join(other, nullptr);
    compare(before, read_all(slot));
    for (Cell &cell : cells) {
        if (!cell.busy && cell.block.at != nullptr) {
            enter(cell.block.at, -1);
            drop(cell.block);
        }
    }
    compare(before, read_all(slot));
}

// A child has memory as it was while the other threads were changing it. Not every allocator can go
// on with that: mimalloc cannot, without a probe either. Then the child only has a slot.
[[noreturn]] void run_child(std::uintptr_t seed) {
    const spillmark_slot *slot = host_slot();
    if (GOES_ON) {
        go_on(slot, seed);
    }
    _exit(0);
}

void await(pid_t child) {
    int status;
    HOST_CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

// The oldest thread ends and another takes its place, TURNS times, with two forks beside them.
void round_of_turns(std::uintptr_t seed) {
    pthread_t ids[THREADS];
    pid_t children[2];
    for (int i = 0; i < THREADS; i++) {
        ids[i] = start(work, ++seed);
    }
    for (int turn = 0; turn < TURNS; turn++) {
        if (turn % (TURNS / 2) == 1) {
            pid_t child = fork();
            if (child == 0) {
                run_child(seed * 1000);
            }
            children[turn / (TURNS / 2)] = child;
        }
        pthread_join(ids[turn % THREADS], nullptr);
        ids[turn % THREADS] = start(work, ++seed);
    }
    for (pthread_t id : ids) {
        pthread_join(id, nullptr);
    }
    await(children[0]);
    await(children[1]);
}

} // namespace

int main(int argc, char **argv) {
    const spillmark_slot *slot = host_slot();
    HOST_CHECK(view_live_bytes(slot) < 300000); // C++'s pool for exceptions, and little else
    property =
        reinterpret_cast<Property>(dlsym(RTLD_DEFAULT, "MallocExtension_GetNumericProperty"));
    warm_up(THREADS);
    Reading before = read_all(slot);
    for (std::uintptr_t i = 0; i < ROUNDS; i++) {
        round_of_turns(i * 100);
        compare(before, read_all(slot));
    }
    if (argc == 1) {
        return 0;
    }
    endless = true;
    for (std::uintptr_t i = 0; i < THREADS; i++) {
        start(work, i);
    }
    execl(argv[0], argv[0], static_cast<char *>(nullptr));
    return 1;
}
