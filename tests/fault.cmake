# Faults on files: the supervisor, and the faults that use it, on programs of every kind.
function(spillmark_fault_test name)
  add_executable(test-fault-${name} ${ARGN})
  target_include_directories(test-fault-${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(test-fault-${name} PRIVATE spillmark-harness PkgConfig::CMOCKA)
  add_test(NAME e2e.fault-${name} COMMAND test-fault-${name})
  set_tests_properties(e2e.fault-${name} PROPERTIES LABELS e2e TIMEOUT 180)
endfunction()

spillmark_fault_test(slow-disk-programs fault/test_slow_disk_programs.c fault/supervised.c)
