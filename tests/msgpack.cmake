# The MessagePack ingest server on its own, then under spillmark.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

add_test(NAME e2e.msgpack-ingest-pipeline
         COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/e2e/test_msgpack_ingest.py)
set_tests_properties(e2e.msgpack-ingest-pipeline PROPERTIES LABELS e2e TIMEOUT 180
  ENVIRONMENT "MSGPACK_INGEST=$<TARGET_FILE:msgpack-ingest>;PYTHONDONTWRITEBYTECODE=1")

if(TARGET spillmark)
  add_test(NAME e2e.msgpack-ingest-scenarios COMMAND
           Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/e2e/test_msgpack_ingest_scenarios.py)
  set_tests_properties(e2e.msgpack-ingest-scenarios PROPERTIES LABELS e2e TIMEOUT 600
    RUN_SERIAL ON ENVIRONMENT "SPILLMARK=$<TARGET_FILE:spillmark>;PYTHONDONTWRITEBYTECODE=1")
endif()
