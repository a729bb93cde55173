// everything.h - for hosts in C++: blocks from everything that allocates, by choice of the dice.
// Header-only.
#pragma once

#include <malloc.h>
#include <stdlib.h>

#include <cstdint>
#include <new>

constexpr std::align_val_t WIDE{128};

enum class By { MALLOC, NEW, NEW_ARRAY, NEW_WIDE, NEW_WIDE_ARRAY, NOTHROW, NOTHROW_WIDE };

struct Block {
    void *at;
    By by;
};

struct Dice {
    std::uint64_t state = 88172645463325252U;

    std::uint64_t next() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return state >> 8;
    }
};

static inline void *by_malloc(Dice &dice, std::size_t bytes) {
    void *block = nullptr;
    switch (dice.next() % 9) {
    case 0:
        return calloc(bytes / 16 + 1, 16);
    case 1:
        return posix_memalign(&block, std::size_t{32} << dice.next() % 6, bytes) == 0 ? block
                                                                                      : nullptr;
    case 2:
        return aligned_alloc(64, (bytes + 63) / 64 * 64);
    case 3:
        return memalign(512, bytes);
    case 4:
        return bytes % 32 == 0 ? valloc(bytes) : malloc(bytes);
    case 5:
        return reallocarray(nullptr, bytes / 8 + 1, 8);
    case 6:
        return realloc(nullptr, bytes);
#ifndef HOST_NO_PVALLOC // jemalloc leaves it to libc, whose blocks it cannot free
    case 7:
        return bytes % 32 == 0 ? pvalloc(bytes) : malloc(bytes);
#endif
    default:
        return malloc(bytes);
    }
}

static inline Block make(Dice &dice, std::size_t bytes) {
    switch (dice.next() % 12) {
    case 0:
        return {operator new(bytes), By::NEW};
    case 1:
        return {operator new[](bytes), By::NEW_ARRAY};
    case 2:
        return {operator new(bytes, WIDE), By::NEW_WIDE};
    case 3:
        return {operator new[](bytes, WIDE), By::NEW_WIDE_ARRAY};
    case 4:
        return {operator new(bytes, std::nothrow), By::NOTHROW};
    case 5:
        return {operator new(bytes, WIDE, std::nothrow), By::NOTHROW_WIDE};
    default:
        return {by_malloc(dice, bytes), By::MALLOC};
    }
}

static inline void drop(Block block) {
    switch (block.by) {
    case By::NEW:
        return operator delete(block.at);
    case By::NEW_ARRAY:
        return operator delete[](block.at);
    case By::NEW_WIDE:
        return operator delete(block.at, WIDE);
    case By::NEW_WIDE_ARRAY:
        return operator delete[](block.at, WIDE);
    case By::NOTHROW:
        return operator delete(block.at, std::nothrow);
    case By::NOTHROW_WIDE:
        return operator delete(block.at, WIDE, std::nothrow);
    case By::MALLOC:
        return free(block.at);
    }
}

// Fills what is empty, else empties it or gives it another size; `enter` writes each block into the
// host's ledger, 1 as it comes and -1 as it goes.
static inline void change(Block &block, Dice &dice, void (*enter)(void *block, int sign)) {
    std::size_t bytes = dice.next() % 50 == 0 ? dice.next() % 300000 + 1 : dice.next() % 2000 + 1;
    if (block.at == nullptr) {
        block = make(dice, bytes);
        enter(block.at, 1);
    } else if (block.by == By::MALLOC && dice.next() % 3 == 0) {
        enter(block.at, -1);
        block.at = realloc(block.at, bytes);
        enter(block.at, 1);
    } else {
        enter(block.at, -1);
        drop(block);
        block.at = nullptr;
    }
}
