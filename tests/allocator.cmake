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

if(TARGET spillmark)
  spillmark_unit_test(own-cost unit/test_own_cost.c LIBS spillmark-reports)
  spillmark_unit_test(allocator-watch unit/test_allocator_watch.c LIBS spillmark-harness)
endif()
if(COMMAND spillmark_e2e_test)
  add_executable(scattering e2e/scattering.c)
  target_compile_options(scattering PRIVATE -fno-builtin)
  spillmark_e2e_test(allocator 300)
  set_property(TEST e2e.allocator APPEND PROPERTY ENVIRONMENT
    "SCATTERING=$<TARGET_FILE:scattering>")
endif()
