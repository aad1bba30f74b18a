/* resolver/search_name.h - names that nobody means: what a client makes of a name and its search
 * list. With "ndots:5" a pod asks for api.example.com.NAMESPACE.svc.cluster.local, and more, before
 * it asks for api.example.com. Pure. */
#pragma once
#include "policy/host_name.h"

struct settings;

/* Below one of the setting `search_domains`. */
bool search_name_is_below(const struct settings *settings, const struct host_name *name);

/* In Kubernetes' tree of services, svc.cluster.local or a search domain that begins with "svc", and
 * of a form that no name there has: these are SERVICE.NAMESPACE, ENDPOINT.SERVICE.NAMESPACE and
 * _PORT._PROTOCOL.SERVICE.NAMESPACE (Kubernetes DNS-Based Service Discovery 2.3 and 2.4). */
bool search_name_cannot_exist(const struct settings *settings, const struct host_name *name);
