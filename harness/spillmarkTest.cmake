# spillmark_add_test(NAME name [LIMITS name=limit...] [BUDGET file] [OUTPUT directory]
#                    [SAMPLE_BYTES n] [SKIP_INCONCLUSIVE] COMMAND command [argument...])
#
# A test in CTest that runs the command under `spillmark probe` and fails when it fails, grows or
# breaks a limit: LIMITS heap_peak=64MB fds_peak=100, or the lines of a budget file. Inconclusive
# is a failure, or with SKIP_INCONCLUSIVE a skipped test, never a passed one. The
# record of the last run is kept in OUTPUT, in the build tree: spillmark-runs/NAME unless given.
#
#     find_package(spillmark REQUIRED)
#     spillmark_add_test(NAME queue.memory LIMITS heap_peak=64MB COMMAND test-queue)
function(spillmark_add_test)
  cmake_parse_arguments(PARSE_ARGV 0 TEST "SKIP_INCONCLUSIVE" "NAME;BUDGET;OUTPUT;SAMPLE_BYTES"
                        "LIMITS;COMMAND")
  if(NOT TEST_NAME OR NOT TEST_COMMAND OR TEST_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "spillmark_add_test needs NAME and COMMAND ${TEST_UNPARSED_ARGUMENTS}")
  endif()
  set(options)
  foreach(limit ${TEST_LIMITS})
    list(APPEND options --limit ${limit})
  endforeach()
  if(TEST_BUDGET)
    cmake_path(ABSOLUTE_PATH TEST_BUDGET BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    list(APPEND options --budget ${TEST_BUDGET})
  endif()
  if(TEST_SAMPLE_BYTES)
    list(APPEND options --sample-bytes ${TEST_SAMPLE_BYTES})
  endif()
  if(NOT TEST_OUTPUT)
    set(TEST_OUTPUT spillmark-runs/${TEST_NAME})
  endif()
  cmake_path(ABSOLUTE_PATH TEST_OUTPUT BASE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  list(APPEND options --replace --output ${TEST_OUTPUT})
  # The name of a target is its program, as in add_test.
  list(POP_FRONT TEST_COMMAND program)
  if(TARGET ${program})
    set(program $<TARGET_FILE:${program}>)
  endif()
  add_test(NAME ${TEST_NAME}
           COMMAND spillmark::spillmark probe ${options} -- ${program} ${TEST_COMMAND})
  set_tests_properties(${TEST_NAME} PROPERTIES LABELS memory)
  if(TEST_SKIP_INCONCLUSIVE)
    set_tests_properties(${TEST_NAME} PROPERTIES SKIP_RETURN_CODE 4)
  endif()
endfunction()
