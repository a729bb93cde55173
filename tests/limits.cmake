# Limits on the target's memory, and what is known of programs that end badly.
spillmark_unit_test(limit-cgroup unit/test_limit_cgroup.c unit/temp_dir.c LIBS spillmark-harness)
if(NOT TARGET spillmark)
  return()
endif()
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# Optimised, with an inlined function at the site that its reports must name.
add_executable(limited-program e2e/limited.c)
target_compile_options(limited-program PRIVATE -O2 -g -fno-builtin)

add_test(NAME e2e.limits
         COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/e2e/test_limits.py)
set_tests_properties(e2e.limits PROPERTIES LABELS e2e TIMEOUT 400
  ENVIRONMENT "SPILLMARK=$<TARGET_FILE:spillmark>;LIMITED_PROGRAM=$<TARGET_FILE:limited-program>;LIMITED_SOURCE=${CMAKE_CURRENT_SOURCE_DIR}/e2e/limited.c;PYTHONDONTWRITEBYTECODE=1")
