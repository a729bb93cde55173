# Scenarios: the language, its checking, and the small sources a scenario names.
spillmark_unit_test(scenario unit/test_scenario.c unit/scenario_text.c unit/temp_dir.c
                    LIBS spillmark-harness)
spillmark_unit_test(scenario-errors unit/test_scenario_errors.c unit/scenario_text.c
                    unit/temp_dir.c LIBS spillmark-harness)
spillmark_unit_test(scenario-language unit/test_scenario_language.c unit/scenario_text.c
                    unit/temp_dir.c LIBS spillmark-harness)
spillmark_unit_test(scenario-hostile unit/test_scenario_hostile.c unit/scenario_text.c
                    unit/temp_dir.c LIBS spillmark-harness)
set_tests_properties(unit.scenario-hostile PROPERTIES TIMEOUT 120)
target_compile_definitions(test-scenario-hostile PRIVATE SPILLMARK_SLOWNESS=${SPILLMARK_SLOWNESS})
spillmark_unit_test(scenario-fuzz unit/test_scenario_fuzz.c unit/scenario_text.c unit/temp_dir.c
                    LIBS spillmark-harness)
set_tests_properties(unit.scenario-fuzz PROPERTIES TIMEOUT 120)
spillmark_unit_test(sources unit/test_sources.c unit/scenario_text.c unit/rude_server.c
                    unit/temp_dir.c LIBS spillmark-harness PkgConfig::MICROHTTPD)
spillmark_unit_test(delivered unit/test_delivered.c unit/scenario_text.c unit/temp_dir.c
                    LIBS spillmark-harness PkgConfig::SQLITE)
spillmark_unit_test(scenario-docs unit/test_scenario_docs.c unit/scenario_text.c unit/temp_dir.c
                    LIBS spillmark-harness)
target_compile_definitions(test-scenario-docs PRIVATE
                           SCENARIOS_MD="${CMAKE_SOURCE_DIR}/harness/SCENARIOS.md"
                           README_MD="${CMAKE_SOURCE_DIR}/README.md")
spillmark_unit_test(scenario-where unit/test_scenario_where.c LIBS spillmark-harness)
add_custom_target(scenario-reference
                  COMMAND test-scenario-docs ${CMAKE_SOURCE_DIR}/harness/SCENARIOS.md)

find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME e2e.list COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/e2e/test_list.py)
set_tests_properties(e2e.list PROPERTIES LABELS e2e TIMEOUT 120
  ENVIRONMENT "SPILLMARK=$<TARGET_FILE:spillmark>;PYTHONDONTWRITEBYTECODE=1")
