// host_operators.cpp - every variant of operator new and delete, exceptions thrown through frames
// that allocate, and the program's own backtrace. Built again over other allocators.
#include <dlfcn.h>
#include <execinfo.h>
#include <map>
#include <new>
#include <string>
#include <vector>

#include "pool_view.h"

namespace {

const std::align_val_t wide{256};
std::vector<int> built_early(1000, 7); // before main

using Act = void (*)(void *block);
struct Variant {
    void *(*make)();
    Act drop;
};

const Variant variants[] = {
    {[] { return operator new(100); }, [](void *b) { operator delete(b); }},
    {[] { return operator new[](100); }, [](void *b) { operator delete[](b); }},
    {[] { return operator new(100); }, [](void *b) { operator delete (b, std::size_t{100}); }},
    {[] { return operator new[](100); }, [](void *b) { operator delete[](b, std::size_t{100}); }},
    {[] { return operator new(100, std::nothrow); },
     [](void *b) { operator delete(b, std::nothrow); }},
    {[] { return operator new[](100, std::nothrow); },
     [](void *b) { operator delete[](b, std::nothrow); }},
    {[] { return operator new(100, wide); }, [](void *b) { operator delete(b, wide); }},
    {[] { return operator new[](100, wide); }, [](void *b) { operator delete[](b, wide); }},
    {[] { return operator new(100, wide); },
     [](void *b) { operator delete (b, std::size_t{100}, wide); }},
    {[] { return operator new[](100, wide); },
     [](void *b) { operator delete[](b, std::size_t{100}, wide); }},
    {[] { return operator new(100, wide, std::nothrow); },
     [](void *b) { operator delete(b, wide, std::nothrow); }},
    {[] { return operator new[](100, wide, std::nothrow); },
     [](void *b) { operator delete[](b, wide, std::nothrow); }},
};

void each_variant(const spillmark_slot *slot) {
    for (const Variant &variant : variants) {
        int64_t bytes = view_live_bytes(slot), count = view_live_count(slot);
        void *block = variant.make();
        HOST_CHECK(block != nullptr);
        HOST_CHECK(view_live_count(slot) == count + 1);
        HOST_CHECK(view_live_bytes(slot) >= bytes + 100);
        variant.drop(block);
        HOST_CHECK(view_live_count(slot) == count);
        HOST_CHECK(view_live_bytes(slot) == bytes);
    }
}

__attribute__((noinline)) int deep(int depth) {
    std::string name(200, static_cast<char>('a' + depth % 26));
    if (depth == 0) {
        throw std::string(500, 'x');
    }
    return deep(depth - 1) + static_cast<int>(name.size());
}

void exceptions(const spillmark_slot *slot) {
    int64_t count = view_live_count(slot);
    for (int i = 0; i < 300; i++) {
        bool caught = false;
        try {
            deep(i % 40);
        } catch (const std::string &text) {
            caught = text.size() == 500;
        }
        HOST_CHECK(caught);
#ifndef HOST_NO_BAD_ALLOC // mimalloc, built as C, aborts instead
        try {
            volatile std::size_t impossible = static_cast<std::size_t>(1) << 62;
            caught = false;
            operator delete(operator new(impossible));
        } catch (const std::bad_alloc &) {
            caught = true;
        }
        HOST_CHECK(caught);
#endif
    }
    HOST_CHECK(view_live_count(slot) == count);
}

// The probe's way of walking stacks must not become the program's.
void own_backtrace() {
    for (const char *name : {"backtrace", "_Unwind_Backtrace", "_Unwind_RaiseException"}) {
        Dl_info info;
        void *function = dlsym(RTLD_DEFAULT, name);
        HOST_CHECK(function != nullptr && dladdr(function, &info) != 0);
        HOST_CHECK(std::string(info.dli_fname).find("spillmark") == std::string::npos);
        HOST_CHECK(std::string(info.dli_fname).find("libunwind") == std::string::npos);
    }
    void *frames[8];
    HOST_CHECK(backtrace(frames, 8) >= 2);
}

} // namespace

int main() {
    const spillmark_slot *slot = host_slot();
    HOST_CHECK(built_early.size() == 1000);
    own_backtrace();
    try {
        deep(1); // the first throw allocates for good
    } catch (const std::string &) {
    }
    each_variant(slot);
    exceptions(slot);
    std::map<int, std::string> map;
    for (int i = 0; i < 5000; i++) {
        map[i * 7919 % 3001] = std::string(static_cast<std::size_t>(i % 100), 'y');
    }
    return map.size() == 3001 ? 0 : 1;
}
