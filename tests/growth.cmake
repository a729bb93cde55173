foreach(part baseline latency growth growth_stats trace_csv trace_kinds)
  string(REPLACE _ - name ${part})
  spillmark_unit_test(${name} unit/test_${part}.c LIBS spillmark-reports)
endforeach()

add_executable(judge-csv accuracy/judge_csv.c)
target_link_libraries(judge-csv PRIVATE spillmark-reports)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME accuracy.growth
         COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/accuracy/score.py
                 $<TARGET_FILE:judge-csv> ${CMAKE_CURRENT_SOURCE_DIR}/accuracy/sample.tar.xz
                 --list)
set_tests_properties(accuracy.growth PROPERTIES LABELS accuracy TIMEOUT 60)
