/* app/certificate_tools.c - what all workers check certificates with. */
#include "app/certificate_tools.h"
#include "tls/tls_client.h"
#include "tls/trust_store.h"
#include "upstream/certificate_board.h"

static bool prepare(struct certificate_tools *tools, const char *ca_file, struct fault *fault)
{
    tools->trust_store = trust_store_new(ca_file, fault);
    if (tools->trust_store == NULL)
        return false;
    tools->tls_client = tls_client_new(fault);
    if (tools->tls_client == NULL)
        return false;
    tools->board = certificate_board_new();
    if (tools->board == NULL)
        fault_what(fault, "out of memory");
    return tools->board != NULL;
}

static void *run(void *argument)
{
    struct certificate_tools *tools = argument;
    (void)prepare(tools, NULL, &tools->fault); /* certificate_tools_wait() tells */
    return NULL;
}

bool certificate_tools_start(struct certificate_tools *tools, const char *ca_file,
                             struct fault *fault)
{
    *tools = (struct certificate_tools){ 0 };
    if (ca_file != NULL)
        return prepare(tools, ca_file, fault);
    tools->has_thread = pthread_create(&tools->thread, NULL, run, tools) == 0;
    if (!tools->has_thread)
        fault_what(fault, "can't start a thread");
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
