/* status/api.h - the page's data as JSON, under /api/v1/. Names are stable: members are added,
 * never renamed or taken away. docs/operating.md lists them. */
#pragma once
#include "status/view.h"

void api_health(const struct view *view, struct output *output);
void api_traffic(const struct view *view, struct output *output);
void api_rules(const struct view *view, struct output *output);
void api_denied(const struct view *view, struct output *output);
void api_connections(const struct view *view, struct output *output);
void api_decisions(const struct view *view, struct output *output);
void api_explain(const struct view *view, struct output *output);
