# Loads that are no requests: WebSockets, raw streams, programs; runs in parts.
spillmark_unit_test(websocket unit/test_websocket.c LIBS spillmark-harness)
spillmark_e2e_test(relay 120)
spillmark_unit_test(load-stream unit/test_load_stream.c unit/load_block.c unit/redis_server.c
                    unit/temp_dir.c LIBS spillmark-harness)
set_tests_properties(unit.load-stream PROPERTIES LABELS e2e TIMEOUT 60)
spillmark_e2e_test(websocket 60)
spillmark_e2e_test(shards 120)
spillmark_e2e_test(process_load 120)
spillmark_unit_test(pace unit/test_pace.c LIBS spillmark-harness)
spillmark_unit_test(slow-reader unit/test_slow_reader.c unit/load_block.c unit/nginx_server.c
                    unit/redis_server.c unit/temp_dir.c LIBS spillmark-harness)
set_tests_properties(unit.slow-reader PROPERTIES LABELS e2e TIMEOUT 60)
spillmark_unit_test(scenario-replay unit/test_scenario_replay.c unit/scenario_text.c unit/temp_dir.c
                    LIBS spillmark-harness)
spillmark_unit_test(load-proxy unit/test_load_proxy.c unit/load_block.c unit/child_server.c
                    unit/nginx_server.c unit/temp_dir.c LIBS spillmark-harness)
target_compile_definitions(test-load-proxy PRIVATE SPILLMARK_TESTS="${CMAKE_CURRENT_SOURCE_DIR}")
set_tests_properties(unit.load-proxy PROPERTIES LABELS e2e TIMEOUT 120)
