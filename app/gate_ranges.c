/* app/gate_ranges.c - what commands say of the gate's ranges of addresses. */
#include "app/gate_ranges.h"
#include "base/clock.h"
#include "base/text.h"
#include "policy/gate_collision.h"
#include "policy/host_name.h"

#include <stdio.h>

struct listing {
    bool as_json;
    struct ip_address address; /* of the line that is begun; family 0: none is */
    uint64_t address_count, name_count;
};

bool gate_ranges_have_key(const struct options *options, const struct policy *policy,
                          struct fault *fault)
{
    if (options->gate_addresses.range_count == 0 || policy_settings(policy)->gate_key.is_known)
        return true;
    fault_what(fault, "a range of gate addresses needs the gate key, and there is none");
    fault_where(fault, "%s", options->db);
    fault_remedy(fault, "in the sqlite3 shell type INSERT INTO gate_key (id, key) VALUES (1, "
                        "lower(hex(randomblob(16))))");
    return false;
}

static void end_line(const struct listing *listing)
{
    if (listing->address.family != 0)
        printf("%s", listing->as_json ? "]}" : "\n");
}

static void begin_line(struct listing *listing, const struct ip_address *address)
{
    char buffer[64];
    struct text text = text_in(buffer, sizeof(buffer));
    ip_address_add_to(address, &text);
    if (listing->as_json)
        printf("%s\n  {\"address\":\"%s\",\"names\":[", listing->address_count > 0 ? "," : "",
               text.at);
    else
        printf("address %s is shared by", text.at);
    listing->address = *address;
    listing->address_count++;
}

static void print_name(void *context, const struct ip_address *address,
                       const struct host_name *name)
{
    struct listing *listing = context;
    char buffer[4 * HOST_NAME_WIRE_MAX];
    struct text text = text_in(buffer, sizeof(buffer));
    bool is_first = !ip_address_equal(address, &listing->address);
    if (is_first) {
        end_line(listing);
        begin_line(listing, address);
    }
    host_name_add_to(name, &text);
    if (listing->as_json)
        printf("%s\"%s\"", is_first ? "" : ",", text.at);
    else
        printf("%s %s", is_first ? "" : ",", text.at);
    listing->name_count++;
}

static void print_sum(const struct listing *listing)
{
    if (listing->name_count == 0)
        printf("no two names share an address");
    else
        printf(
            "shared addresses: %llu, names on them: %llu; a larger --gate-address range has fewer",
            (unsigned long long)listing->address_count, (unsigned long long)listing->name_count);
    printf(" (names that only a wildcard allows are not counted)\n");
}

bool gate_ranges_print_collisions(const struct options *options, const struct policy *policy,
                                  struct fault *fault)
{
    struct listing listing = { .as_json = options->as_json };
    if (options->gate_addresses.range_count == 0)
        return true;
    printf("%s", listing.as_json ? ",\"address_collisions\":[" : "");
    if (!gate_collisions_find(policy, &options->gate_addresses, clock_realtime_s(), print_name,
                              &listing)) {
        fault_what(fault, "out of memory");
        return false;
    }
    end_line(&listing);
    if (listing.as_json)
        printf("]");
    else
        print_sum(&listing);
    return true;
}
