# Processes and sampling: keeper, pool, sampler, preflight.
spillmark_unit_test(keeper unit/test_keeper.c LIBS spillmark-harness)
set_tests_properties(unit.keeper PROPERTIES TIMEOUT 120)
