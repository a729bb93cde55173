# HTTP/2 and gRPC as load, against servers of other makes.
spillmark_unit_test(load-grpc unit/test_load_grpc.c unit/load_block.c unit/child_server.c
                    unit/temp_dir.c LIBS spillmark-harness)
spillmark_unit_test(http2-outbox unit/test_http2_outbox.c
                    ${CMAKE_SOURCE_DIR}/harness/http2_outbox.c ${CMAKE_SOURCE_DIR}/harness/body.c)
set(HTTP2_SOURCES)
foreach(source http1 http2 http2_block http2_fields http2_memory http2_outbox http2_receive http2_reply
        http2_request http2_send http2_streams body)
  list(APPEND HTTP2_SOURCES ${CMAKE_SOURCE_DIR}/harness/${source}.c)
endforeach()
# Always under sanitizers: what comes from a peer is hostile.
foreach(part replies requests)
  spillmark_unit_test(http2-${part} unit/test_http2_${part}.c unit/http2_world.c ${HTTP2_SOURCES}
                      LIBS spillmark-harness)
  if(NOT SPILLMARK_SANITIZE)
    target_compile_options(test-http2-${part} PRIVATE -fsanitize=address,undefined
                           -fno-sanitize-recover=all)
    target_link_options(test-http2-${part} PRIVATE -fsanitize=address,undefined)
  endif()
endforeach()
spillmark_npm(load-npm load "what the load drivers are tested against")
target_compile_definitions(test-load-grpc PRIVATE SPILLMARK_TESTS="${CMAKE_CURRENT_SOURCE_DIR}"
                           SPILLMARK_NODE_MODULES="${CMAKE_CURRENT_BINARY_DIR}/load-npm/node_modules")
set_tests_properties(unit.load-grpc PROPERTIES LABELS e2e TIMEOUT 120)
spillmark_unit_test(load-http2 unit/test_load_http2.c unit/load_block.c unit/child_server.c
                    unit/rude_server.c LIBS spillmark-harness)
target_compile_definitions(test-load-http2 PRIVATE SPILLMARK_TESTS="${CMAKE_CURRENT_SOURCE_DIR}")
set_tests_properties(unit.load-http2 PROPERTIES TIMEOUT 120)
add_executable(body-bytes load/body_bytes.c unit/load_block.c)
target_include_directories(body-bytes PRIVATE ${CMAKE_SOURCE_DIR})
target_link_libraries(body-bytes PRIVATE spillmark-harness PkgConfig::CMOCKA)
add_test(NAME unit.bodies COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/load/test_bodies.py
                                  $<TARGET_FILE:body-bytes>)
set_tests_properties(unit.bodies PROPERTIES LABELS unit TIMEOUT 60)
add_executable(bench-http2-sink bench/http2_sink.c)
target_link_libraries(bench-http2-sink PRIVATE PkgConfig::NGHTTP2 Threads::Threads)
spillmark_unit_test(load-huge unit/test_load_huge.c unit/load_block.c unit/child_server.c
                    unit/nginx_server.c unit/temp_dir.c
                    LIBS spillmark-harness)
target_compile_definitions(test-load-huge PRIVATE
                           SPILLMARK_TESTS="${CMAKE_CURRENT_SOURCE_DIR}"
                           SPILLMARK_SINK="$<TARGET_FILE:bench-http2-sink>")
add_dependencies(test-load-huge bench-http2-sink)
set_tests_properties(unit.load-huge PROPERTIES LABELS e2e TIMEOUT 180)
spillmark_unit_test(load-http2-nginx unit/test_load_http2_nginx.c unit/load_block.c
                    unit/nginx_server.c unit/temp_dir.c LIBS spillmark-harness)
set_tests_properties(unit.load-http2-nginx PROPERTIES LABELS e2e TIMEOUT 120)
