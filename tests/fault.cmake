# Faults on files: the supervisor, and the faults that use it, on programs of every kind.
spillmark_unit_test(supervisor-filter unit/test_supervisor_filter.c LIBS spillmark-harness)
spillmark_unit_test(supervisor-delay unit/test_supervisor_delay.c LIBS spillmark-harness)
spillmark_unit_test(supervisor-match unit/test_supervisor_match.c LIBS spillmark-harness)
spillmark_unit_test(supervisor-fail unit/test_supervisor_fail.c LIBS spillmark-harness)

add_executable(fault-writer fault/writer.c)
target_link_libraries(fault-writer PRIVATE Threads::Threads)
add_executable(fault-writer-static fault/writer.c)
target_link_options(fault-writer-static PRIVATE -static)

function(spillmark_fault_test name)
  add_executable(test-fault-${name} ${ARGN} fault/supervised.c)
  target_include_directories(test-fault-${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(test-fault-${name} PRIVATE spillmark-harness PkgConfig::CMOCKA)
  add_dependencies(test-fault-${name} fault-writer fault-writer-static)
  add_test(NAME e2e.fault-${name} COMMAND test-fault-${name})
  set_tests_properties(e2e.fault-${name} PROPERTIES LABELS e2e TIMEOUT 180 ENVIRONMENT
    "SPILLMARK_FAULT_WRITER=$<TARGET_FILE:fault-writer>;SPILLMARK_FAULT_WRITER_STATIC=$<TARGET_FILE:fault-writer-static>")
endfunction()

spillmark_fault_test(slow-disk-programs fault/test_slow_disk_programs.c)
spillmark_fault_test(slow-disk-calls fault/test_slow_disk_calls.c)
spillmark_fault_test(slow-disk-control fault/test_slow_disk_control.c)
spillmark_fault_test(disk-faults fault/test_disk_faults.c)

# Prints what the supervisor costs per write.
add_executable(bench-fault bench/fault.c)
target_include_directories(bench-fault PRIVATE ${CMAKE_SOURCE_DIR})
target_link_libraries(bench-fault PRIVATE spillmark-harness)

if(TARGET spillmark)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  add_test(NAME e2e.doctor
           COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/e2e/test_doctor.py)
  set_tests_properties(e2e.doctor PROPERTIES LABELS e2e TIMEOUT 60
    ENVIRONMENT "SPILLMARK=$<TARGET_FILE:spillmark>;PYTHONDONTWRITEBYTECODE=1")
endif()

if(TARGET spillmark)
  add_executable(disk-client e2e/disk_client.c)
  target_compile_definitions(disk-client PRIVATE _GNU_SOURCE)
  target_link_options(disk-client PRIVATE -static)
  add_test(NAME e2e.disks
           COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/e2e/test_disks.py)
  set_tests_properties(e2e.disks PROPERTIES LABELS e2e TIMEOUT 200
    ENVIRONMENT "SPILLMARK=$<TARGET_FILE:spillmark>;DISK_CLIENT=$<TARGET_FILE:disk-client>;PYTHONDONTWRITEBYTECODE=1")
endif()
