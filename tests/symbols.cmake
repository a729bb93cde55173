# Symbols found off line, and what they cost.
add_executable(bench-symbols bench/symbols.c)
target_include_directories(bench-symbols PRIVATE ${CMAKE_SOURCE_DIR})
target_link_libraries(bench-symbols PRIVATE spillmark-reports PkgConfig::DW)
