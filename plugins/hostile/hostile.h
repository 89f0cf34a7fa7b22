/* What the hostile plugins share. Each is one HOSTILE(mode) in one of the files beside this one, built with -DMODE=mode;
 * tests/src/hostile.rs builds them and says what they may meet: the canaries, which nothing here may touch or reach.
 *
 * A mode that lives on is asked for its attempts: by name the error number that each met, 0 for one that worked. Every
 * attempt is made such that only a lock can stop it, and such that it does no lasting harm where none does. */
#ifndef GOODSTEAD_HOSTILE_H
#define GOODSTEAD_HOSTILE_H

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "goodstead_plugin.h"

#define HOSTILE(mode) __attribute__((unused)) static void hostile_##mode(const GoodsteadSite *site)
#define HOSTILE_NAME_(mode) hostile_##mode
#define HOSTILE_NAME(mode) HOSTILE_NAME_(mode)

static char attempts[64 << 10];
static size_t attempts_length;
/* Whether the mode has handed over its facts itself. */
__attribute__((unused)) static int has_emitted;

static GoodsteadBytes bytes(const void *data, size_t length) {
    GoodsteadBytes lent = {data, length};
    return lent;
}

static GoodsteadBytes text(const char *string) { return bytes(string, strlen(string)); }

/* Notes what an attempt met. */
__attribute__((unused)) static void attempt(const char *name, int error) {
    attempts_length += (size_t)snprintf(attempts + attempts_length, sizeof attempts - attempts_length, "%s\"%s\": %d",
                                        attempts_length ? ", " : "", name, error);
}

/* Makes an attempt that fails with -1. */
#define ATTEMPT(name, call)                                                                                            \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        long attempt_result = (long)(call);                                                                            \
        attempt(name, attempt_result == -1 ? errno : 0);                                                               \
    } while (0)

/* Makes an attempt at a system call by its number, so that no library stands between. */
#define ATTEMPT_CALL(name, ...) ATTEMPT(name, syscall(__VA_ARGS__))

__attribute__((unused)) static int is_granted(GoodsteadReply reply) {
    return reply.json.length >= 5 && memcmp(reply.json.data, "{\"ok\"", 5) == 0;
}

/* Asks the agent, and notes a refusal as EPERM. */
__attribute__((unused)) static void attempt_request(const GoodsteadSite *site, const char *name, const char *request) {
    attempt(name, is_granted(site->ask(site->context, text(request))) ? 0 : EPERM);
}

/* The number of the agent's process, which a plugin with this permission learns from the agent itself. */
__attribute__((unused)) static pid_t agent(const GoodsteadSite *site) {
    GoodsteadReply reply = site->ask(site->context, text("{\"ask\": \"read\", \"path\": \"/proc/self/stat\"}"));
    char start[16] = {0};
    memcpy(start, reply.data.data, reply.data.length < 15 ? reply.data.length : 15);
    pid_t pid = (pid_t)atoi(start);
    /* Without it nothing is tried: other numbers mean other people's processes. */
    if (pid <= 1) abort();
    return pid;
}

/* The descriptor over which the runner speaks with the agent, found by trying them all; -1 if there is none. */
__attribute__((unused)) static int channel(void) {
    for (int fd = 0; fd < 256; fd++) {
        char byte;
        if (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno == EAGAIN) return fd;
    }
    return -1;
}

static void hostile_null(const GoodsteadSite *site);

#ifndef HOSTILE_OWN_PROTOCOL
uint32_t goodstead_plugin_protocol(void) { return GOODSTEAD_PROTOCOL; }
#endif

#ifndef HOSTILE_OWN_DISCOVERY
int32_t goodstead_plugin_discover(const GoodsteadSite *site) {
    site->emit(site->context, text("[{\"title\": \"A hostile plugin\"}]"));
    return 0;
}
#endif

static void HOSTILE_NAME(MODE)(const GoodsteadSite *site);

/* The target whose facts are wanted, as JSON. */
__attribute__((unused)) static GoodsteadBytes wanted_target;

int32_t goodstead_plugin_gather(const GoodsteadSite *site, GoodsteadBytes target) {
    wanted_target = target;
    static char facts[sizeof attempts + 64];
    HOSTILE_NAME(MODE)(site);
    if (!has_emitted) {
        snprintf(facts, sizeof facts, "{\"greeting\": \"hello\", \"attempts\": {%s}}", attempts);
        site->emit(site->context, text(facts));
    }
    return 0;
}

/* The mildest mode: it does nothing. */
HOSTILE(null) { (void)site; }

#endif
