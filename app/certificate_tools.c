/* app/certificate_tools.c - what all workers check certificates with. */
#include "app/certificate_tools.h"
#include "tls/tls_client.h"
#include "tls/trust_store.h"
#include "upstream/certificate_board.h"

bool certificate_tools_init(struct certificate_tools *tools, const char *ca_file,
                            struct fault *fault)
{
    *tools = (struct certificate_tools){ .trust_store = trust_store_new(ca_file, fault) };
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

void certificate_tools_release(struct certificate_tools *tools)
{
    certificate_board_free(tools->board);
    tls_client_free(tools->tls_client);
    trust_store_free(tools->trust_store);
    *tools = (struct certificate_tools){ 0 };
}
