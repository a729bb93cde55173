# The probe inside hostile little programs (label hosts), and its parts alone (label unit).

add_executable(probe-observe hosts/observe.c hosts/inspect.c ${CMAKE_SOURCE_DIR}/probes/exponential.c)

function(probe_host name source)
  add_executable(host-${name} hosts/${source})
  target_link_libraries(host-${name} PRIVATE Threads::Threads ${CMAKE_DL_LIBS} ${ARGN})
  target_compile_options(host-${name} PRIVATE -fno-builtin -Wno-deprecated-declarations
                         $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-fsized-deallocation>)
endfunction()

# probe_test(NAME HOST [ARGS argument...] [OBSERVE option...])
function(probe_test name host)
  cmake_parse_arguments(TEST "" "" "ARGS;OBSERVE" ${ARGN})
  add_test(NAME hosts.${name}
           COMMAND probe-observe $<TARGET_FILE:spillmark-probe> ${TEST_OBSERVE} --
                   $<TARGET_FILE:host-${host}> ${TEST_ARGS})
  set_tests_properties(hosts.${name} PROPERTIES LABELS hosts TIMEOUT 60)
endfunction()

foreach(host exact early fork spawn exec jump signals dlopen threads sites confined coroutines
             descriptors maps marks control steps claims reload jit full variants small_maps
             arena_quick)
  probe_host(${host} host_${host}.c)
endforeach()
probe_host(own-malloc host_own_malloc.c stdc++)
set_target_properties(host-own-malloc PROPERTIES ENABLE_EXPORTS ON)
probe_host(operators host_operators.cpp)
probe_host(mixture host_mixture.cpp)
probe_host(together host_together.cpp)
add_library(host-plugin MODULE hosts/plugin.c)
foreach(bytes 1000 3000)
  add_library(host-plugin-${bytes} MODULE hosts/plugin_frame.c)
  target_compile_options(host-plugin-${bytes} PRIVATE -O1 -fomit-frame-pointer -fno-builtin
                                                      -DPLUGIN_FRAME_BYTES=${bytes})
endforeach()

add_library(host-takes-first SHARED hosts/takes_first.c)
target_compile_options(host-takes-first PRIVATE -fno-builtin)
probe_host(arena host_arena.c host-takes-first)

probe_test(exact exact)
probe_test(exact-sampled exact OBSERVE --interval 4096)
probe_test(exact-totals-only exact OBSERVE --interval 0)
probe_test(exact-small-maps exact)
probe_test(exact-small-maps-sampled exact OBSERVE --interval 65536)
set_tests_properties(hosts.exact-small-maps hosts.exact-small-maps-sampled
                     PROPERTIES ENVIRONMENT MALLOC_MMAP_THRESHOLD_=1024)
probe_test(small-maps small_maps)
probe_test(small-maps-sampled small_maps OBSERVE --interval 65536)
probe_test(small-maps-aligned small_maps ARGS aligned OBSERVE --interval 65536)
probe_test(operators operators)
probe_test(mixture mixture OBSERVE --min-slots 12)
probe_test(together together OBSERVE --min-slots 11)
probe_test(together-sampled together OBSERVE --interval 4096 --min-slots 11)
probe_test(together-exec together ARGS exec OBSERVE --torn --drops --min-slots 22)
probe_test(early early)
probe_test(arena arena)
set_target_properties(host-arena_quick PROPERTIES ENABLE_EXPORTS ON)
probe_test(arena-quick arena_quick)
probe_test(fork fork OBSERVE --slots 128 --min-slots 61)
probe_test(fork-sampled fork OBSERVE --interval 65536 --slots 128 --min-slots 61)
probe_test(fork-without-slots fork ARGS 20 78 OBSERVE --slots 1)
probe_test(spawn spawn)
probe_test(exec exec ARGS 8 OBSERVE --min-slots 9)
# A wrapper has a slot, the child it forks has one, and so has the program that the child becomes.
add_test(NAME hosts.wrapper COMMAND probe-observe $<TARGET_FILE:spillmark-probe> --min-slots 3 --
                                    timeout 40 $<TARGET_FILE:host-exact>)
set_tests_properties(hosts.wrapper PROPERTIES LABELS hosts TIMEOUT 60)
probe_test(jump jump OBSERVE --drops --torn)
probe_test(signals signals OBSERVE --drops)
probe_test(steps steps OBSERVE --drops)
probe_test(steps-sampled steps OBSERVE --interval 4096 --drops)
probe_test(claims claims OBSERVE --interval 0 --slots 4000)
probe_test(dlopen dlopen ARGS $<TARGET_FILE:host-plugin> 2000)
probe_test(dlopen-sampled dlopen ARGS $<TARGET_FILE:host-plugin> 500 OBSERVE --interval 65536)
probe_test(reload reload ARGS $<TARGET_FILE:host-plugin-1000> $<TARGET_FILE:host-plugin-3000>)
probe_test(threads threads)
probe_test(threads-sampled threads OBSERVE --interval 65536)
probe_test(sites sites)
probe_test(full-region sites OBSERVE --slot-bytes 1048576 --drops)
probe_test(full-region-live full OBSERVE --slot-bytes 1048576 --drops)
probe_test(full-region-exact exact OBSERVE --slot-bytes 1048576 --drops)
probe_test(no-descriptors confined ARGS descriptors)
probe_test(no-root confined ARGS root)
set_tests_properties(hosts.no-root PROPERTIES SKIP_RETURN_CODE 77)
probe_test(no-address-space confined ARGS space OBSERVE --drops)
probe_test(coroutines coroutines OBSERVE --foreign)
probe_test(jit jit OBSERVE --foreign)
probe_test(descriptors descriptors)
probe_test(variants variants)
probe_test(maps maps OBSERVE --min-slots 2)
probe_test(maps-sampled maps OBSERVE --interval 65536 --min-slots 2)
probe_test(maps-full maps ARGS full OBSERVE --drops)
probe_test(marks marks)
probe_test(control control)
probe_test(own-malloc own-malloc OBSERVE --off 4)
add_test(NAME hosts.marks-alone COMMAND host-marks alone)
set_tests_properties(hosts.marks-alone PROPERTIES LABELS hosts TIMEOUT 30)

probe_test(alone exec ARGS without OBSERVE --alone)
foreach(microseconds 500 1500 4000 9000 20000)
  foreach(host exact fork threads)
    probe_test(killed-${host}-${microseconds} ${host}
      OBSERVE --kill-after ${microseconds} --torn --drops --min-slots 0)
  endforeach()
endforeach()
add_test(NAME hosts.abort COMMAND probe-observe $<TARGET_FILE:spillmark-probe> --signal 6 --
                                  sh -c "kill -ABRT $$")
set_tests_properties(hosts.abort PROPERTIES LABELS hosts TIMEOUT 60)
foreach(program sqlite python gcc node redis nginx)
  add_test(NAME hosts.real-${program}
           COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/hosts/real_program.sh $<TARGET_FILE:probe-observe>
                   $<TARGET_FILE:spillmark-probe> ${program})
  set_tests_properties(hosts.real-${program} PROPERTIES LABELS hosts TIMEOUT 120
                                                        SKIP_RETURN_CODE 77)
endforeach()
add_test(NAME hosts.suite-python
         COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/hosts/suite.sh $<TARGET_FILE:probe-observe>
                 $<TARGET_FILE:spillmark-probe> python)
set_tests_properties(hosts.suite-python PROPERTIES LABELS hosts TIMEOUT 180 SKIP_RETURN_CODE 77)

# mutate.py takes the cures out, which takes minutes; here only whether it could.
add_test(NAME hosts.mutations
         COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/hosts/mutate.py --check)
set_tests_properties(hosts.mutations PROPERTIES LABELS hosts TIMEOUT 30
                                                ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1")

# Long: ctest -C Stress -L stress
add_test(NAME stress.fork CONFIGURATIONS Stress
         COMMAND probe-observe $<TARGET_FILE:spillmark-probe> --slots 128 --repeat 1000 --
                 $<TARGET_FILE:host-fork>)
add_test(NAME stress.dlopen CONFIGURATIONS Stress
         COMMAND probe-observe $<TARGET_FILE:spillmark-probe> --repeat 1000 --
                 $<TARGET_FILE:host-dlopen> $<TARGET_FILE:host-plugin> 100)
set_tests_properties(stress.fork stress.dlopen PROPERTIES LABELS stress TIMEOUT 3600)

probe_host(estimates host_estimates.c m)
probe_test(estimates estimates OBSERVE --interval 65536)
find_library(SPILLMARK_tcmalloc_profiler tcmalloc_and_profiler)
if(SPILLMARK_tcmalloc_profiler)
  probe_host(oracle host_oracle.c ${SPILLMARK_tcmalloc_profiler})
  probe_test(oracle oracle)
endif()

# Valgrind's own pvalloc stops the program.
probe_host(exact-kept host_exact.c)
target_compile_definitions(host-exact-kept PRIVATE HOST_NO_PVALLOC)
add_test(NAME hosts.valgrind
         COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/hosts/valgrind.py
                 $<TARGET_FILE:probe-observe> $<TARGET_FILE:spillmark-probe>
                 $<TARGET_FILE:host-exact-kept> 3000)
set_tests_properties(hosts.valgrind PROPERTIES LABELS hosts TIMEOUT 120 SKIP_RETURN_CODE 77)

# The same over other allocators, where they are installed.
foreach(allocator tcmalloc jemalloc mimalloc)
  find_library(SPILLMARK_${allocator} ${allocator})
  if(SPILLMARK_${allocator})
    foreach(host exact operators mixture together control)
      get_target_property(source host-${host} SOURCES)
      probe_host(${host}-${allocator} ../${source} ${SPILLMARK_${allocator}})
      target_link_options(host-${host}-${allocator} PRIVATE -Wl,--no-as-needed)
      probe_test(${host}-${allocator} ${host}-${allocator})
    endforeach()
  endif()
endforeach()
if(TARGET host-exact-jemalloc)
  probe_host(foreign-blocks host_foreign_blocks.c ${SPILLMARK_jemalloc})
  target_link_options(host-foreign-blocks PRIVATE -Wl,--no-as-needed)
  probe_test(foreign-blocks foreign-blocks)
  probe_host(arena-told host_arena_quick.c ${SPILLMARK_jemalloc})
  target_link_options(host-arena-told PRIVATE -Wl,--no-as-needed)
  target_compile_definitions(host-arena-told
                             PRIVATE HOST_ALLOCATOR=SPILLMARK_ALLOCATOR_JEMALLOC)
  set_target_properties(host-arena-told PROPERTIES ENABLE_EXPORTS ON)
  probe_test(arena-told arena-told)
  foreach(host exact mixture together)
    target_compile_definitions(host-${host}-jemalloc PRIVATE HOST_NO_PVALLOC)
  endforeach()
endif()
if(TARGET host-operators-mimalloc)
  target_compile_definitions(host-operators-mimalloc PRIVATE HOST_NO_BAD_ALLOC)
  target_compile_definitions(host-together-mimalloc PRIVATE HOST_CHILDREN_ONLY_LOOK)
endif()

set(probe_dir ${CMAKE_SOURCE_DIR}/probes)
spillmark_unit_test(probe-exponential unit/test_probe_exponential.c ${probe_dir}/exponential.c LIBS m)
spillmark_unit_test(probe-spans unit/test_probe_spans.c ${probe_dir}/spans.c)
spillmark_unit_test(probe-layout unit/test_probe_layout.c ${probe_dir}/layout.c)
spillmark_unit_test(probe-unwind unit/test_probe_unwind.c ${probe_dir}/unwind.c ${probe_dir}/frame.c
  ${probe_dir}/cfi.c ${probe_dir}/rules.c ${probe_dir}/memo.c ${probe_dir}/object.c
  LIBS ${CMAKE_DL_LIBS})
target_compile_options(test-probe-unwind PRIVATE -fno-omit-frame-pointer)

# What tests/bench/probe.py and memory.py measure.
add_executable(bench-churn bench/workload_churn.c)
target_link_libraries(bench-churn PRIVATE Threads::Threads)
add_executable(bench-sqlite bench/workload_sqlite.c)
target_link_libraries(bench-sqlite PRIVATE PkgConfig::SQLITE)
add_executable(bench-containers bench/workload_containers.cpp)
add_executable(bench-keep bench/workload_keep.c)
