/* scenario_ports.c - free ports of 127.0.0.1: by name, ${port:relay}, and for services. */
#include <stdio.h>
#include <string.h>

#include "free_port.h"
#include "scenario_internal.h"

/* Each service may have a relay, which has a port of its own. */
enum { LOCKS = 2 * SM_SERVICES + SM_PORTS };

uint16_t sm_take_port(struct sm_loader *loader) {
    struct sm_scenario *scenario = loader->scenario;
    uint16_t port;
    if (!scenario->port_locks)
        scenario->port_locks = sm_alloc(loader, LOCKS * sizeof *scenario->port_locks);
    int rc = sm_free_port(&port, &scenario->port_locks[scenario->port_lock_count]);
    if (rc)
        sm_raise(loader, NULL, "no port of 127.0.0.1 is free: %s", strerror(-rc));
    scenario->port_lock_count++;
    return port;
}

const char *sm_port(struct sm_loader *loader, const char *name) {
    char text[8];
    size_t i = 0;
    if (name[0] == '\0' || strlen(name) >= sizeof loader->ports[0].name)
        sm_raise(loader, "write ${port:relay}", "${port:%.60s} has no proper name", name);
    while (i < loader->port_count && strcmp(loader->ports[i].name, name) != 0)
        i++;
    if (i < loader->port_count)
        return loader->ports[i].port;
    if (i == SM_PORTS)
        sm_raise(loader, NULL, "there are more than %d ports", SM_PORTS);
    snprintf(text, sizeof text, "%u", sm_take_port(loader));
    snprintf(loader->ports[i].name, sizeof loader->ports[i].name, "%s", name);
    loader->ports[i].port = sm_alloc_text(loader, text, strlen(text));
    loader->port_count++;
    return loader->ports[i].port;
}
