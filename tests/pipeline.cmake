# The pipelines on their own, without spillmark around them.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

add_test(NAME e2e.log-batcher-pipeline
         COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/e2e/test_log_batcher.py)
set_tests_properties(e2e.log-batcher-pipeline PROPERTIES LABELS e2e TIMEOUT 180
  ENVIRONMENT "LOG_BATCHER=$<TARGET_FILE:log-batcher>;PYTHONDONTWRITEBYTECODE=1")

add_test(NAME e2e.pipeline-options
         COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/e2e/test_pipeline_options.py)
set_tests_properties(e2e.pipeline-options PROPERTIES LABELS e2e TIMEOUT 60
  ENVIRONMENT "PIPELINES=${SPILLMARK_PIPELINE_DIR};PYTHONDONTWRITEBYTECODE=1")

if(TARGET spillmark)
  add_test(NAME e2e.log-batcher-scenarios COMMAND
           Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/e2e/test_log_batcher_scenarios.py)
  set_tests_properties(e2e.log-batcher-scenarios PROPERTIES LABELS e2e TIMEOUT 900
    RUN_SERIAL ON ENVIRONMENT "SPILLMARK=$<TARGET_FILE:spillmark>;PYTHONDONTWRITEBYTECODE=1")
endif()
