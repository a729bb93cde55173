# The load drivers and what they stand on.
spillmark_unit_test(histogram unit/test_histogram.c LIBS spillmark-reports)
spillmark_unit_test(schedule unit/test_schedule.c LIBS spillmark-harness)
spillmark_unit_test(http1 unit/test_http1.c LIBS spillmark-harness)
spillmark_unit_test(load-null unit/test_load_null.c unit/load_block.c LIBS spillmark-harness)
spillmark_unit_test(load-http unit/test_load_http.c unit/load_block.c unit/rude_server.c unit/temp_dir.c
                    LIBS spillmark-harness)
set_tests_properties(unit.load-http PROPERTIES TIMEOUT 120)
spillmark_unit_test(load-nginx unit/test_load_nginx.c unit/load_block.c unit/nginx_server.c
                    unit/temp_dir.c LIBS spillmark-harness)
set_tests_properties(unit.load-nginx PROPERTIES LABELS e2e TIMEOUT 120)
add_executable(bench-load bench/load_bench.c unit/load_block.c)
target_include_directories(bench-load PRIVATE ${CMAKE_SOURCE_DIR})
target_link_libraries(bench-load PRIVATE spillmark-harness PkgConfig::CMOCKA)
add_executable(bench-floor bench/floor.c)
target_include_directories(bench-floor PRIVATE ${CMAKE_SOURCE_DIR})
target_link_libraries(bench-floor PRIVATE spillmark-harness)
spillmark_unit_test(tls unit/test_tls.c unit/tls_pair.c LIBS spillmark-harness)
