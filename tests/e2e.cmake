# End to end: the program as a user runs it, on real pipelines under real load.
if(NOT TARGET spillmark)
  return()
endif()
find_package(Python3 REQUIRED COMPONENTS Interpreter)

function(spillmark_e2e_test name timeout_s)
  add_test(NAME e2e.${name}
           COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/e2e/test_${name}.py)
  set_tests_properties(e2e.${name} PROPERTIES LABELS e2e TIMEOUT ${timeout_s}
    ENVIRONMENT "SPILLMARK=$<TARGET_FILE:spillmark>;PYTHONDONTWRITEBYTECODE=1")
endfunction()

spillmark_e2e_test(bad_input 300)
spillmark_e2e_test(slow_disk 400)
spillmark_e2e_test(outside 200)
spillmark_e2e_test(residence 120)
spillmark_e2e_test(probe_alone 60)
set_property(TEST e2e.probe_alone APPEND PROPERTY ENVIRONMENT
  "SPILLMARK_PROBE=$<TARGET_FILE:spillmark-probe>")

# Unstripped and unoptimised names; its blocks are what the oracles count.
add_executable(known-sites e2e/known_sites.c)
target_compile_options(known-sites PRIVATE -O1 -g -fno-builtin)
find_library(TCMALLOC_LIBRARY tcmalloc REQUIRED)
spillmark_e2e_test(oracles 120)
set_property(TEST e2e.oracles APPEND PROPERTY ENVIRONMENT
  "KNOWN_SITES=$<TARGET_FILE:known-sites>;TCMALLOC=${TCMALLOC_LIBRARY}")
