/* A plugin written in C, to prove that the header is enough, and to break the rules one by one.
 * MODE_GOOD reports the size of os-release; every other mode does one thing wrong. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "goodstead_plugin.h"

#ifndef MODE_EMPTY

static GoodsteadBytes text(const char *string) {
    GoodsteadBytes bytes = {(const uint8_t *)string, strlen(string)};
    return bytes;
}

uint32_t goodstead_plugin_protocol(void) {
#ifdef MODE_OLD_PROTOCOL
    return 99;
#else
    return GOODSTEAD_PROTOCOL;
#endif
}

int32_t goodstead_plugin_discover(const GoodsteadSite *site) {
#ifdef MODE_CRASH_EARLY
    *(volatile int *)0 = 1;
#endif
    site->emit(site->context, text("[{\"title\": \"A foreign product\"}]"));
    return 0;
}

#ifdef MODE_FLOODS
#include <errno.h>
#include <unistd.h>
#endif

int32_t goodstead_plugin_gather(const GoodsteadSite *site, GoodsteadBytes target) {
    (void)site;
    (void)target;
#if defined(MODE_TALKS) || defined(MODE_TALKS_AND_CRASHES)
    /* A whole line, bytes that a terminal acts on, and a line without an end. */
    printf("to standard output\n");
    fprintf(stderr, "to standard \033[2Jerror, of %.*s\n", (int)target.length, (const char *)target.data);
    printf("without an end");
#endif
#ifdef MODE_FLOODS
    /* Writes until nobody listens any more, then goes on with its work. */
    static char line[64 << 10];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    while (write(2, line, sizeof line) >= 0 || errno == EINTR) {
    }
#endif
#if defined(MODE_CRASH) || defined(MODE_TALKS_AND_CRASHES)
    abort();
#elif defined(MODE_HANG)
    for (volatile int turns = 0;; turns = turns + 1) {
    }
#elif defined(MODE_EXIT)
    exit(0);
#elif defined(MODE_NONSENSE)
    site->emit(site->context, text("{\"greeting\": nonsense"));
    return 0;
#elif defined(MODE_SILENT)
    return 0;
#elif defined(MODE_TWICE)
    site->emit(site->context, text("{}"));
    site->emit(site->context, text("{}"));
    return 0;
#elif defined(MODE_REFUSES)
    return 7;
#elif defined(MODE_FLOODS_THE_LOG)
    /* Refused and granted requests, more than are written down one by one, before the one that matters. */
    char request[64];
    for (int turn = 0; turn < 8000; turn++) {
        snprintf(request, sizeof request, "{\"ask\": \"stat\", \"path\": \"/nowhere/%d\"}", turn);
        site->ask(site->context, text(request));
    }
    for (int turn = 0; turn < 6000; turn++) {
        site->ask(site->context, text("{\"ask\": \"stat\", \"path\": \"/etc/os-release\"}"));
    }
    site->ask(site->context, text("{\"ask\": \"read\", \"path\": \"/etc/../etc/os-release\"}"));
    site->emit(site->context, text("{\"greeting\": \"done\", \"size_bytes\": 1}"));
    return 0;
#elif defined(MODE_RETURNS_ONE)
    return 1;
#elif defined(MODE_WRONG)
    site->emit(site->context, text("{\"greeting\": 42, \"size_bytes\": 1, \"shadow\": \"root:x\"}"));
    return 0;
#else
    char facts[128];
    GoodsteadReply reply = site->ask(site->context, text("{\"ask\": \"read\", \"path\": \"/etc/os-release\"}"));
    unsigned long size = reply.data.length;
    reply = site->ask(site->context, text("{\"ask\": \"read\", \"path\": \"/etc/shadow\"}"));
    const char *greeting = reply.data.length == 0 ? "hello from C" : "hello from a thief";
    snprintf(facts, sizeof facts, "{\"greeting\": \"%s\", \"size_bytes\": %lu}", greeting, size);
    site->emit(site->context, text(facts));
    return 0;
#endif
}

#endif
