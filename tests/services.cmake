# Services beside the target, and what faults do to them and to the target itself.
spillmark_unit_test(free-port unit/test_free_port.c LIBS spillmark-harness)
spillmark_unit_test(scenario-services unit/test_scenario_services.c unit/scenario_text.c
                    unit/temp_dir.c LIBS spillmark-harness)
spillmark_unit_test(relay unit/test_relay.c unit/temp_dir.c LIBS spillmark-harness)
spillmark_unit_test(condition unit/test_condition.c LIBS spillmark-harness)
if(NOT TARGET spillmark)
  return()
endif()
find_package(Python3 REQUIRED COMPONENTS Interpreter)

foreach(name services actors kills)
  add_test(NAME e2e.${name}
           COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/e2e/test_${name}.py)
  set_tests_properties(e2e.${name} PROPERTIES LABELS e2e TIMEOUT 200
    ENVIRONMENT "SPILLMARK=$<TARGET_FILE:spillmark>;PYTHONDONTWRITEBYTECODE=1")
endforeach()
