// host_mixture.cpp - everything that allocates, in one random mixture: the malloc family, realloc,
// aligned allocation, operator new; threads that come and go and leave their blocks to others;
// forked children that go on with what they inherited; and an exec, whose image starts from
// nothing. Held against a ledger that the program keeps, and over tcmalloc against its own count of
// bytes in use.
#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>

#include "everything.h"
#include "pool_view.h"

namespace {

constexpr int BLOCKS = 3000, TURNS = 40, OPERATIONS = 600, CHILD_OPERATIONS = 2000;

Block blocks[BLOCKS];
Dice dice;
int64_t ledger_bytes, ledger_count;

void enter(void *block, int sign) {
    ledger_bytes += sign * static_cast<int64_t>(malloc_usable_size(block));
    ledger_count += sign;
}

void operate() {
    Block &block = blocks[dice.next() % BLOCKS];
    change(block, dice, enter);
    HOST_CHECK(block.at == nullptr || reinterpret_cast<std::uintptr_t>(block.at) > 4096);
}

void operate_often(int times) {
    for (int i = 0; i < times; i++) {
        operate();
    }
}

void *thread(void *argument) {
    operate_often(OPERATIONS);
    return argument;
}

// One at a time, so that the ledger needs no lock; each inherits all blocks of those before it.
void run_thread() {
    pthread_t id;
    HOST_CHECK(pthread_create(&id, nullptr, thread, nullptr) == 0);
    HOST_CHECK(pthread_join(id, nullptr) == 0);
}

using Property = int (*)(const char *, std::size_t *);

Property property; // tcmalloc's, or null: looked up once, for a look-up in vain allocates

// What tcmalloc says is in use; -1 over another allocator.
int64_t in_use() {
    std::size_t bytes = 0;
    if (property == nullptr || property("generic.current_allocated_bytes", &bytes) == 0) {
        return -1;
    }
    return static_cast<int64_t>(bytes);
}

struct Reading {
    int64_t bytes, count, ledger_bytes, ledger_count, in_use;
};

Reading read_all(const spillmark_slot *slot) {
    return {view_live_bytes(slot), view_live_count(slot), ledger_bytes, ledger_count, in_use()};
}

void compare(const Reading &before, const Reading &now) {
    HOST_CHECK(now.bytes - before.bytes == now.ledger_bytes - before.ledger_bytes);
    HOST_CHECK(now.count - before.count == now.ledger_count - before.ledger_count);
    HOST_CHECK(now.in_use < 0 || now.in_use - before.in_use == now.bytes - before.bytes);
}

void run_child() {
    pid_t child = fork();
    if (child == 0) {
        const spillmark_slot *slot = host_slot();
        Reading before = read_all(slot);
        operate_often(CHILD_OPERATIONS);
        compare(before, read_all(slot));
        for (Block &block : blocks) {
            if (block.at != nullptr) {
                enter(block.at, -1);
                drop(block);
            }
        }
        compare(before, read_all(slot));
        _exit(0);
    }
    int status;
    HOST_CHECK(waitpid(child, &status, 0) == child && status == 0);
}

} // namespace

int main(int argc, char **argv) {
    const spillmark_slot *slot = host_slot();
    int64_t at_start = view_live_bytes(slot);
    HOST_CHECK(at_start < 300000); /* C++'s pool for exceptions, and little else */
    property =
        reinterpret_cast<Property>(dlsym(RTLD_DEFAULT, "MallocExtension_GetNumericProperty"));
    run_thread();
    operate_often(OPERATIONS);
    run_child();
    Reading before = read_all(slot);
    for (int i = 0; i < TURNS; i++) {
        run_thread();
        operate_often(OPERATIONS);
        compare(before, read_all(slot));
        if (i % 10 == 0) {
            run_child();
            compare(before, read_all(slot));
        }
    }
    if (argc == 1) {
        char again[] = "again";
        char *arguments[] = {argv[0], again, nullptr};
        execv(argv[0], arguments);
        return 1;
    }
    return 0;
}
