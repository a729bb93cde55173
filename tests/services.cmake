# Services beside the target: their kinds and places, and how they fail.
spillmark_unit_test(free-port unit/test_free_port.c LIBS spillmark-harness)
spillmark_unit_test(scenario-services unit/test_scenario_services.c unit/scenario_text.c
                    unit/temp_dir.c LIBS spillmark-harness)
if(NOT TARGET spillmark)
  return()
endif()
find_package(Python3 REQUIRED COMPONENTS Interpreter)

add_test(NAME e2e.services
         COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/e2e/test_services.py)
set_tests_properties(e2e.services PROPERTIES LABELS e2e TIMEOUT 200
  ENVIRONMENT "SPILLMARK=$<TARGET_FILE:spillmark>;PYTHONDONTWRITEBYTECODE=1")
