/* app/certificate_tools.c - what all workers check certificates with. */
#include "app/certificate_tools.h"
#include "tls/tls_client.h"
#include "tls/trust_store.h"
#include "upstream/certificate_board.h"

#include <string.h>

static void *prepare(void *argument)
{
    struct certificate_tools *tools = argument;
    tools->trust_store = trust_store_new(tools->ca_file, &tools->fault);
    if (tools->trust_store != NULL)
        tools->tls_client = tls_client_new(&tools->fault);
    if (tools->tls_client != NULL)
        tools->board = certificate_board_new();
    if (tools->tls_client != NULL && tools->board == NULL)
        fault_what(&tools->fault, "out of memory");
    return NULL;
}

bool certificate_tools_start(struct certificate_tools *tools, const char *ca_file,
                             struct fault *fault)
{
    *tools = (struct certificate_tools){ .ca_file = ca_file };
    int error = pthread_create(&tools->thread, NULL, prepare, tools);
    tools->has_thread = error == 0;
    if (!tools->has_thread)
        fault_what(fault, "can't start a thread: %s", strerror(error));
    return tools->has_thread;
}

static void join(struct certificate_tools *tools)
{
    if (tools->has_thread)
        (void)pthread_join(tools->thread, NULL);
    tools->has_thread = false;
}

bool certificate_tools_wait(struct certificate_tools *tools, struct fault *fault)
{
    join(tools);
    if (tools->board == NULL)
        *fault = tools->fault;
    return tools->board != NULL;
}

void certificate_tools_release(struct certificate_tools *tools)
{
    join(tools);
    certificate_board_free(tools->board);
    tls_client_free(tools->tls_client);
    trust_store_free(tools->trust_store);
    *tools = (struct certificate_tools){ 0 };
}
