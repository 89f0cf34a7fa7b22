/* Lies in every part of the conversation: frames, facts, targets and requests. */
#include <limits.h>
#include <sys/uio.h>

#ifdef MODE_another_protocol
#define HOSTILE_OWN_PROTOCOL
#endif
#if defined(MODE_targets_are_facts) || defined(MODE_targets_twice) || defined(MODE_thousands_of_targets) ||               \
    defined(MODE_facts_while_discovering) || defined(MODE_targets_of_others) || defined(MODE_escapes_to_the_terminal)
#define HOSTILE_OWN_DISCOVERY
#endif
#include "hostile.h"

static void emit(const GoodsteadSite *site, const char *facts) {
    site->emit(site->context, text(facts));
    has_emitted = 1;
}

/* A frame past the runner, with lengths that need not be true. */
static void frame(uint32_t kind, uint32_t body_length, uint32_t data_length, const char *body) {
    uint32_t header[3] = {kind, body_length, data_length};
    int fd = channel();
    if (send(fd, header, sizeof header, 0) < 0 || (*body && send(fd, body, strlen(body), 0) < 0)) abort();
}

static void whole_frame(uint32_t kind, const char *body) { frame(kind, (uint32_t)strlen(body), 0, body); }

static void wait_for_ever(void) {
    for (volatile int turns = 0;; turns = turns + 1) {
    }
}

/* Frames. */
HOSTILE(frame_of_no_kind) { (void)site, frame(99, 0, 0, ""); }
HOSTILE(frame_of_the_agent) { (void)site, whole_frame(6, "{}"); }
HOSTILE(reply_that_nobody_awaits) { (void)site, whole_frame(8, "{}"); }
HOSTILE(greeting_again) { (void)site, whole_frame(1, "{\"protocol\": 1}"); }
HOSTILE(loaded_again) { (void)site, whole_frame(3, "{\"protocol\": 1}"); }
HOSTILE(huge_body) { (void)site, frame(9, 100 << 20, 0, ""); }
HOSTILE(huge_data) { (void)site, frame(7, 2, UINT32_MAX, "{}"); }
HOSTILE(largest_body_of_which_nothing_comes) { (void)site, frame(9, 6 << 20, 0, "{}"), wait_for_ever(); }
HOSTILE(garbage) { (void)site, frame(0xdeadbeef, 0xdeadbeef, 0xdeadbeef, "nonsense"); }
HOSTILE(truncated_frame) {
    (void)site;
    frame(9, 100, 0, "{\"greeting\":");
    _exit(0);
}
HOSTILE(truncated_header) {
    (void)site;
    if (send(channel(), "\t\0\0", 3, 0) < 0) abort();
    _exit(0);
}
HOSTILE(header_and_nothing_more) {
    (void)site;
    if (send(channel(), "\t\0\0", 3, 0) < 0) abort();
    wait_for_ever();
}
/* One byte at a time, for ever: each is progress, and none is an end. */
HOSTILE(trickles) {
    (void)site;
    frame(9, 6 << 20, 0, "{");
    for (;;) {
        for (volatile int turns = 0; turns < 1000000; turns = turns + 1) {
        }
        if (send(channel(), " ", 1, 0) < 0) abort();
    }
}
HOSTILE(shuts_its_side) {
    (void)site;
    shutdown(channel(), SHUT_WR);
    wait_for_ever();
}
/* Facts and an end past the runner, which then adds its own. */
HOSTILE(forged_end) {
    (void)site;
    whole_frame(9, "{\"greeting\": \"hello\"}");
    whole_frame(10, "0");
}
HOSTILE(done_with_garbage) {
    whole_frame(10, "\"no\"");
    has_emitted = site != 0;
}
HOSTILE(asks_without_reading) {
    (void)site;
    for (;;) whole_frame(7, "{\"ask\": \"read\", \"path\": \"/proc/self/stat\"}");
}
/* As many descriptors as fit, with every request. */
HOSTILE(sends_descriptors) {
    int fd = channel();
    for (int turn = 0; turn < 200; turn++) {
        char request[] = "{\"ask\": \"read\", \"path\": \"/etc/shadow\"}";
        uint32_t header[3] = {7, sizeof request - 1, 0};
        struct iovec parts[2] = {{header, sizeof header}, {request, sizeof request - 1}};
        static char control[CMSG_SPACE(250 * sizeof(int))];
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control};
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(250 * sizeof(int));
        for (int i = 0; i < 250; i++) memcpy(CMSG_DATA(rights) + i * (int)sizeof(int), &fd, sizeof fd);
        /* Refused or not, the conversation has to go on. */
        if (sendmsg(fd, &message, 0) < 0) break;
        static char reply[4096];
        if (recv(fd, reply, sizeof reply, 0) <= 0) break;
    }
    attempt("conversation", is_granted(site->ask(site->context, text("{\"ask\": \"read\", \"path\": \"/proc/self/stat\"}"))) ? EPERM : 0);
}

/* The functions that it is handed. */
HOSTILE(wrong_context) {
    static char nonsense[4096];
    site->emit(nonsense, text("{}"));
    abort();
}
HOSTILE(length_that_is_not_there) { site->emit(site->context, bytes("{", 5 << 20)); }
HOSTILE(length_that_cannot_be) { site->emit(site->context, bytes("{", (size_t)1 << 62)), has_emitted = 1; }
HOSTILE(nothing_with_a_length) { site->emit(site->context, bytes(0, 100)), has_emitted = 1; }
HOSTILE(writes_over_the_reply) {
    GoodsteadReply reply = site->ask(site->context, text("{\"ask\": \"read\", \"path\": \"/proc/self/stat\"}"));
    memset((void *)(uintptr_t)reply.data.data, 'x', 1 << 20);
    attempt_request(site, "after", "{\"ask\": \"read\", \"path\": \"/etc/shadow\"}");
    abort();
}

/* Facts. */
HOSTILE(emits_nothing) { has_emitted = site != 0; }
HOSTILE(emits_twice) { emit(site, "{}"), emit(site, "{}"); }
HOSTILE(nested_facts) {
    static char facts[2 << 20];
    memset(facts, '[', sizeof facts - 1);
    emit(site, facts);
}
HOSTILE(nested_facts_that_end) {
    static char facts[400];
    char *end = facts + sprintf(facts, "{\"greeting\": ");
    for (int depth = 0; depth < 120; depth++) *end++ = '[';
    for (int depth = 0; depth < 120; depth++) *end++ = ']';
    strcpy(end, "}");
    emit(site, facts);
}
HOSTILE(invalid_utf8) { emit(site, "{\"greeting\": \"\xff\xfe\xc0\x80\"}"); }
HOSTILE(lone_surrogate) { emit(site, "{\"greeting\": \"\\ud800\"}"); }
HOSTILE(nan) { emit(site, "{\"greeting\": \"hello\", \"size\": NaN}"); }
HOSTILE(infinity) { emit(site, "{\"greeting\": \"hello\", \"size\": 1e999}"); }
HOSTILE(too_large_a_number) { emit(site, "{\"greeting\": \"hello\", \"size\": 18446744073709551615}"); }
HOSTILE(duplicate_keys) { emit(site, "{\"greeting\": \"hello\", \"greeting\": 42}"); }
HOSTILE(undeclared_facts) { emit(site, "{\"greeting\": \"hello\", \"attempts\": {}, \"shadow\": \"CANARY\"}"); }
HOSTILE(thousands_of_undeclared_facts) {
    char *facts = malloc(12 << 20), *end = facts + sprintf(facts, "{\"greeting\": \"hello\"");
    for (int fact = 0; fact < 100000; fact++) end += sprintf(end, ", \"undeclared%d\": 1", fact);
    strcpy(end, "}");
    emit(site, facts);
}
HOSTILE(wrong_types) { emit(site, "{\"greeting\": {\"greeting\": []}, \"attempts\": \"none\"}"); }
HOSTILE(facts_that_are_no_record) { emit(site, "[1, 2, 3]"); }
HOSTILE(facts_that_are_no_json) { emit(site, "{\"greeting\": hello"); }
HOSTILE(unknown_for_no_known_reason) { emit(site, "{\"greeting\": {\"$unknown\": {\"kind\": \"whim\", \"detail\": \"\"}}}"); }
HOSTILE(partial_nonsense) { emit(site, "{\"greeting\": {\"$partial\": 1, \"$cause\": 2}}"); }
HOSTILE(hundred_megabytes) {
    size_t length = 100 << 20;
    char *facts = malloc(length + 32);
    memset(facts, 'x', length);
    memcpy(facts, "{\"greeting\": \"", 14);
    strcpy(facts + length, "\"}");
    emit(site, facts);
}
/* The other codes that the functions return. */
HOSTILE(forged_code) { (void)site, whole_frame(10, "-2147483648"), has_emitted = 1; }

/* Requests. */
HOSTILE(requests_that_are_none) {
    static char nested[1 << 20];
    memset(nested, '[', sizeof nested - 1);
    attempt_request(site, "nested", nested);
    memcpy(nested, "{\"ask\":", 7);
    for (size_t at = 7; at + 5 < sizeof nested; at += 5) memcpy(nested + at, "{\"a\":", 5);
    attempt_request(site, "nested_records", nested);
    attempt_request(site, "empty", "");
    attempt_request(site, "unknown", "{\"ask\": \"write\", \"path\": \"/etc/passwd\"}");
    attempt_request(site, "duplicate_keys", "{\"ask\": \"read\", \"path\": \"/proc/self/stat\", \"path\": \"/etc/shadow\"}");
    attempt_request(site, "more_keys", "{\"ask\": \"read\", \"path\": \"/proc/self/stat\", \"write\": true}");
    attempt_request(site, "wrong_type", "{\"ask\": \"read\", \"path\": [\"/proc/self/stat\"]}");
    attempt_request(site, "invalid_utf8", "{\"ask\": \"read\", \"path\": \"/proc/self/st\xff\"}");
    attempt_request(site, "two_at_once", "{\"ask\": \"read\", \"path\": \"/proc/self/stat\"}{\"ask\": \"read\", \"path\": \"/etc/shadow\"}");
    attempt("too_long", is_granted(site->ask(site->context, bytes(nested, 100 << 20))) ? 0 : EPERM);
}
HOSTILE(million_requests) {
    int refused = 0;
    for (int turn = 0; turn < 1000000; turn++) {
        refused += !is_granted(site->ask(site->context, text("{\"ask\": \"read\", \"path\": \"/proc/self/stat\"}")));
    }
    attempt("all_of_them", refused ? EPERM : 0);
}

/* Targets. */
#ifdef HOSTILE_OWN_DISCOVERY
int32_t goodstead_plugin_discover(const GoodsteadSite *site) {
    (void)site;
#if defined(MODE_targets_are_facts)
    site->emit(site->context, text("{\"greeting\": \"hello\"}"));
#elif defined(MODE_targets_twice)
    site->emit(site->context, text("[]"));
    site->emit(site->context, text("[]"));
#elif defined(MODE_facts_while_discovering)
    whole_frame(9, "{\"greeting\": \"hello\"}");
    whole_frame(10, "0");
#elif defined(MODE_targets_of_others)
    site->emit(site->context, text("[{\"title\": \"mine\"}, {\"title\": \"theirs\", \"name\": \"linux\"},"
                                   "{\"title\": \"tcp\", \"name\": \"a\", \"address\": \"tcp:127.0.0.1:22\"},"
                                   "{\"title\": \"unix\", \"name\": \"b\", \"address\": \"unix:" HOSTILE_SOCKET "\"},"
                                   "{\"title\": \"climbs\", \"name\": \"c\", \"address\": \"unix:/run/../" HOSTILE_SOCKET "\"}]"));
#elif defined(MODE_escapes_to_the_terminal)
    site->emit(site->context, text("[{\"title\": \"\\u001b]0;owned\\u0007\\u001b[2Jmine\"}]"));
#else
    char *targets = malloc(15 << 20), *end = targets + sprintf(targets, "[{\"title\": \"first\"}");
    for (int target = 0; target < 50000; target++) end += sprintf(end, ",{\"title\":\"t\",\"name\":\"t%d\"}", target);
    strcpy(end, "]");
    site->emit(site->context, text(targets));
#endif
    return 0;
}
#endif
HOSTILE(targets_are_facts) { (void)site; }
HOSTILE(targets_twice) { (void)site; }
HOSTILE(facts_while_discovering) { (void)site; }
HOSTILE(thousands_of_targets) { (void)site; }
HOSTILE(escapes_to_the_terminal) { emit(site, "{\"greeting\": \"\\u001b[2Jhello\\u001b]0;owned\\u0007\"}"); }
HOSTILE(targets_of_others) {
    attempt_request(site, "tcp", "{\"ask\": \"connect\", \"address\": \"tcp:127.0.0.1:22\"}");
    attempt_request(site, "unix", "{\"ask\": \"connect\", \"address\": \"unix:" HOSTILE_SOCKET "\"}");
    attempt_request(site, "climbs", "{\"ask\": \"connect\", \"address\": \"unix:/run/../" HOSTILE_SOCKET "\"}");
}

/* The number of the protocol. */
#ifdef HOSTILE_OWN_PROTOCOL
uint32_t goodstead_plugin_protocol(void) { return 99; }
#endif
HOSTILE(another_protocol) { (void)site; }
