# Processes and sampling: keeper, pool, sampler, preflight.
spillmark_unit_test(keeper unit/test_keeper.c LIBS spillmark-harness)
set_tests_properties(unit.keeper PROPERTIES TIMEOUT 120)
spillmark_unit_test(keeper-terminal unit/test_keeper_terminal.c LIBS spillmark-harness)
set_tests_properties(unit.keeper-terminal PROPERTIES TIMEOUT 60)

# What is sampled runs under the probe, so without sanitizers.
add_executable(sampled-program unit/sampled_program.c)
target_include_directories(sampled-program PRIVATE ${CMAKE_SOURCE_DIR})
add_executable(sampled-program-static unit/sampled_program.c)
target_include_directories(sampled-program-static PRIVATE ${CMAKE_SOURCE_DIR})
target_link_options(sampled-program-static PRIVATE -static)
spillmark_unit_test(sampler unit/test_sampler.c LIBS spillmark-harness)
add_dependencies(test-sampler sampled-program sampled-program-static spillmark-probe)
set_tests_properties(unit.sampler PROPERTIES TIMEOUT 120)
spillmark_unit_test(pool unit/test_pool.c LIBS spillmark-harness)
spillmark_unit_test(preflight unit/test_preflight.c LIBS spillmark-harness)
spillmark_unit_test(sampler-parts unit/test_sampler_parts.c LIBS spillmark-harness)
