/* app/status_service.c - the status page on the control thread. */
#include "app/status_service.h"

#include <stdlib.h>
#include <unistd.h>

struct status_service {
    uv_loop_t loop;
    struct status_gatherer gatherer;
    struct status *status;
    char token[STATUS_TOKEN_BYTES_MAX + 1];
};

static bool start(struct status_service *service, const struct status_gatherer_parts *parts,
                  int listener, struct fault *fault)
{
    const struct options *options = parts->options;
    bool has_token = options->status_token_file != NULL;
    struct status_setup setup = { .loop = &service->loop,
                                  .listener = listener,
                                  .token = has_token ? service->token : NULL,
                                  .host_count = options->status_host_count,
                                  .source = status_gatherer_source(&service->gatherer) };
    for (uint32_t i = 0; i < options->status_host_count; i++)
        setup.host[i] = options->status_host[i];
    if (has_token && !status_read_token(options->status_token_file, service->token, fault)) {
        (void)close(listener);
        return false;
    }
    service->status = status_new(&setup, fault);
    return service->status != NULL;
}

struct status_service *status_service_new(const struct status_gatherer_parts *parts, int listener,
                                          struct fault *fault)
{
    struct status_service *service = calloc(1, sizeof(*service));
    fault_what(fault, "can't start the status page: out of memory or descriptors");
    if (service == NULL || uv_loop_init(&service->loop) < 0) {
        free(service);
        (void)close(listener);
        return NULL;
    }
    if (status_gatherer_init(&service->gatherer, &service->loop, parts) < 0) {
        (void)uv_loop_close(&service->loop);
        free(service);
        (void)close(listener);
        return NULL;
    }
    if (start(service, parts, listener, fault))
        return service;
    status_service_free(service);
    return NULL;
}

uv_loop_t *status_service_loop(struct status_service *service)
{
    return &service->loop;
}

void status_service_stop_accepting(struct status_service *service)
{
    if (service != NULL)
        status_stop_accepting(service->status);
}

void status_service_stop(struct status_service *service)
{
    if (service == NULL)
        return;
    status_free(service->status);
    service->status = NULL;
}

void status_service_free(struct status_service *service)
{
    if (service == NULL)
        return;
    status_service_stop(service);
    status_gatherer_end(&service->gatherer);
    (void)uv_run(&service->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&service->loop); /* nothing is left on it */
    free(service);
}
