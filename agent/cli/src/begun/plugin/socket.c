/* The plugin for @name@: asks the running product over its socket, and makes facts of what it answers.
 *
 * It gathers facts and judges nothing. The agent connects for it, to what plugin.toml and agent.toml allow; the plugin
 * itself has one thread, no files, no environment, no library but the C runtime. What it writes to stderr is shown by
 * `goodstead plugins test`. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "goodstead_requests.h"

#define SOCKET "/run/@name@/@name@.sock"

/* The question, and how long the product may take to answer it. */
#define QUESTION "version\n"
#define PATIENCE_SECONDS 2

uint32_t goodstead_plugin_protocol(void) {
    return GOODSTEAD_PROTOCOL;
}

/* Is the product here, and how often? Each target is gathered and judged on its own; an empty list is not an error. */
int32_t goodstead_plugin_discover(const GoodsteadSite *site) {
    char kind[64], unknown[4096];
    GoodsteadReply reply = goodstead_stat(site, SOCKET);
    if (goodstead_is_granted(reply)) {
        goodstead_emit(site, "[{\"title\": \"@name@\", \"address\": \"unix:" SOCKET "\"}]");
        return 0;
    }
    goodstead_field(reply.json, "kind", kind, sizeof kind);
    if (strcmp(kind, "absent") == 0) {
        goodstead_emit(site, "[]");
        return 0;
    }
    /* Whether it is here cannot be known, and the agent's cause says why. */
    if (goodstead_unknown(unknown, sizeof unknown, reply) == 0) return 1;
    goodstead_emit(site, unknown);
    return 0;
}

/* Asks the product for its version. Returns the length of the first line of its answer, or -1 with errno. */
static ssize_t ask_version(int product, char *answer, size_t room) {
    struct timeval patience = {PATIENCE_SECONDS, 0};
    size_t used = 0;
    if (setsockopt(product, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) return -1;
    if (write(product, QUESTION, strlen(QUESTION)) < 0) return -1;
    while (used < room) {
        ssize_t more = read(product, answer + used, room - used);
        if (more < 0) return -1;
        char *end = memchr(answer + used, '\n', (size_t)more);
        if (end) return end - answer;
        if (more == 0) break;
        used += (size_t)more;
    }
    return (ssize_t)used;
}

/* The facts of one target. What cannot be seen is unknown with its cause, and everything else is reported all the same. */
int32_t goodstead_plugin_gather(const GoodsteadSite *site, GoodsteadBytes target) {
    char address[512], answer[256], fact[4096], facts[4200];
    size_t length;
    /* Where discovery found it, or where agent.toml says that it is. */
    if (goodstead_field(target, "address", address, sizeof address) == 0) return 1;
    GoodsteadReply reply = goodstead_connect(site, address);
    if (reply.descriptor < 0) {
        length = goodstead_unknown(fact, sizeof fact, reply);
    } else {
        ssize_t said = ask_version(reply.descriptor, answer, sizeof answer);
        if (said > 0) {
            length = goodstead_quote(fact, sizeof fact, goodstead_bytes(answer, (size_t)said));
        } else {
            const char *why = said == 0 ? "it closed the connection" : strerror(errno);
            length = (size_t)snprintf(fact, sizeof fact,
                                      "{\"$unknown\": {\"kind\": \"not-available\", \"detail\": \"no answer: %s\"}}", why);
        }
        close(reply.descriptor);
    }
    if (length == 0) {
        fprintf(stderr, "the fact `version` is longer than %zu bytes\n", sizeof fact);
        return 1;
    }
    snprintf(facts, sizeof facts, "{\"version\": %s}", fact);
    goodstead_emit(site, facts);
    return 0;
}
