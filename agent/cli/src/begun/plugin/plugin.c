/* The plugin for @name@: what it looks at, and the facts that come of it.
 *
 * It gathers and judges nothing. Everything it wants to see it asks of the site, which holds it to plugin.toml: one
 * thread, no files, no environment, no library but the C runtime. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "goodstead_plugin.h"

#define ASK_SOURCE "{\"ask\": \"read\", \"path\": \"/etc/os-release\"}"
#define KEY "PRETTY_NAME="

/* Lends a text for one call. */
static GoodsteadBytes text(const char *string) {
    GoodsteadBytes bytes = {(const uint8_t *)string, strlen(string)};
    return bytes;
}

uint32_t goodstead_plugin_protocol(void) {
    return GOODSTEAD_PROTOCOL;
}

/* Is the product here, and how often? Each target is gathered and judged on its own; none is no error. */
int32_t goodstead_plugin_discover(const GoodsteadSite *site) {
    GoodsteadReply reply = site->ask(site->context, text(ASK_SOURCE));
    site->emit(site->context, text(reply.data.length > 0 ? "[{\"title\": \"@name@\"}]" : "[]"));
    return 0;
}

/* What a text in the format of os-release calls the system, as a JSON text; empty when it does not say. What does not
 * fit is left out: a site can write what it likes. */
static void system_name(GoodsteadBytes file, char *out, size_t room) {
    size_t used = 0, at = 0, key = strlen(KEY);
    while (at < file.length) {
        const uint8_t *end = memchr(file.data + at, '\n', file.length - at);
        size_t stop = end ? (size_t)(end - file.data) : file.length;
        if (stop - at >= key && memcmp(file.data + at, KEY, key) == 0) {
            for (size_t i = at + key; i < stop && used + 3 < room; i++) {
                uint8_t letter = file.data[i];
                if (letter == '"' || letter == '\\' || letter < ' ' || letter > '~') continue;
                out[used++] = (char)letter;
            }
            break;
        }
        at = stop + 1;
    }
    out[used] = 0;
}

/* The facts of one target. What cannot be seen is unknown with its cause, and everything else is told all the same. */
int32_t goodstead_plugin_gather(const GoodsteadSite *site, GoodsteadBytes target) {
    (void)target;
    char name[256], facts[512];
    GoodsteadReply reply = site->ask(site->context, text(ASK_SOURCE));
    if (reply.data.length > 0) {
        system_name(reply.data, name, sizeof name);
        snprintf(facts, sizeof facts, "{\"system\": \"%s\"}", name);
    } else {
        snprintf(facts, sizeof facts,
                 "{\"system\": {\"$unknown\": {\"kind\": \"not-available\", \"detail\": \"os-release cannot be read\"}}}");
    }
    site->emit(site->context, text(facts));
    return 0;
}
