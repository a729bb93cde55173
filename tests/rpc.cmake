# The pipelines that speak gRPC and WebSocket: on their own, then under spillmark.
add_test(NAME e2e.bulk-rpc-pipeline
         COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/test_bulk_rpc_pipeline.py)
set_tests_properties(e2e.bulk-rpc-pipeline PROPERTIES LABELS e2e TIMEOUT 180
  ENVIRONMENT
  "BULK_RPC=$<TARGET_FILE:bulk-rpc>;NODE_MODULES=${CMAKE_CURRENT_BINARY_DIR}/load-npm/node_modules;PYTHONDONTWRITEBYTECODE=1")
if(TARGET spillmark)
  spillmark_e2e_test(bulk_rpc 500)
  spillmark_e2e_test(firehose 500)
endif()
