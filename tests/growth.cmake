add_executable(judge-csv accuracy/judge_csv.c)
target_link_libraries(judge-csv PRIVATE spillmark-reports)
