# The load drivers and what they stand on.
spillmark_unit_test(histogram unit/test_histogram.c LIBS spillmark-harness)
spillmark_unit_test(schedule unit/test_schedule.c LIBS spillmark-harness)
spillmark_unit_test(load-null unit/test_load_null.c unit/load_block.c LIBS spillmark-harness)
spillmark_unit_test(load-http unit/test_load_http.c unit/load_block.c unit/rude_server.c unit/temp_dir.c
                    LIBS spillmark-harness)
