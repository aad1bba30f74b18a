/* app/status_service.h - the status page on the control thread: its loop, its source, its token. */
#pragma once
#include "app/status_source.h"

struct status_service;

/* Reads the token where one is wanted. NULL with a fault. `listener` is taken over. The loop runs
 * when its owner runs it. */
struct status_service *status_service_new(const struct status_gatherer_parts *parts, int listener,
                                          struct fault *fault);

/* To be run. */
uv_loop_t *status_service_loop(struct status_service *service);

/* Another process accepts in this one's place. */
void status_service_stop_accepting(struct status_service *service);

/* Answers nobody any more. Before the record thread ends; NULL is fine. */
void status_service_stop(struct status_service *service);
/* Frees; after the record thread has ended. NULL is fine. */
void status_service_free(struct status_service *service);
