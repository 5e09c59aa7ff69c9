// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>

/// Zeros for the life of the process. Pages that are never written cost nothing, so a block may be sized for the largest
/// load. Throws std::bad_alloc. Thread: any.
inline void* map_zeroed(size_t bytes)
{
    void* block = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (block == MAP_FAILED)
        throw std::bad_alloc();
    return block;
}
