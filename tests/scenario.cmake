# Scenarios: the language, its checking, and the small sources a scenario names.
spillmark_unit_test(scenario unit/test_scenario.c unit/scenario_text.c unit/temp_dir.c
                    LIBS spillmark-harness)
