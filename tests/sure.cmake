# Runs that end as soon as they are sure, and the experiments that make them so.
spillmark_unit_test(settled unit/test_settled.c unit/temp_dir.c LIBS spillmark-reports)
if(TARGET spillmark)
  add_test(NAME e2e.until-sure
           COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/e2e/test_until_sure.py)
  set_tests_properties(e2e.until-sure PROPERTIES LABELS e2e TIMEOUT 300
    ENVIRONMENT "SPILLMARK=$<TARGET_FILE:spillmark>;PYTHONDONTWRITEBYTECODE=1")
endif()
if(COMMAND spillmark_e2e_test)
  spillmark_e2e_test(positive_control 120)
  spillmark_e2e_test(own_word 60)
  add_executable(keeping e2e/keeping.c)
  target_compile_options(keeping PRIVATE -O1 -g -fno-builtin)
  spillmark_e2e_test(attribution 120)
  set_property(TEST e2e.attribution APPEND PROPERTY ENVIRONMENT "KEEPING=$<TARGET_FILE:keeping>")
endif()
spillmark_unit_test(scenario-experiments unit/test_scenario_experiments.c unit/scenario_text.c
                    unit/temp_dir.c LIBS spillmark-harness)
