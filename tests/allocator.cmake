# What the allocators say of themselves, asked through the probe (label hosts).

function(allocator_host allocator)
  probe_host(allocator-${allocator} host_allocator.c ${ARGN})
  target_link_options(host-allocator-${allocator} PRIVATE -Wl,--no-as-needed)
  probe_test(allocator-${allocator} allocator-${allocator} ARGS ${allocator} OBSERVE --interval 4096)
endfunction()

allocator_host(glibc)
find_library(SPILLMARK_LIBTCMALLOC NAMES libtcmalloc.so.4 libtcmalloc_minimal.so.4)
find_library(SPILLMARK_LIBJEMALLOC NAMES libjemalloc.so.2)
if(SPILLMARK_LIBTCMALLOC)
  allocator_host(tcmalloc ${SPILLMARK_LIBTCMALLOC})
endif()
if(SPILLMARK_LIBJEMALLOC)
  allocator_host(jemalloc ${SPILLMARK_LIBJEMALLOC})
endif()
