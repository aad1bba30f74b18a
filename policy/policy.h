/* policy/policy.h - the compiled rules and settings, and the questions asked of them.
 * Immutable once published, so any thread reads it without a lock; lifetime is counted: whoever
 * keeps a pointer holds a reference. Pure: no I/O and no clock in here, the caller passes the time
 * it means.
 *
 * Inside are two tables of names: a big base that many policies share, and a small overlay with the
 * names that changed since the base was built. A name in the overlay hides the same name in the
 * base. */
#pragma once
#include "policy/client_group.h"
#include "policy/rule.h"
#include "policy/settings.h"

struct name_hashes;
struct policy;

/* The ports clients believe they connect to: those of the gate's listeners. The resolver answers a
 * name that is allowed on any of them. */
enum { POLICY_PORTS_MAX = 16 };
struct policy_ports {
    uint16_t port[POLICY_PORTS_MAX];
    uint32_t count;
};

/* Who asks, for which name. */
struct policy_question {
    struct ip_address client;
    const struct host_name *name;
    const struct name_hashes *hashes; /* what policy_look_ahead() made of this very name, which
                                         nothing checks; NULL: nothing */
};

/* Large policies are more than a processor's cache holds. Who knows what is asked next may have the
 * memory brought while it answers another question: first where the name is looked for, and some
 * time later what is found there. Changes no answer, and may be left out; another policy may
 * decide. */
void policy_look_ahead(const struct policy *policy, const struct host_name *name,
                       struct name_hashes *ret_hashes);
void policy_look_closer(const struct policy *policy, const struct host_name *name,
                        const struct name_hashes *hashes);
/* The id of the rule that will probably decide, for who keeps something for each; 0: none known. */
int64_t policy_guess_rule(const struct policy *policy, const struct host_name *name,
                          const struct name_hashes *hashes);

/* May this client connect to this name on this port at `now_s` (Unix seconds)? REASON_PARENT where
 * no rule decides, but names below are allowed to this client. REASON_OBSERVED allows what would be
 * denied were the client's home group not one that only observes. Never fails, allocates nothing.
 */
struct verdict policy_decide(const struct policy *policy, const struct policy_question *question,
                             uint16_t port, int64_t now_s);

/* May this client learn this name, that is, connect to it on a port that has a listener?
 * REASON_PARENT where the name itself is denied but lies above one that is allowed to this client
 * (RFC 8020). REASON_OBSERVED as above, but never for the root, which nobody connects to. */
struct verdict policy_decide_lookup(const struct policy *policy,
                                    const struct policy_question *question, int64_t now_s);

/* Where the rule that decided sends the connection: `verdict` is this policy's, on `name`. False:
 * to the name's own address, as always where no rule allows it. */
bool policy_connect_to(const struct policy *policy, const struct host_name *name,
                       const struct verdict *verdict, struct connect_to *ret_connect_to);

/* What the rule that decided demands of the server's certificate: `verdict` is this policy's, on
 * `name`. Borrowed, as long as the policy lives. NULL: what most demand. Of what passes without a
 * rule (REASON_OBSERVED) nothing is demanded. */
struct requirement *policy_requirement(const struct policy *policy, const struct host_name *name,
                                       const struct verdict *verdict);

/* Borrowed, as long as the policy lives. */
const struct settings *policy_settings(const struct policy *policy);

/* Who is a member of what; borrowed, as long as the policy lives. */
const struct client_groups *policy_client_groups(const struct policy *policy);

/* Rises with every policy that one process makes; 0 is the policy before the first load, which
 * denies all. */
uint64_t policy_version(const struct policy *policy);

/* Rules in force. */
uint64_t policy_rule_count(const struct policy *policy);

/* If another rule in force decides for every client that `rule` could match, sets its id and
 * returns true. */
bool policy_is_shadowed(const struct policy *policy, const struct compiled_rule *rule,
                        int64_t *ret_by_id);

/* Takes one more reference; returns its argument. */
struct policy *policy_ref(struct policy *policy);
/* Gives one reference back; the last one frees. NULL is fine. Returns NULL, for `p =
 * policy_unref(p)`. */
struct policy *policy_unref(struct policy *policy);
