# Loads that are no requests: WebSockets, raw streams, programs; runs in parts.
spillmark_unit_test(websocket unit/test_websocket.c LIBS spillmark-harness)
spillmark_e2e_test(relay 120)
