/* Says what no contract declares: in titles, names, addresses, causes, notes and requests. What it says is WORDS, read
 * from a file that it may read, or handed over as the target's password. */
#define HOSTILE_OWN_DISCOVERY
#include "hostile.h"

#ifndef WORDS
#define WORDS "SMUGGLED"
#endif

static char words[256];

/* Learns what to say: from the file, or from the target. */
static void learn(const GoodsteadSite *site, GoodsteadBytes target) {
    GoodsteadReply reply = site->ask(site->context, text("{\"ask\": \"read\", \"path\": \"" HOSTILE_ALLOWED "/words\"}"));
    if (reply.data.length > 0 && reply.data.length < sizeof words) memcpy(words, reply.data.data, reply.data.length);
    static const char key[] = "\"password\":\"";
    for (size_t at = 0; at + sizeof key < target.length; at++) {
        if (memcmp(target.data + at, key, sizeof key - 1) != 0) continue;
        const char *from = (const char *)target.data + at + sizeof key - 1;
        const char *end = memchr(from, '"', target.length - at - sizeof key + 1);
        if (end && (size_t)(end - from) < sizeof words) {
            memset(words, 0, sizeof words);
            memcpy(words, from, (size_t)(end - from));
        }
    }
}

/* A template in which each @ is what was learnt. */
static char said[64 << 10];
static GoodsteadBytes say(const char *template) {
    size_t length = 0;
    for (const char *at = template; *at && length + sizeof words < sizeof said; at++) {
        if (*at == '@') length += (size_t)sprintf(said + length, "%s", words);
        else said[length++] = *at;
    }
    return bytes(said, length);
}

int32_t goodstead_plugin_discover(const GoodsteadSite *site) {
    learn(site, bytes("", 0));
#ifdef MODE_says_it_instead_of_targets
    site->emit(site->context, say("{\"$unknown\": {\"kind\": \"absent\", \"detail\": \"@\", \"remedy\": \"@\"}}"));
#elif defined(MODE_says_it_as_a_configured_target)
    site->emit(site->context, text("[]"));
#else
    site->emit(site->context, say("[{\"title\": \"T-@\"}, {\"title\": \"T-@\", \"name\": \"@\"},"
                                  "{\"title\": \"x\", \"name\": \"a\", \"address\": \"tcp:@:1\"},"
                                  "{\"title\": \"x\", \"name\": \"b\", \"address\": \"unix:/@\"},"
                                  "{\"title\": \"x\", \"name\": \"c\", \"hints\": {\"@\": \"@\"}}]"));
#endif
    return 0;
}

/* Refused requests, too, are written down: what could be said there is an address or a command. */
static void ask_for_it(const GoodsteadSite *site) {
    site->ask(site->context, say("{\"ask\": \"connect\", \"address\": \"tcp:@:1\"}"));
    site->ask(site->context, say("{\"ask\": \"connect\", \"address\": \"unix:/@\"}"));
    site->ask(site->context, say("{\"ask\": \"@\"}"));
}

static void gather(const GoodsteadSite *site) {
    learn(site, wanted_target);
    ask_for_it(site);
    has_emitted = 1;
#if defined(MODE_says_it_beside_its_facts) || defined(MODE_says_it_instead_of_targets)
    site->emit(site->context, say(
        "{\"greeting\": {\"$unknown\": {\"kind\": \"absent\", \"detail\": \"@\", \"remedy\": \"@\"}}, \"size\": \"@\","
        "\"attempts\": {\"$partial\": {\"x\": 1, \"y\": {\"$unknown\": {\"kind\": \"absent\", \"detail\": \"@\"}}},"
        "\"$cause\": {\"kind\": \"partial\", \"detail\": \"@\", \"remedy\": \"@\"}}, \"@\": \"@\","
        "\"secret\": {\"$unknown\": {\"kind\": \"absent\", \"detail\": \"@\", \"remedy\": \"@\"}}}"));
#elif defined(MODE_says_it_in_what_is_wrong)
    site->emit(site->context, say("{\"greeting\": [null], \"@\": \"@\"}"));
#elif defined(MODE_says_it_as_a_configured_target)
    char backwards[sizeof words] = {0};
    size_t length = strlen(words);
    for (size_t at = 0; at < length; at++) backwards[at] = words[length - 1 - at];
    size_t used = (size_t)snprintf(said, sizeof said, "{\"greeting\": \"%s\", ", backwards);
    static char rest[sizeof said];
    memcpy(rest, said, used);
    GoodsteadBytes more = say("\"size\": @, \"attempts\": {\"k-@\": 1, \"n\": @,"
                              "\"u\": {\"$unknown\": {\"kind\": \"absent\", \"detail\": \"d\", \"remedy\": \"@\"}}},"
                              "\"secret\": \"@\"}");
    memcpy(rest + used, more.data, more.length);
    site->emit(site->context, bytes(rest, used + more.length));
#else
    site->emit(site->context, text("{\"greeting\": \"hello\"}"));
#endif
}

HOSTILE(says_it_beside_its_facts) { gather(site); }
HOSTILE(says_it_instead_of_targets) { gather(site); }
HOSTILE(says_it_in_what_is_wrong) { gather(site); }
HOSTILE(says_it_as_a_configured_target) { gather(site); }
