# The gate: budgets, baselines, exit statuses; and the ways it is built into other projects.
spillmark_unit_test(figures unit/test_figures.c unit/analysed_run.c unit/synthetic_run.c
                    unit/temp_dir.c LIBS spillmark-reports)
if(NOT TARGET spillmark)
  return()
endif()

function(spillmark_gate_test name timeout_s)
  add_test(NAME e2e.${name}
           COMMAND ${SYSTEM_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/gate/test_${name}.py)
  set_tests_properties(e2e.${name} PROPERTIES LABELS e2e TIMEOUT ${timeout_s} ENVIRONMENT
    "SPILLMARK=$<TARGET_FILE:spillmark>;WRITE_RECORD=$<TARGET_FILE:write-record>;PYTHONDONTWRITEBYTECODE=1")
endfunction()

spillmark_gate_test(gate 120)
spillmark_gate_test(shells 120)
spillmark_gate_test(install 600)
set_property(TEST e2e.install APPEND PROPERTY ENVIRONMENT SPILLMARK_BUILD_DIR=${CMAKE_BINARY_DIR})
spillmark_gate_test(ci 200)
spillmark_gate_test(languages 200)
spillmark_gate_test(tutorial 180)
spillmark_gate_test(attach 60)
