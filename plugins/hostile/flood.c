/* Sends and asks for as much as it can, in every form that takes the agent more memory than the plugin. */
#define HOSTILE_OWN_DISCOVERY
#include "hostile.h"

/* A little less than the agent takes of one message. */
#define ROOM ((6 << 20) - 4096)

/* As many of a part as there is room for, between a beginning and an end. */
static GoodsteadBytes many(const char *begin, const char *part, const char *end) {
    static char *buffer;
    if (!buffer) buffer = malloc(ROOM + 4096);
    size_t length = (size_t)sprintf(buffer, "%s", begin), more = strlen(part);
    while (length + more < ROOM) memcpy(buffer + length, part, more), length += more;
    length += (size_t)sprintf(buffer + length, "%s", end);
    return bytes(buffer, length);
}

__attribute__((unused)) static void send_frame(uint32_t kind, uint32_t body_length, uint32_t data_length) {
    uint32_t header[3] = {kind, body_length, data_length};
    if (send(channel(), header, sizeof header, 0) < 0) abort();
}

int32_t goodstead_plugin_discover(const GoodsteadSite *site) {
#if defined(MODE_floods_with_hints)
    site->emit(site->context, many("[{\"title\":\"t\"}", ",{\"title\":\"t\",\"hints\":{\"a\":{\"b\":{\"c\":[]}}}}", "]"));
#elif defined(MODE_floods_with_large_hints)
    site->emit(site->context, many("[{\"title\":\"t\",\"hints\":[0", ",{\"\":0}", "]}]"));
#elif defined(MODE_floods_with_titles)
    site->emit(site->context, many("[{\"title\":\"", "tttttttttttttttt", "\"}]"));
#elif defined(MODE_floods_with_a_reason)
    site->emit(site->context, many("{\"$unknown\":{\"kind\":\"absent\",\"detail\":\"", "dddddddddddddddd", "\"}}"));
#else
    /* Each of them floods. */
    char targets[8192], *end = targets + sprintf(targets, "[{\"title\": \"t\"}");
    for (int target = 0; target < 3; target++) end += sprintf(end, ",{\"title\":\"t\",\"name\":\"t%d\"}", target);
    strcpy(end, "]");
    site->emit(site->context, text(targets));
#endif
    return 0;
}

static void flood(const GoodsteadSite *site, GoodsteadBytes facts) {
    site->emit(site->context, facts);
    has_emitted = 1;
}

HOSTILE(floods_with_lists) { flood(site, many("{\"other\":[[]", ",[]", "]}")); }
HOSTILE(floods_with_maps) { flood(site, many("{\"other\":[0", ",{\"a\":1}", "]}")); }
HOSTILE(floods_with_numbers) { flood(site, many("{\"other\":[0", ",1", "]}")); }
HOSTILE(floods_with_a_partial_list) {
    flood(site, many("{\"records\":{\"$partial\":[{}", ",[]", "],\"$cause\":{\"kind\":\"partial\",\"detail\":\"d\"}}}"));
}
HOSTILE(floods_with_empty_records) { flood(site, many("{\"records\":[{}", ",{}", "]}")); }
HOSTILE(floods_with_wrong_records) { flood(site, many("{\"records\":[1", ",1", "]}")); }
HOSTILE(floods_with_unknown_records) {
    flood(site, many("{\"records\":[{}", ",{\"$unknown\":{\"kind\":\"absent\",\"detail\":\"\"}}", "]}"));
}
HOSTILE(floods_with_a_cause) {
    flood(site, many("{\"$unknown\":{\"kind\":\"absent\",\"detail\":\"", "dddddddddddddddd", "\"}}"));
}
HOSTILE(floods_with_a_remedy) {
    flood(site, many("{\"greeting\":{\"$unknown\":{\"kind\":\"absent\",\"detail\":\"d\",\"remedy\":\"", "rrrrrrrrrrrr", "\"}}}"));
}
HOSTILE(floods_with_a_text) { flood(site, many("{\"greeting\":\"", "tttttttttttttttt", "\"}")); }
HOSTILE(floods_with_a_name) { flood(site, many("{\"", "nnnnnnnnnnnnnnnn", "\": 1}")); }
HOSTILE(floods_with_names) {
    char *facts = malloc(ROOM + 64), *end = facts + sprintf(facts, "{\"greeting\": \"hello\"");
    for (int fact = 0; end - facts < ROOM - 64; fact++) end += sprintf(end, ",\"n%d\":1", fact);
    strcpy(end, "}");
    flood(site, text(facts));
}
HOSTILE(floods_with_settings) {
    char *facts = malloc(ROOM + 64), *end = facts + sprintf(facts, "{\"attempts\": {\"n\": 1");
    for (int fact = 0; end - facts < ROOM - 64; fact++) end += sprintf(end, ",\"%d\":1", fact);
    strcpy(end, "}}");
    flood(site, text(facts));
}
HOSTILE(floods_with_hints) { flood(site, text("{}")); }
HOSTILE(floods_with_large_hints) { flood(site, text("{}")); }
HOSTILE(floods_with_titles) { flood(site, text("{}")); }
HOSTILE(floods_with_a_reason) { flood(site, text("{}")); }

/* Requests of the largest size, past the runner, whose answers are not worth waiting for. */
static void floods_with_requests(const char *begin, const char *part, const char *end) {
    static char request[(1 << 20) + 64];
    size_t length = (size_t)sprintf(request, "%s", begin), more = strlen(part);
    while (length + more + strlen(end) < 1 << 20) memcpy(request + length, part, more), length += more;
    length += (size_t)sprintf(request + length, "%s", end);
    for (int turn = 0; turn < 70; turn++) {
        char reply[1 << 16];
        send_frame(7, (uint32_t)length, 0);
        for (size_t sent = 0; sent < length;) {
            ssize_t now = send(channel(), request + sent, length - sent, 0);
            if (now < 0) abort();
            sent += (size_t)now;
        }
        if (recv(channel(), reply, sizeof reply, 0) <= 0) abort();
    }
    exit(0);
}
HOSTILE(floods_with_paths) { (void)site, floods_with_requests("{\"ask\":\"read\",\"path\":\"/", "pppppppp", "\"}"); }
HOSTILE(floods_with_globs) { (void)site, floods_with_requests("{\"ask\":\"read_many\",\"globs\":[\"/\"", ",\"\"", "]}"); }
HOSTILE(floods_with_nonsense) { (void)site, floods_with_requests("{\"ask\":\"several\",\"requests\":[0", ",{\"\":0}", "]}"); }

/* More of the site than it can want. */
HOSTILE(floods_itself_with_files) {
    for (int turn = 0; turn < 2; turn++) {
        site->ask(site->context, text("{\"ask\": \"read_many\", \"globs\": [\"" HOSTILE_ALLOWED "/large/*\"]}"));
        site->ask(site->context, text("{\"ask\": \"read\", \"path\": \"" HOSTILE_ALLOWED "/large/1\"}"));
    }
    flood(site, text("{\"greeting\": \"hello\"}"));
}
/* Data, which only replies have. */
HOSTILE(floods_with_data) {
    (void)site;
    static char data[1 << 20];
    send_frame(7, 2, 64 << 20);
    for (;;) if (send(channel(), data, sizeof data, 0) < 0) abort();
}
