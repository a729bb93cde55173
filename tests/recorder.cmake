# The recorder on its own, then under spillmark.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

add_test(NAME e2e.recorder-pipeline
         COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/test_recorder_pipeline.py)
set_tests_properties(e2e.recorder-pipeline PROPERTIES LABELS e2e TIMEOUT 180
  ENVIRONMENT
  "RECORDER=$<TARGET_FILE:recorder>;RECORDER_ROWS=$<TARGET_FILE:recorder-rows>;PYTHONDONTWRITEBYTECODE=1")
if(TARGET spillmark)
  spillmark_e2e_test(recorder 500)
endif()
