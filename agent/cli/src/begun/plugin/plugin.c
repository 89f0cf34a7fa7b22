/* The plugin for @name@: what it looks at, and the facts that come of it.
 *
 * It gathers facts and judges nothing. Everything it wants to see it asks of the site, which holds it to plugin.toml: one
 * thread, no files, no environment, no library but the C runtime. What it writes to stderr is shown by
 * `goodstead plugins test`. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "goodstead_requests.h"

#define SOURCE "/etc/os-release"
#define KEY "PRETTY_NAME="

uint32_t goodstead_plugin_protocol(void) {
    return GOODSTEAD_PROTOCOL;
}

/* Is the product here, and how often? Each target is gathered and judged on its own; an empty list is not an error. */
int32_t goodstead_plugin_discover(const GoodsteadSite *site) {
    GoodsteadReply reply = goodstead_read(site, SOURCE);
    goodstead_emit(site, goodstead_is_granted(reply) ? "[{\"title\": \"@name@\"}]" : "[]");
    return 0;
}

/* What a text in the format of os-release calls the system; empty when it does not say. */
static GoodsteadBytes system_name(GoodsteadBytes file) {
    size_t at = 0, key = strlen(KEY);
    while (at < file.length) {
        const uint8_t *end = memchr(file.data + at, '\n', file.length - at);
        size_t stop = end ? (size_t)(end - file.data) : file.length;
        if (stop - at >= key && memcmp(file.data + at, KEY, key) == 0) {
            at += key;
            if (at < stop && file.data[at] == '"') at++;
            if (stop > at && file.data[stop - 1] == '"') stop--;
            return goodstead_bytes(file.data + at, stop - at);
        }
        at = stop + 1;
    }
    return goodstead_text("");
}

/* The facts of one target. What cannot be seen is unknown with its cause, and everything else is reported all the same. */
int32_t goodstead_plugin_gather(const GoodsteadSite *site, GoodsteadBytes target) {
    (void)target;
    char fact[1024], facts[1100];
    GoodsteadReply reply = goodstead_read(site, SOURCE);
    size_t length = goodstead_is_granted(reply) ? goodstead_quote(fact, sizeof fact, system_name(reply.data))
                                                : goodstead_unknown(fact, sizeof fact, reply);
    if (length == 0) {
        fprintf(stderr, "the fact `system` is longer than %zu bytes\n", sizeof fact);
        return 1;
    }
    snprintf(facts, sizeof facts, "{\"system\": %s}", fact);
    goodstead_emit(site, facts);
    return 0;
}
